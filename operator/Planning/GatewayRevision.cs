using System.Security.Cryptography;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Planning;

/// <summary>A pod template of the gateways and the name that follows from it: another template, another name.</summary>
/// <remarks>The fleet's listeners, backends and limits are not in the template, so that a change of them rolls no pod.</remarks>
internal sealed record GatewayRevision(string Name, PodTemplateSpec Template)
{
    public static GatewayRevision Of(FleetInput input, IReadOnlyList<KeyValuePair<string, string>> sysctls)
    {
        var template = GatewayPodRenderer.Render(input, sysctls);
        // Serialised through a Deployment, the kind that the JSON context knows; before its own label is in it.
        var json = ResourcesJson.Serialize(new Deployment { Spec = new DeploymentSpec { Template = template } });
        var name = Convert.ToHexStringLower(SHA256.HashData(json))[..8];
        template.Metadata!.Labels![ResourceLabels.Revision] = name;
        return new GatewayRevision(name, template);
    }
}
