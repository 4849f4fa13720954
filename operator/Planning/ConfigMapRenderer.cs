using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Planning;

/// <summary>Renders the ConfigMap that a gateway starts from when the operator is away.</summary>
internal static class ConfigMapRenderer
{
    public const string ConfigKey = "gateway.json";
    public const string CaKey = "ca.crt";

    public static ConfigMap Render(FleetInput input, GatewayConfig config)
    {
        var data = new Dictionary<string, string>
        {
            [ConfigKey] = JsonSerializer.Serialize(config, ContractsJson.Strict.GatewayConfig) + "\n",
        };
        if (input.Stream is { } stream)
        {
            data[CaKey] = stream.CaBundle;
        }

        var name = input.Fleet.Metadata.Name!;
        return new ConfigMap
        {
            Metadata = ObjectMetadata.For(
                input.Fleet,
                ResourceNames.Gateway(name),
                ResourceLabels.ForGateway(name),
                LastGoodSpec.Write(input.Fleet.Spec) is { } spec
                    ? new Dictionary<string, string> { [LastGoodSpec.Annotation] = spec }
                    : null
            ),
            Data = data,
        };
    }
}
