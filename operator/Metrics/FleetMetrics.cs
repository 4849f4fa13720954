using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;
using Mooring.Operator.Reconciliation;

namespace Mooring.Operator.Metrics;

/// <summary>The operator's own instruments: gauges for each fleet, and what applying plans has done. Thread-safe.</summary>
/// <remarks>Requests, informers, work queue and reconciles are measured by the Kubernetes library itself.</remarks>
internal sealed class FleetMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string Name = "Mooring.Operator";

    /// <summary>Its own: there is one for each operator in the process.</summary>
    internal Meter Meter { get; } = new(Name);

    private readonly ConcurrentDictionary<ObjectKey, FleetStatus> _fleets = new();
    private readonly Counter<long> _objects;

    public FleetMetrics(GatewayHub hub)
    {
        _objects = Meter.CreateCounter<long>("mooring.objects", "{object}", "Objects of plans, by what was done about them");
        Meter.CreateObservableGauge("mooring.stream.gateways", () => hub.Count, "{gateway}", "Gateways whose stream is open");
        Gauge(
            "mooring.fleet.gateways",
            "{gateway}",
            "Gateways of the fleet, by state",
            status => [("desired", status.Gateways?.Desired), ("ready", status.Gateways?.Ready), ("draining", status.Gateways?.Draining)]
        );
        Gauge(
            "mooring.fleet.backends",
            "{endpoint}",
            "Backend endpoints of the fleet, by state",
            status => [("desired", status.Backends?.Desired), ("ready", status.Backends?.Ready)]
        );
        Gauge(
            "mooring.fleet.connections",
            "{connection}",
            "Client connections of the fleet: open, and what its serving gateways take",
            status => [("current", status.Connections?.Current), ("capacity", status.Connections?.Capacity)]
        );
        Gauge(
            "mooring.workload.replicas",
            "{pod}",
            "Pods that a workload backend is to have",
            status => (status.Workloads ?? []).Select(workload => (workload.Name, (long?)workload.Replicas)),
            label: "backend"
        );
        Gauge(
            "mooring.workload.connections",
            "{connection}",
            "Connections that the gateways have to a workload backend",
            status => (status.Workloads ?? []).Select(workload => (workload.Name, (long?)workload.Connections)),
            label: "backend"
        );
        Gauge(
            "mooring.fleet.draining.connections",
            "{connection}",
            "Connections that are left on gateways that are being emptied",
            status => [("remaining", status.Rollout?.Remaining)]
        );
        Gauge(
            "mooring.fleet.skew.percent",
            "",
            "How far the fullest gateway is above its share of the connections, in percent of that share",
            status => [("current", status.Connections?.SkewPercent)]
        );
        Gauge(
            "mooring.fleet.rollout.gateways",
            "{gateway}",
            "Gateways by revision: of the wanted one, or of another",
            status => [("updated", status.Rollout?.Updated), ("outdated", status.Rollout?.Outdated)]
        );
        Gauge(
            "mooring.fleet.rollout.progress.timestamp",
            "s",
            "Unix time at which a rollout that still misses gateways got on last; none where it misses none",
            status => [("last", RolloutProgress.Read(status)?.ToUnixTimeSeconds())]
        );
        Gauge(
            "mooring.fleet.tuning.nodes",
            "{node}",
            "Nodes that the tuner is to run on, and those that are as wanted",
            status => [("wanted", status.Tuning?.Nodes), ("tuned", status.Tuning?.Tuned)]
        );
        Gauge(
            "mooring.fleet.tuning.problems",
            "{setting}",
            "Kernel settings of nodes and pods that are not as wanted",
            status => [("open", status.Tuning?.ProblemCount)]
        );
        Gauge(
            "mooring.fleet.recommended.gateways",
            "{gateway}",
            "Gateways that the load wants, where there is a driver to scale them",
            status => [("recommended", status.Scaling?.Recommended)]
        );
        Gauge(
            "mooring.fleet.condition",
            "",
            "1 while the condition is True",
            status =>
                (status.Conditions ?? []).Select(condition => (condition.Type, (long?)(condition.Status == FleetConditions.True ? 1 : 0))),
            label: "type"
        );
    }

    public void Note(ObjectKey fleet, FleetStatus status, ApplyReport report)
    {
        _fleets[fleet] = status;
        Count("applied", report.Applied);
        Count("unchanged", report.Unchanged);
        Count("deleted", report.Deleted);
        Count("restored", report.Drift.Count);
        Count("failed", report.Problems.Count);
    }

    public void Forget(ObjectKey fleet) => _fleets.TryRemove(fleet, out _);

    public void Dispose() => Meter.Dispose();

    private void Count(string outcome, int objects)
    {
        if (objects > 0)
        {
            _objects.Add(objects, new KeyValuePair<string, object?>("outcome", outcome));
        }
    }

    private void Gauge(
        string name,
        string unit,
        string description,
        Func<FleetStatus, IEnumerable<(string Value, long? Number)>> read,
        string label = "state"
    ) =>
        Meter.CreateObservableGauge(
            name,
            () =>
                _fleets.SelectMany(fleet =>
                    read(fleet.Value)
                        .Where(pair => pair.Number is not null)
                        .Select(pair => new Measurement<long>(
                            pair.Number!.Value,
                            new KeyValuePair<string, object?>("namespace", fleet.Key.Namespace),
                            new KeyValuePair<string, object?>("fleet", fleet.Key.Name),
                            new KeyValuePair<string, object?>(label, pair.Value)
                        ))
                ),
            unit,
            description
        );
}
