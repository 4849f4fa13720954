using Mooring.Operator.Dashboard;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Host;

/// <summary>Adds to a fleet's overview what only the host knows: its child processes.</summary>
/// <remarks>Reads the runtime's state: used on the supervisor's loop only.</remarks>
internal static class HostOverview
{
    public static FleetOverview Of(FleetRuntime fleet, FleetView view)
    {
        var overview = FleetOverviews.Of(fleet.Entity, fleet.Fleet.Plan.Config, view);
        return overview with
        {
            Phase = fleet.IsStopping ? FleetConditions.Deleting : overview.Phase,
            GatewaysNeeded = fleet.GatewaysNeeded,
            Gateways = [.. fleet.Gateways.Slots.OrderBy(static slot => slot.Number).Select(slot => Gateway(slot, overview))],
            Endpoints =
            [
                .. fleet
                    .Workloads.OrderBy(static pair => pair.Key, StringComparer.Ordinal)
                    .SelectMany(pair =>
                        pair.Value.Slots.OrderBy(static slot => slot.Number).Select(slot => Workload(pair.Key, slot, overview))
                    ),
                // What the fleet does not run itself.
                .. overview.Endpoints.Where(endpoint => !fleet.Workloads.ContainsKey(endpoint.Backend)),
            ],
        };
    }

    private static GatewayOverview Gateway(ChildSlot slot, FleetOverview overview)
    {
        var speaking = overview.Gateways.FirstOrDefault(gateway => gateway.Name == slot.Name && gateway.ProcessId == slot.Process?.Id);
        return (speaking ?? new GatewayOverview { Name = slot.Name, State = slot.Phase.ToString() }) with
        {
            ProcessId = slot.Process?.Id ?? 0,
            State = slot.Serves && speaking is not null ? speaking.State : slot.Phase.ToString(),
            Restarts = slot.Restarts,
            Problem = slot.Problem ?? speaking?.Problem,
        };
    }

    private static EndpointOverview Workload(string backend, ChildSlot slot, FleetOverview overview)
    {
        var load = overview.Endpoints.FirstOrDefault(endpoint => endpoint.Backend == backend && endpoint.Id == slot.Name);
        return new EndpointOverview
        {
            Backend = backend,
            Id = slot.Name,
            Address = $"127.0.0.1:{slot.Port}",
            ProcessId = slot.Process?.Id ?? 0,
            State = slot.Phase == SlotPhase.Ready && load?.State == "Unhealthy" ? "Unhealthy" : slot.Phase.ToString(),
            Connections = load?.Connections ?? 0,
            Restarts = slot.Restarts,
            Problem = slot.Problem,
        };
    }
}
