using Mooring.Contracts.Stream;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Planning.Workloads;

/// <summary>How fast clients are sent away from workload pods that drain, and how gateways hear of it. Pure.</summary>
/// <remarks>
/// The fleet's rate is one for all: while gateways drain too, each side has half of it, and neither begins before the other has come down. Every gateway gets the
/// same part, since only those that were there when the drain began have connections to it.
/// </remarks>
internal static class WorkloadDrains
{
    /// <summary>As below; a gateway that is lost, and may carry nobody any more, has no part.</summary>
    public static double Pace(FleetInput input, bool emptying)
    {
        var present = GatewayObserver.Present(input);
        var names = present.Select(static gateway => gateway.Name).ToHashSet(StringComparer.Ordinal);
        var view = input.View is { } all ? all with { Departed = [.. all.Departed.Where(one => names.Contains(one.Name))] } : null;
        return Pace(input.Fleet, view, emptying, GatewaysDrain(present, view));
    }

    /// <summary>WebSockets per second that each gateway is to send away from draining endpoints; 0: none now.</summary>
    public static double Pace(ConnectionFleet fleet, FleetView? view, bool emptying, bool gatewaysDrain)
    {
        if (!emptying || view is null)
        {
            return 0;
        }

        double rate = fleet.Spec.Gateway.Drain?.ReconnectsPerSecond ?? FleetDefaults.ReconnectsPerSecond;
        var share = gatewaysDrain ? rate / 2 : rate;
        var inForce = view.Gateways.Sum(static gateway => gateway.Report?.ClosesPerSecond ?? 0);
        var gateways = view.Gateways.Count + view.Departed.Count;
        return inForce > rate - share + Slack || gateways == 0 ? 0 : Math.Round(share / gateways, 3);
    }

    // What shares are rounded by.
    private const double Slack = 0.5;

    /// <summary>Whether connections of gateways are being closed, or soon will be.</summary>
    private static bool GatewaysDrain(IEnumerable<SequenceGateway> gateways, FleetView? view) =>
        gateways.Any(static gateway => gateway.Mark is not null || gateway.Stage == GatewayStage.Terminating)
        || view?.Gateways.Any(static gateway => gateway.Directive?.Kind is DirectiveKind.Shed or DirectiveKind.Drain) == true;

    /// <summary>The endpoints with those that drain marked as such.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<EndpointInfo>> Mark(
        IReadOnlyDictionary<string, IReadOnlyList<EndpointInfo>> endpoints,
        FleetPlan plan
    )
    {
        var marked = new Dictionary<string, IReadOnlyList<EndpointInfo>>(endpoints, StringComparer.Ordinal);
        foreach (var workload in plan.Workloads.Where(workload => workload.Draining.Count > 0 && marked.ContainsKey(workload.Backend)))
        {
            marked[workload.Backend] =
            [
                .. marked[workload.Backend]
                    .Select(endpoint => workload.Draining.Contains(endpoint.Id) ? endpoint with { Draining = true } : endpoint),
            ];
        }

        return marked;
    }
}
