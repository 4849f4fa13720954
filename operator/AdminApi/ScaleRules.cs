using Mooring.Operator.Entities;

namespace Mooring.Operator.AdminApi;

/// <summary>Whether a fleet may have so many gateways. Pure.</summary>
internal static class ScaleRules
{
    // The schema's own bound of spec.gateway.replicas.
    private const int Most = 1000;
    private const int DefaultMinimum = 2;

    /// <summary>Null: it may.</summary>
    public static Problem? Check(FleetSpec spec, int current, int change)
    {
        var wanted = current + change;
        var text = change > 0 ? $"{current} and {change} more are {wanted} gateways" : $"{current} less {-change} are {wanted} gateways";
        var minimum = spec.Scaling is { } scaling ? scaling.MinReplicas ?? (scaling.Driver is null ? 0 : DefaultMinimum) : 0;
        return change > 0 && wanted > (spec.Scaling?.MaxReplicas ?? Most)
                ? Problem.Unprocessable(
                    "instances",
                    spec.Scaling?.MaxReplicas is { } maximum
                        ? $"{text}, and spec.scaling.maxReplicas is {maximum}"
                        : $"{text}, and {Most} is the most"
                )
            : change < 0 && wanted < minimum
                ? Problem.Unprocessable(
                    "instances",
                    minimum > 0 ? $"{text}, and spec.scaling.minReplicas is {minimum}" : $"{text}: there are only {current}"
                )
            : null;
    }

    /// <summary>What will keep the number from being the number of gateways, or change it again; null: nothing.</summary>
    public static string? Note(FleetSpec spec) =>
        spec.Paused ? "the fleet is paused: nothing happens before it is resumed"
        : spec.Scaling is { Driver: not null and not ScalingDrivers.External, Paused: false }
            ? $"spec.scaling.driver is {spec.Scaling.Driver}, which changes the number by the load: pause the scaling to keep it"
        : null;
}
