using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Planning.Tuning;

/// <summary>Renders the one pod that tries unsafe settings before the gateways get them: a Deployment whose pods the kubelet forbids makes dozens of failed ones in seconds.</summary>
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
                        Image = fleet.Spec.Gateway.Image ?? input.DefaultGatewayImage,
                        Args = ["--version"],
                        SecurityContext = PodTemplates.ContainerRights(restricted: true, readOnly: true),
                    },
                ],
            },
        };
        PodTemplates.Place(template, fleet.Spec.Gateway.Template, []);
        template.Spec.TopologySpreadConstraints = null;
        template.Spec.SecurityContext!.Sysctls = PodTemplates.Sysctls(trial);
        return new Pod { Metadata = ObjectMetadata.For(fleet, NodeTuningPlan.TrialName(fleet, trial), labels), Spec = template.Spec };
    }
}
