using Mooring.Contracts.Stream;
using Mooring.Operator.Entities.Attributes;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.AdminApi;

[Description("Health, circuit breakers and queues of each gateway's backends: what /backends of a gateway's own port shows.")]
internal sealed record BackendsAnswer([property: Description("Each gateway that has reported.")] IReadOnlyList<GatewayBackends> Gateways)
{
    public static BackendsAnswer Of(IEnumerable<FleetView> views) =>
        new([
            .. views
                .SelectMany(static view => view.Gateways)
                .Where(static gateway => gateway.Report is not null)
                .Select(static gateway => new GatewayBackends(gateway.Hello.Fleet, gateway.Name, gateway.Report!.Backends)),
        ]);
}

[Description("The backends as one gateway sees them.")]
internal sealed record GatewayBackends(
    [property: Description("namespace/name.")] string Fleet,
    [property: Description("Name of the gateway.")] string Gateway,
    [property: Description("Its backends.")] IReadOnlyList<BackendLoad> Backends
);
