using Mooring.Operator.Entities;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.AdminApi;

/// <summary>Whether a gateway may be held, or let go. Pure.</summary>
internal static class HoldRules
{
    /// <param name="spec">Of the fleet.</param>
    /// <param name="gateway">Name of the gateway.</param>
    /// <param name="mark">How far it is on its way out; null: it serves.</param>
    /// <param name="hold">What is asked for; null: that it serves.</param>
    /// <returns>Null: it may.</returns>
    public static Problem? Check(FleetSpec spec, string gateway, DrainMark? mark, GatewayHold? hold) =>
        spec.Paused && hold is not null ? Problem.Conflict("the fleet is paused, and nothing of it is changed: resume it first")
        : mark is { Drained: true } ? Problem.Conflict($"{gateway} has drained, and goes")
        : hold == GatewayHold.Cordon && mark is { DrainStartedAt: not null }
            ? Problem.Conflict($"{gateway} drains already; uncordon stops that")
        : hold is null && mark is { Cause: not DrainCauses.Manual }
            ? Problem.Conflict($"{gateway} goes because of a {mark.Cause}: change the fleet to keep it")
        : null;

    public static HoldAnswer Answer(AdminFleet fleet, string gateway, GatewayHold? hold) =>
        new(gateway, HoldAnnotation.Write(hold), fleet.View.Gateways.FirstOrDefault(one => one.Name == gateway)?.Report?.Connections ?? 0);
}
