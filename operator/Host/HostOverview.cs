using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Operator.Dashboard;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Host;

/// <summary>Sums up a fleet of this machine for people. Reads the runtime's state: used on the supervisor's loop only.</summary>
internal static class HostOverview
{
    public static FleetOverview Of(FleetRuntime fleet, FleetView view)
    {
        var config = fleet.Fleet.Plan.Config;
        var parts = fleet.Key.Split('/');
        var gateways = fleet.Gateways.Slots.OrderBy(static slot => slot.Number).Select(slot => Gateway(slot, view)).ToList();
        var endpoints = fleet.Workloads.OrderBy(static pair => pair.Key, StringComparer.Ordinal)
            .SelectMany(pair => pair.Value.Slots.OrderBy(static slot => slot.Number).Select(slot => Workload(pair.Key, slot, view)))
            .Concat(config.Backends.Where(static backend => backend.Source == EndpointSource.Static).SelectMany(backend => Static(backend, view)))
            .ToList();
        var wanted = config.Backends.Sum(static backend => backend.Addresses.Count) + fleet.Workloads.Values.Sum(static group => group.Desired);
        var ready = endpoints.Count(static endpoint => endpoint.State == nameof(SlotPhase.Ready));
        var conditions = Conditions(fleet, view, ready, wanted, [.. gateways.Select(static one => one.Problem), .. endpoints.Select(static one => one.Problem)]);
        return new FleetOverview
        {
            Namespace = parts[0],
            Name = parts[1],
            Phase = Phase(fleet, conditions),
            CreatedAt = fleet.CreatedAt,
            GatewaysReady = fleet.Gateways.Ready,
            GatewaysDesired = fleet.Gateways.Desired,
            GatewaysDraining = fleet.Gateways.Draining,
            BackendsReady = ready,
            BackendsDesired = wanted,
            Connections = view.Connections,
            Capacity = view.Capacity,
            ConfigHash = fleet.Fleet.Plan.ConfigHash,
            ConfigAcked = view.AckedSummary,
            Conditions = conditions,
            Listeners = [.. config.Listeners.Select(listener => Listener(listener, view))],
            Gateways = gateways,
            Endpoints = endpoints,
        };
    }

    private static string Phase(FleetRuntime fleet, IReadOnlyList<ConditionOverview> conditions) =>
        fleet.IsStopping ? "Deleting"
        : conditions.Any(static condition => condition is { Type: "Degraded", Status: "True" }) ? "Degraded"
        : conditions.Any(static condition => condition is { Type: "Ready", Status: "True" }) ? "Ready"
        : "Progressing";

    private static List<ConditionOverview> Conditions(
        FleetRuntime fleet, FleetView view, int backendsReady, int backendsWanted, IReadOnlyList<string?> problems)
    {
        var gateways = fleet.Gateways;
        var ready = !fleet.IsStopping
            && gateways.Ready == gateways.Desired && gateways.Draining == 0
            && backendsReady >= backendsWanted
            && view.AckedCount == view.Gateways.Count;
        var counts = $"{gateways.Ready}/{gateways.Desired} gateways, {backendsReady}/{backendsWanted} backends, config {view.AckedSummary}";
        var refused = view.Gateways.FirstOrDefault(gateway => gateway.RefusedHash == view.DesiredHash && gateway.RefusedHash is not null);
        var problem = refused is not null
            ? $"{refused.Name} refuses the config: {string.Join("; ", refused.ConfigErrors)}"
            : problems.FirstOrDefault(static problem => problem is not null);
        return
        [
            Condition("Ready", ready, ready ? "AllReady" : "NotAllReady", counts),
            Condition("Progressing", !ready, ready ? "Complete" : "Converging", counts),
            Condition(
                "Degraded", problem is not null, refused is not null ? "ConfigRefused" : problem is null ? "AsExpected" : "ChildFailing", problem ?? ""),
        ];
    }

    private static ConditionOverview Condition(string type, bool status, string reason, string message) =>
        new(type, status ? "True" : "False", reason, message);

    private static GatewayOverview Gateway(ChildSlot slot, FleetView view)
    {
        var gateway = view.Gateways.FirstOrDefault(gateway => gateway.Name == slot.Name && gateway.Hello.ProcessId == slot.Process?.Id);
        var state = slot.Phase is SlotPhase.Ready or SlotPhase.Draining && gateway?.State is { } reported ? reported.ToString() : slot.Phase.ToString();
        return new GatewayOverview
        {
            Name = slot.Name,
            State = state,
            ProcessId = slot.Process?.Id ?? 0,
            Connections = gateway?.Report?.Connections ?? 0,
            Capacity = gateway?.Report?.Capacity ?? 0,
            ConfigCurrent = gateway?.ConfigHash is { } hash && hash == view.DesiredHash,
            ResidentBytes = gateway?.Report?.ResidentBytes ?? 0,
            CpuSeconds = gateway?.Report?.CpuSeconds ?? 0,
            Restarts = slot.Restarts,
            Problem = slot.Problem,
        };
    }

    private static EndpointOverview Workload(string backend, ChildSlot slot, FleetView view) => new()
    {
        Backend = backend,
        Id = slot.Name,
        Address = $"127.0.0.1:{slot.Port}",
        State = slot.Phase.ToString(),
        Connections = Loads(view, backend, slot.Name).Sum(static load => (long)load.Connections),
        Restarts = slot.Restarts,
        Problem = slot.Problem,
    };

    private static IEnumerable<EndpointOverview> Static(BackendConfig backend, FleetView view) => backend.Addresses.Select(address =>
    {
        var loads = Loads(view, backend.Name, address.Address).ToList();
        return new EndpointOverview
        {
            Backend = backend.Name,
            Id = address.Address,
            Address = address.Address,
            // Nobody starts it, so it counts as ready until the gateways find otherwise.
            State = loads.Any(static load => !load.Healthy) ? "Unhealthy" : nameof(SlotPhase.Ready),
            Connections = loads.Sum(static load => (long)load.Connections),
        };
    });

    private static IEnumerable<EndpointLoad> Loads(FleetView view, string backend, string endpoint) => view.Gateways
        .SelectMany(static gateway => gateway.Report?.Backends ?? [])
        .Where(load => load.Name == backend)
        .SelectMany(static load => load.Endpoints)
        .Where(load => load.Id == endpoint);

    private static ListenerOverview Listener(ListenerConfig listener, FleetView view)
    {
        var loads = view.Gateways.SelectMany(static gateway => gateway.Report?.Listeners ?? []).Where(load => load.Name == listener.Name).ToList();
        return new ListenerOverview(
            listener.Name,
            listener.Protocol.ToString(),
            listener.Port,
            listener.Backend,
            loads.Sum(static load => (long)load.Connections),
            loads.Sum(static load => load.AcceptedTotal),
            loads.Sum(static load => load.RefusedTotal.Values.Sum()));
    }
}
