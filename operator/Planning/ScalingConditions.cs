using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Scaling.Autoscaling;

namespace Mooring.Operator.Planning;

/// <summary>Says whether the number of gateways follows the load: the condition ScalingActive.</summary>
internal static class ScalingConditions
{
    private const string WithoutTolerance =
        "this cluster's HorizontalPodAutoscaler has no tolerance (feature gate HPAConfigurableTolerance) and would pass over a tenth more or less: "
        + "its minReplicas and maxReplicas are set to what is recommended";

    public static IEnumerable<Condition> Calculate(StatusInput input)
    {
        if (input.Plan?.Scaling is { } decision)
        {
            yield return ConditionCalculator.Write(FleetConditions.ScalingActive, Judge(input, decision), input);
        }
    }

    private static ConditionCalculator.Finding Judge(StatusInput input, ScalingDecision decision)
    {
        if (decision.Reason is ScalingReason.Paused)
        {
            return new(FleetConditions.False, FleetConditions.Paused, "scaling is paused");
        }

        var driver = input.Input.Fleet.Spec.Scaling?.Driver;
        var broken = input.Input.Autoscaler?.Status?.Conditions?.Find(condition =>
            condition is { Type: "ScalingActive" or "AbleToScale", Status: "False" }
        );
        if (driver == ScalingDrivers.HorizontalPodAutoscaler && broken is not null)
        {
            return new(FleetConditions.False, "AutoscalerInactive", $"the HorizontalPodAutoscaler says {broken.Reason}: {broken.Message}");
        }

        // Without the figures, which change with each report.
        return decision.Reason is ScalingReason.NoReports
                ? new(FleetConditions.Unknown, FleetConditions.NoReports, "not every gateway has reported its load")
            : decision.Reason is ScalingReason.AtMaximum && decision.Recommended == input.Input.Fleet.Spec.Gateway.Replicas
                ? new(
                    FleetConditions.True,
                    FleetConditions.AtMaximum,
                    $"the load wants more than the maximum of {decision.Recommended} gateways"
                )
            : driver == ScalingDrivers.HorizontalPodAutoscaler && HorizontalPodAutoscalerRenderer.LacksTolerance(input.Input.Autoscaler)
                ? new(FleetConditions.True, FleetConditions.FollowingByBounds, WithoutTolerance)
            : new(FleetConditions.True, driver == ScalingDrivers.External ? "Recommending" : "Following", "");
    }
}
