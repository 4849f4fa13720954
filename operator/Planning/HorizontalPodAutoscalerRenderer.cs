using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Renders the autoscaler that follows the operator's recommendation: all thresholds and times are in the policy, so its own windows are zero.</summary>
internal static class HorizontalPodAutoscalerRenderer
{
    /// <summary>Name of the metric that the operator serves: gateways that the load wants.</summary>
    public const string Metric = "mooring_recommended_gateways";

    private const int DefaultMinReplicas = 2;

    /// <summary>Whether the cluster has dropped the tolerance, as it does where the gate HPAConfigurableTolerance is off.</summary>
    public static bool LacksTolerance(HorizontalPodAutoscaler? live) => live?.Spec?.Behavior?.ScaleUp is { Tolerance: null };

    /// <param name="fleet">Whose it is.</param>
    /// <param name="scaling">Of the fleet.</param>
    /// <param name="live">As the cluster has it; null: not there yet.</param>
    /// <param name="recommended">What the policy says; null: nothing.</param>
    public static HorizontalPodAutoscaler Render(
        ConnectionFleet fleet,
        ScalingSpec scaling,
        HorizontalPodAutoscaler? live = null,
        int? recommended = null
    )
    {
        // Without a tolerance of its own an autoscaler passes over a tenth more or less, and then asks for as many as serve at present, be it because
        // some have crashed. Its bounds hold in any case.
        int? bound = LacksTolerance(live) && recommended is { } number ? Math.Max(1, number) : null;
        return new()
        {
            Metadata = ObjectMetadata.For(
                fleet,
                ResourceNames.Gateway(fleet.Metadata.Name!),
                ResourceLabels.ForGateway(fleet.Metadata.Name!)
            ),
            Spec = new HorizontalPodAutoscalerSpec
            {
                ScaleTargetRef = new CrossVersionObjectReference
                {
                    ApiVersion = FleetApi.ApiVersion,
                    Kind = FleetApi.Kind,
                    Name = fleet.Metadata.Name,
                },
                MinReplicas = bound ?? Math.Max(1, scaling.MinReplicas ?? DefaultMinReplicas),
                MaxReplicas = bound ?? scaling.MaxReplicas,
                Metrics =
                [
                    new MetricSpec
                    {
                        Type = "External",
                        External = new ExternalMetricSource
                        {
                            Metric = new MetricIdentifier
                            {
                                Name = Metric,
                                Selector = new LabelSelector
                                {
                                    MatchLabels = new Dictionary<string, string> { [ResourceLabels.Fleet] = fleet.Metadata.Name! },
                                },
                            },
                            // The sum over one gateway each: what is recommended is what is wanted.
                            Target = new MetricTarget { Type = "AverageValue", AverageValue = "1" },
                        },
                    },
                ],
                Behavior = new HorizontalPodAutoscalerBehavior { ScaleUp = Rules(), ScaleDown = Rules() },
            },
        };
    }

    private static ScalingRulesSpec Rules() =>
        new()
        {
            StabilizationWindowSeconds = 0,
            SelectPolicy = "Max",
            Policies =
            [
                new ScalingPolicySpec
                {
                    Type = "Pods",
                    Value = 1000,
                    PeriodSeconds = 15,
                },
            ],
            Tolerance = "0",
        };
}
