namespace Mooring.Operator.Entities;

/// <summary>Who changes the number of gateways.</summary>
public static class ScalingDrivers
{
    /// <summary>An autoscaler of the cluster, which reads the operator's metric.</summary>
    public const string HorizontalPodAutoscaler = "HorizontalPodAutoscaler";

    /// <summary>The operator itself.</summary>
    public const string Operator = "Operator";

    /// <summary>Somebody else, by the scale subresource.</summary>
    public const string External = "External";
}
