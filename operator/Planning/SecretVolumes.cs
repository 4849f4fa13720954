using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Planning;

/// <summary>Mounts the Secrets that a fleet names into its gateways' pods; the operator itself never reads one.</summary>
/// <remarks>
/// Not optional: a pod whose Secret is missing does not start, says so in an event, and the fleet's Ready condition names the Secrets.
/// Whole folders rather than single files, since only those follow a Secret's changes.
/// </remarks>
internal static class SecretVolumes
{
    public static IEnumerable<Volume> Volumes(FleetInput input) =>
        Used(input)
            .Select(
                static (secret, i) =>
                    new Volume
                    {
                        Name = VolumeName(i),
                        Secret = new SecretVolumeSource { SecretName = secret },
                    }
            );

    public static IEnumerable<VolumeMount> Mounts(FleetInput input) =>
        Used(input)
            .Select(
                static (secret, i) =>
                    new VolumeMount
                    {
                        Name = VolumeName(i),
                        MountPath = SecretPaths.Mounted.Of(secret),
                        ReadOnly = true,
                    }
            );

    // By name, so that the order of listeners does not roll the pods.
    private static IEnumerable<string> Used(FleetInput input) =>
        SecretPaths.Used(input.Fleet.Spec).Select(static use => use.Name).Order(StringComparer.Ordinal);

    // A Secret's name may be longer than a volume's, and have dots.
    private static string VolumeName(int number) => $"secret-{number}";
}
