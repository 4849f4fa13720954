using Mooring.Kubernetes.Models;
using Mooring.Operator.Scaling.Autoscaling;

namespace Mooring.Operator.Planning.Workloads;

/// <summary>Says whether the workloads' pods follow the connections: the condition WorkloadScalingActive.</summary>
internal static class WorkloadConditions
{
    public static IEnumerable<Condition> Calculate(StatusInput input)
    {
        var scaled = (input.Plan?.Workloads ?? []).Where(static workload => workload.Scaling is not null).ToList();
        if (scaled.Count > 0)
        {
            yield return ConditionCalculator.Write(FleetConditions.WorkloadScalingActive, Judge(scaled), input);
        }
    }

    private static ConditionCalculator.Finding Judge(List<WorkloadPlan> scaled)
    {
        var paused = Names(scaled, ScalingReason.Paused);
        if (paused.Length > 0)
        {
            return new(FleetConditions.False, FleetConditions.Paused, $"scaling is paused: {paused}");
        }

        var silent = Names(scaled, ScalingReason.NoReports);
        if (silent.Length > 0)
        {
            return new(FleetConditions.Unknown, FleetConditions.NoReports, $"not every gateway has reported its load: {silent}");
        }

        var limited = Names(scaled, ScalingReason.AtMaximum);
        return limited.Length > 0
            ? new(FleetConditions.True, FleetConditions.AtMaximum, $"the connections want more pods than the maximum: {limited}")
            : new(FleetConditions.True, "Following", "");
    }

    private static string Names(List<WorkloadPlan> scaled, ScalingReason reason) =>
        string.Join(", ", scaled.Where(workload => workload.Scaling!.Reason == reason).Select(static workload => workload.Backend));
}
