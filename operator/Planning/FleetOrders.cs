using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Planning;

/// <summary>What a fleet's gateways are to be told, from its spec, pods and streams.</summary>
internal static class FleetOrders
{
    /// <param name="input">What is seen.</param>
    /// <param name="phase">Where the gateways' own sequence stands.</param>
    /// <param name="emptying">Clients are being sent away from draining endpoints too, at half of the rate.</param>
    public static OrdersDecision Decide(FleetInput input, SequencePhase phase, bool emptying) =>
        input.View is not { } view
            ? new OrdersDecision([], 0)
            : Decide(input.Fleet, GatewayObserver.Present(input), view, phase != SequencePhase.Complete, emptying);

    /// <param name="fleet">Whose rates hold.</param>
    /// <param name="gateways">With the marks that are written.</param>
    /// <param name="view">What they say.</param>
    /// <param name="unsettled">Gateways come or go: loads are not evened out meanwhile.</param>
    /// <param name="emptying">As above.</param>
    public static OrdersDecision Decide(
        ConnectionFleet fleet,
        IReadOnlyList<SequenceGateway> gateways,
        FleetView view,
        bool unsettled,
        bool emptying
    )
    {
        double rate = fleet.Spec.Gateway.Drain?.ReconnectsPerSecond ?? FleetDefaults.ReconnectsPerSecond;
        rate = emptying ? rate / 2 : rate;
        return GatewayOrders.Decide(
            new OrdersInput
            {
                Gateways = gateways,
                View = view,
                Rate = rate,
                PaceAlone = GatewayConfigRenderer.PaceAlone(fleet.Spec.Gateway),
                Rebalance = fleet.Spec.Scaling?.Rebalance is { } spec
                    ? new RebalancePolicy(spec.MaxSkewPercent, spec.MovesPerSecond)
                    : null,
                Unsettled =
                    unsettled
                    || emptying
                    || fleet.Spec.Paused
                    || gateways.Any(static one => one.Stage != GatewayStage.Ready || one.Mark is not null),
            }
        );
    }
}
