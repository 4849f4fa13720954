using Mooring.Contracts.Configuration;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Dashboard;

/// <summary>Sums up a fleet for people. Pure: the same for a cluster and for a single machine.</summary>
public static class FleetOverviews
{
    /// <summary>From the fleet with its status, the config in force and what the gateways say.</summary>
    /// <param name="fleet">With the status that was calculated last.</param>
    /// <param name="config">Null where there is none yet.</param>
    /// <param name="view">What the connected gateways say.</param>
    public static FleetOverview Of(ConnectionFleet fleet, GatewayConfig? config, FleetView view)
    {
        var status = fleet.Status ?? new();
        return new FleetOverview
        {
            Namespace = fleet.Metadata.Namespace ?? "default",
            Name = fleet.Metadata.Name ?? "",
            Phase = status.Phase ?? "Pending",
            CreatedAt = fleet.Metadata.CreationTimestamp ?? DateTimeOffset.UnixEpoch,
            GatewaysReady = status.Gateways?.Ready ?? 0,
            GatewaysDesired = status.Gateways?.Desired ?? fleet.Spec.Gateway.Replicas,
            GatewaysDraining = status.Gateways?.Draining ?? 0,
            BackendsReady = status.Backends?.Ready ?? 0,
            BackendsDesired = status.Backends?.Desired ?? 0,
            // A cluster's operator that does not lead hears no gateway.
            Connections = view.Gateways.Count > 0 ? view.Connections : status.Connections?.Current ?? 0,
            Capacity = view.Gateways.Count > 0 ? view.Capacity : status.Connections?.Capacity ?? 0,
            ConfigHash = view.DesiredHash ?? status.Config?.Hash,
            ConfigAcked = view.Gateways.Count > 0 ? view.AckedSummary : status.Config?.Acked,
            Conditions =
            [
                .. (status.Conditions ?? []).Select(static condition => new ConditionOverview(
                    condition.Type,
                    condition.Status,
                    condition.Reason,
                    condition.Message
                )),
            ],
            Listeners = [.. (config?.Listeners ?? []).Select(listener => Listener(listener, view))],
            Tunnels = TunnelsOverview.Of(view),
            Gateways = [.. view.Gateways.Select(gateway => Gateway(gateway, view))],
            Endpoints = [.. (config?.Backends ?? []).SelectMany(backend => Endpoints(backend, view))],
        };
    }

    private static ListenerOverview Listener(ListenerConfig listener, FleetView view)
    {
        var loads = view
            .Gateways.SelectMany(static gateway => gateway.Report?.Listeners ?? [])
            .Where(load => load.Name == listener.Name)
            .ToList();
        return new ListenerOverview(
            listener.Name,
            listener.Protocol.ToString(),
            listener.Port,
            listener.Backend,
            loads.Sum(static load => (long)load.Connections),
            Total(loads.Select(static load => load.AcceptedTotal)),
            Total(loads.SelectMany(static load => load.RefusedTotal.Values))
        );
    }

    // Peers may report any number: a sum that does not fit is no reason to fail.
    private static long Total(IEnumerable<long> counts) => (long)Math.Min(long.MaxValue, counts.Sum(static count => (decimal)count));

    private static GatewayOverview Gateway(GatewayView gateway, FleetView view) =>
        new()
        {
            Name = gateway.Name,
            State = gateway.State?.ToString() ?? "Starting",
            ProcessId = gateway.Hello.ProcessId,
            Connections = gateway.Report?.Connections ?? 0,
            Capacity = gateway.Report?.Capacity ?? 0,
            ConfigCurrent = gateway.ConfigHash is { } hash && hash == view.DesiredHash,
            ResidentBytes = gateway.Report?.ResidentBytes ?? 0,
            CpuSeconds = gateway.Report?.CpuSeconds ?? 0,
            Problem = gateway.RefusedHash is not null ? $"refuses the config: {string.Join("; ", gateway.ConfigErrors)}" : null,
        };

    /// <summary>Each endpoint that any gateway speaks of.</summary>
    private static IEnumerable<EndpointOverview> Endpoints(BackendConfig backend, FleetView view) =>
        view
            .Gateways.SelectMany(static gateway => gateway.Report?.Backends ?? [])
            .Where(load => load.Name == backend.Name)
            .SelectMany(static load => load.Endpoints)
            .GroupBy(static load => load.Id, StringComparer.Ordinal)
            .OrderBy(static loads => loads.Key, StringComparer.Ordinal)
            .Select(loads => new EndpointOverview
            {
                Backend = backend.Name,
                Id = loads.Key,
                Address = loads.Key,
                State =
                    loads.All(static load => load.Gone) ? "Draining"
                    : loads.All(static load => load.Gone || load.Healthy) ? "Ready"
                    : "Unhealthy",
                Connections = loads.Sum(static load => (long)load.Connections),
            });
}
