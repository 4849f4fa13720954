using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Metadata that every object of a fleet has.</summary>
internal static class ObjectMetadata
{
    public static ObjectMeta For(
        ConnectionFleet fleet,
        string name,
        Dictionary<string, string> labels,
        IReadOnlyDictionary<string, string>? annotations = null
    ) =>
        new()
        {
            Name = name,
            Namespace = fleet.Metadata.Namespace ?? "default",
            Labels = labels,
            Annotations = annotations is null or { Count: 0 } ? null : Ordered(annotations),
            OwnerReferences = fleet.Metadata.Uid is null
                ? null
                :
                [
                    new OwnerReference
                    {
                        ApiVersion = FleetApi.ApiVersion,
                        Kind = FleetApi.Kind,
                        Name = fleet.Metadata.Name!,
                        Uid = fleet.Metadata.Uid,
                        Controller = true,
                        // The fleet's own deletion need not wait for its children: they drain for minutes.
                        BlockOwnerDeletion = false,
                    },
                ],
        };

    /// <summary>The user's labels and the fleet's own, which win.</summary>
    public static Dictionary<string, string> With(IReadOnlyDictionary<string, string>? user, Dictionary<string, string> own) =>
        user is null or { Count: 0 } ? own : Ordered(own.Concat(user.Where(label => !own.ContainsKey(label.Key))));

    /// <summary>A copy in the order of the keys, so that equal maps come out as equal texts.</summary>
    public static Dictionary<string, string> Ordered(IEnumerable<KeyValuePair<string, string>> map) =>
        map.OrderBy(entry => entry.Key, StringComparer.Ordinal).ToDictionary(entry => entry.Key, entry => entry.Value);
}
