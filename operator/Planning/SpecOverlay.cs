using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>
/// What people and autoscalers go on deciding while a spec is not good: how many gateways there are to be, and whether anybody may change that. Pure.
/// </summary>
internal static class SpecOverlay
{
    /// <summary>The last good spec with these of the one that is not; null where that changes nothing. It is still to be checked.</summary>
    public static FleetSpec? Put(FleetSpec good, FleetSpec live)
    {
        var replicas = live.Gateway.Replicas;
        var (paused, scaleInPaused) =
            live.Scaling is { } scaling && good.Scaling is not null
                ? (scaling.Paused, scaling.ScaleInPaused)
                : (good.Scaling?.Paused ?? false, good.Scaling?.ScaleInPaused ?? false);
        return
            replicas == good.Gateway.Replicas
            && (good.Scaling is null || (paused == good.Scaling.Paused && scaleInPaused == good.Scaling.ScaleInPaused))
            ? null
            : good with
            {
                Gateway = good.Gateway with { Replicas = replicas },
                Scaling = good.Scaling is null ? null : good.Scaling with { Paused = paused, ScaleInPaused = scaleInPaused },
            };
    }
}
