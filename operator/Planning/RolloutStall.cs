using Mooring.Kubernetes.Models;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Planning;

/// <summary>
/// Says why a rollout makes no progress, once the cluster has given up waiting for its first step (<c>progressDeadlineSeconds</c>), or any is
/// overdue by <see cref="RolloutProgress"/>. Pure.
/// </summary>
internal static class RolloutStall
{
    private const int MaxGateways = 3;

    // Waiting for no fault of its own.
    private static readonly string[] Normal = ["ContainerCreating", "PodInitializing"];

    /// <summary>Null: it goes on, or is complete.</summary>
    public static string? Find(FleetInput input, FleetPlan plan, bool isOverdue)
    {
        var deployment = Deployment(input, plan);
        var gaveUp = deployment?.Status?.Conditions?.Find(static condition =>
            condition is { Type: "Progressing", Status: "False", Reason: "ProgressDeadlineExceeded" }
        );
        if (gaveUp is not null && (deployment!.Status!.AvailableReplicas ?? 0) >= (deployment.Spec?.Replicas ?? 0))
        {
            gaveUp = null;
        }

        return gaveUp is not null || (isOverdue && plan.Rollout is SequencePhase.Surging or SequencePhase.Draining)
            ? $"revision {plan.Revision} makes no progress: {Why(input, plan) ?? gaveUp?.Message ?? "its gateways do not become ready"}"
            : null;
    }

    /// <summary>What keeps gateways of the wanted revision from serving, by their pods or processes and by what refuses to have more; null where none says.</summary>
    public static string? Why(FleetInput input, FleetPlan plan)
    {
        var reasons = (input.Platform == FleetPlatform.Host ? OfProcesses(input, plan) : OfPods(input, plan)).Take(MaxGateways).ToList();
        if (Refusal(input, plan) is { } refusal)
        {
            reasons.Insert(0, refusal);
        }

        return reasons.Count > 0 ? string.Join("; ", reasons) : null;
    }

    private static IEnumerable<string> OfProcesses(FleetInput input, FleetPlan plan) =>
        input
            .Gateways.Where(process =>
                process.Gateway.Mark is null
                && process.Gateway.Revision == plan.Revision
                && (process.Gateway.Stage == GatewayStage.Pending || (process.Failure is not null && !HasSettled(process.Gateway, input)))
            )
            .OrderBy(static process => process.Gateway.Name, StringComparer.Ordinal)
            .Select(static process => $"{process.Gateway.Name}: {process.Failure ?? "runs, and does not come to serve"}");

    private static bool HasSettled(SequenceGateway gateway, FleetInput input) =>
        gateway.IsSettled(input.Now, RolloutProgress.MinReady(input.Fleet.Spec.Gateway.Rollout));

    private static IEnumerable<string> OfPods(FleetInput input, FleetPlan plan)
    {
        var settled = GatewayObserver
            .Gateways(input)
            .Where(gateway => HasSettled(gateway, input))
            .Select(static gateway => gateway.Name)
            .ToHashSet(StringComparer.Ordinal);
        return input
            .Pods.Where(pod =>
                pod.Metadata.Labels?.GetValueOrDefault(ResourceLabels.Revision) == plan.Revision && pod.Metadata.DeletionTimestamp is null
            )
            .OrderBy(static pod => pod.Metadata.Name, StringComparer.Ordinal)
            .Select(pod => (pod.Metadata.Name, Reason: ReasonOf(pod) ?? (settled.Contains(pod.Metadata.Name!) ? null : LastEndOf(pod))))
            .Where(static one => one.Reason is not null)
            .Select(static one => $"{one.Name}: {one.Reason}");
    }

    /// <summary>How the container of a pod that runs, and may even be ready, ended before; null: it never did.</summary>
    private static string? LastEndOf(Pod pod) =>
        pod.Status?.ContainerStatuses?.Find(static container => container is { RestartCount: > 0, LastState.Terminated: not null })
            is { LastState.Terminated: { } last } container
            ? Join(
                $"started {container.RestartCount + 1} times, last ended with exit code {last.ExitCode ?? 0}",
                last.Message ?? last.Reason
            )
            : null;

    /// <summary>Why the cluster makes no more pods of the wanted revision (a quota, an admission webhook); null: it does.</summary>
    public static string? Refusal(FleetInput input, FleetPlan plan) =>
        Deployment(input, plan)?.Status?.Conditions?.Find(static condition => condition is { Type: "ReplicaFailure", Status: "True" })
            is { } failure
            ? Join(failure.Reason, failure.Message)
            : null;

    private static Deployment? Deployment(FleetInput input, FleetPlan plan) =>
        input.Deployments.FirstOrDefault(deployment => deployment.Metadata.Name == plan.GatewayDeployment);

    private static string? ReasonOf(Pod pod)
    {
        var conditions = pod.Status?.Conditions ?? [];
        if (conditions.Find(static condition => condition is { Type: "PodScheduled", Status: "False" }) is { } unscheduled)
        {
            return Join(unscheduled.Reason, unscheduled.Message);
        }

        foreach (var container in pod.Status?.ContainerStatuses ?? [])
        {
            if (container.State?.Waiting is { Reason: { Length: > 0 } reason } waiting && !Normal.Contains(reason, StringComparer.Ordinal))
            {
                return Join(reason, waiting.Message);
            }
        }

        if (pod.Status is { Phase: "Failed" } failed)
        {
            return Join(failed.Reason ?? "Failed", failed.Message);
        }

        return conditions.Find(static condition => condition is { Type: "Ready", Status: "False" }) is { } unready
            ? LastEndOf(pod) ?? Join(unready.Reason ?? "NotReady", unready.Message)
            : null;
    }

    private static string Join(string? reason, string? message) => string.IsNullOrEmpty(message) ? reason ?? "" : $"{reason}: {message}";
}
