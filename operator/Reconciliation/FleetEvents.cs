using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Events;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Planning;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Reconciliation;

/// <summary>Tells people what has become of a fleet, in events. Only changes are told: what stays as it was is in the conditions.</summary>
internal sealed class FleetEvents(EventRecorder recorder)
{
    private const string Action = "Reconcile";
    private const int MaxNamed = 10;

    /// <summary>Compares with the status that was written before, which is the fleet's own.</summary>
    public void Report(ConnectionFleet fleet, FleetStatus status, ApplyReport report)
    {
        foreach (var drift in report.Drift)
        {
            recorder.Publish(
                fleet,
                EventType.Normal,
                "Restored",
                Action,
                $"{drift.Object}: {drift.Difference}, which is not what the fleet asks for"
            );
        }

        ReportReady(fleet, Find(fleet.Status, FleetConditions.Ready), Find(status, FleetConditions.Ready));
        ReportRollout(fleet, status);
        ReportScaling(fleet, status);
        ReportWorkloads(fleet, status);
    }

    /// <summary>Tells what has become of a single pod.</summary>
    /// <param name="fleet">Whose pod it is.</param>
    /// <param name="mark">What has changed.</param>
    /// <param name="kind">Gateway or Backend: what the reasons begin with.</param>
    public void Report(ConnectionFleet fleet, MarkChange mark, string kind)
    {
        var (reason, what) = mark switch
        {
            { After: null } => ("Uncordoned", "is wanted again"),
            { After.Drained: true } => ("Drained", "is empty or past its deadline, and goes"),
            { After.DrainStartedAt: not null } => ("Draining", $"drains until {mark.After.Deadline:u} ({mark.After.Cause})"),
            _ => ("Cordoned", $"takes no new connections from now on ({mark.After.Cause})"),
        };
        recorder.Publish(fleet, EventType.Normal, kind + reason, Action, $"{mark.Gateway} {what}", PodOf(fleet, mark.Gateway));
    }

    /// <summary>Tells what kept a fleet from being looked at at all, and so is in none of its conditions.</summary>
    public void Report(ConnectionFleet fleet, KubernetesException error) =>
        recorder.Publish(
            fleet,
            EventType.Warning,
            error.Code == System.Net.HttpStatusCode.Forbidden ? FleetConditions.Forbidden : "ReconcileFailed",
            Action,
            error.Status.Message ?? error.Message
        );

    /// <summary>Tells which nodes may still have what the fleet changed on them.</summary>
    public void ReportUnrestored(ConnectionFleet fleet, IReadOnlyList<string> nodes)
    {
        if (nodes.Count == 0)
        {
            return;
        }

        var named = nodes.Where(static node => node.Length > 0).ToList();
        recorder.Publish(
            fleet,
            EventType.Warning,
            "NodesNotRestored",
            Action,
            $"{nodes.Count} nodes did not say in time that they are as before: {string.Join(", ", named.Take(MaxNamed))}"
                + (nodes.Count > Math.Min(named.Count, MaxNamed) ? " and others" : "")
                + "; what was changed there stays until they start anew"
        );
    }

    /// <summary>Tells that the garbage collector takes everything at once, backends under their connections included.</summary>
    public void ReportForeground(ConnectionFleet fleet) =>
        recorder.Publish(
            fleet,
            EventType.Warning,
            "DeletedInForeground",
            Action,
            "with propagationPolicy Foreground the garbage collector does not wait for the drain: backends of the fleet go at once, and what is proxied to them is cut;"
                + " delete it with Background"
        );

    private void ReportReady(ConnectionFleet fleet, Condition? before, Condition? now)
    {
        if (now is null || (before?.Status == now.Status && before.Reason == now.Reason))
        {
            return;
        }

        if (now.Status == FleetConditions.True)
        {
            recorder.Publish(fleet, EventType.Normal, "Ready", Action, now.Message);
        }
        else if (
            now.Reason
            is FleetConditions.Invalid
                or FleetConditions.ApplyFailed
                or FleetConditions.ConfigRefused
                or FleetConditions.RolloutStalled
        )
        {
            recorder.Publish(fleet, EventType.Warning, now.Reason, Action, now.Message);
        }
        else if (before?.Status == FleetConditions.True)
        {
            recorder.Publish(fleet, EventType.Warning, "NotReady", Action, now.Message);
        }
    }

    private void ReportScaling(ConnectionFleet fleet, FleetStatus status)
    {
        if (status.Scaling is not { } now)
        {
            return;
        }

        var before = fleet.Status?.Scaling;
        // Before the first decision it was as many as there are.
        var wanted = before?.Recommended ?? now.Replicas;
        if (now.Recommended != wanted)
        {
            recorder.Publish(
                fleet,
                EventType.Normal,
                now.Recommended > wanted ? "ScaleUp" : "ScaleDown",
                Action,
                $"{now.Recommended} gateways instead of {wanted}: {now.Message}",
                byNote: true
            );
        }

        // Where it is on its way down to a maximum that was lowered, the load may well want no more.
        if (now.Reason == FleetConditions.AtMaximum && now.Recommended == now.Replicas && before?.Reason != now.Reason)
        {
            recorder.Publish(fleet, EventType.Warning, "ScalingLimited", Action, now.Message ?? "");
        }
    }

    private void ReportWorkloads(ConnectionFleet fleet, FleetStatus status)
    {
        foreach (var now in status.Workloads ?? [])
        {
            var before = fleet.Status?.Workloads?.FirstOrDefault(workload => workload.Name == now.Name);
            if (before is not null && now.Reason is not null && now.Replicas != before.Replicas)
            {
                recorder.Publish(
                    fleet,
                    EventType.Normal,
                    now.Replicas > before.Replicas ? "BackendScaleUp" : "BackendScaleDown",
                    Action,
                    $"backend {now.Name}: {now.Replicas} pods instead of {before.Replicas}: {now.Message}",
                    byNote: true
                );
            }

            if (now.Reason == FleetConditions.AtMaximum && now.Replicas == before?.Replicas && before.Reason != now.Reason)
            {
                recorder.Publish(fleet, EventType.Warning, "BackendScalingLimited", Action, $"backend {now.Name}: {now.Message}");
            }
        }
    }

    private void ReportRollout(ConnectionFleet fleet, FleetStatus status)
    {
        var before = fleet.Status?.Rollout;
        if (status.Rollout is not { } now || before is null || (before.Phase == now.Phase && before.Revision == now.Revision))
        {
            return;
        }

        recorder.Publish(fleet, EventType.Normal, $"Rollout{now.Phase}", Action, $"revision {now.Revision}, {Older(now)}", byNote: true);
    }

    // One that has drained is still there for a moment when the rollout is complete.
    private static string Older(RolloutStatus now) =>
        (now.Outdated == 0 ? "no older gateway left" : $"{now.Outdated} older gateway{(now.Outdated == 1 ? "" : "s")} left")
        + (now.Outdated > 0 && now.Phase == nameof(SequencePhase.Complete) ? ", empty and on the way out" : "");

    private static ObjectReference PodOf(ConnectionFleet fleet, string name) =>
        new()
        {
            ApiVersion = "v1",
            Kind = "Pod",
            Namespace = fleet.Metadata.Namespace,
            Name = name,
        };

    private static Condition? Find(FleetStatus? status, string type) =>
        status?.Conditions?.FirstOrDefault(condition => condition.Type == type);
}
