using System.Security.Cryptography;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Planning.Tuning;

/// <summary>Renders the one pod that tries unsafe settings before the gateways get them: a Deployment whose pods the kubelet forbids makes dozens of failed ones in seconds.</summary>
/// <remarks>Hardly anything of a pod can be changed once it is there, so what is in it is in its name: another pod is another trial.</remarks>
internal static class SysctlTrialRenderer
{
    public static Pod Render(FleetInput input, IReadOnlyList<KeyValuePair<string, string>> trial)
    {
        var fleet = input.Fleet;
        var labels = ResourceLabels.ForTrial(fleet.Metadata.Name!);
        var template = new PodTemplateSpec
        {
            Metadata = new ObjectMeta { Labels = labels },
            Spec = new PodSpec
            {
                AutomountServiceAccountToken = false,
                EnableServiceLinks = false,
                RestartPolicy = "Never",
                TerminationGracePeriodSeconds = 0,
                SecurityContext = PodTemplates.PodRights(restricted: true),
                Containers =
                [
                    new Container
                    {
                        Name = "trial",
                        Image = GatewayImages.InForce(input),
                        Args = ["--version"],
                        Resources = TunerRenderer.Resources(),
                        SecurityContext = PodTemplates.ContainerRights(restricted: true, readOnly: true),
                    },
                ],
            },
        };
        PodTemplates.PlaceBeside(template, fleet.Spec.Gateway.Template);
        template.Spec.SecurityContext!.Sysctls = PodTemplates.Sysctls(trial);
        var json = ResourcesJson.Serialize(new Pod { Spec = template.Spec });
        var name = ResourceNames.SysctlTrial(fleet.Metadata.Name!, Convert.ToHexStringLower(SHA256.HashData(json))[..8]);
        return new Pod { Metadata = ObjectMetadata.For(fleet, name, labels), Spec = template.Spec };
    }
}
