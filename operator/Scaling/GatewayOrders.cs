using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Scaling;

/// <summary>What one gateway is to be told: a target, so that telling it again changes nothing.</summary>
public sealed record GatewayOrder(
    string Gateway,
    DirectiveKind Kind,
    string Reason,
    DateTimeOffset? Deadline = null,
    double ClosesPerSecond = 0,
    int? Target = null
);

/// <summary>What the orders follow from.</summary>
public sealed record OrdersInput
{
    /// <summary>The gateways with the marks that are written.</summary>
    public required IReadOnlyList<SequenceGateway> Gateways { get; init; }

    public required FleetView View { get; init; }

    /// <summary>Connections of the whole fleet that may be closed per second.</summary>
    public required double Rate { get; init; }

    /// <summary>What a gateway closes per second that ends and was told nothing.</summary>
    public required double PaceAlone { get; init; }

    /// <summary>Null: loads are left as they are.</summary>
    public RebalancePolicy? Rebalance { get; init; }

    /// <summary>Nothing is to be evened out now: the fleet is paused, or gateways come and go.</summary>
    public bool Unsettled { get; init; }
}

/// <summary>The orders, and how uneven the loads are.</summary>
public sealed record OrdersDecision(IReadOnlyList<GatewayOrder> Orders, int SkewPercent);

/// <summary>Says what each connected gateway is to be told, from the marks that are written. Pure.</summary>
public static class GatewayOrders
{
    // A drain of nothing, or one that waits for others, needs no share, but 0 would mean the config's pace. A gateway takes it for none.
    private const double Idle = 0.0001;

    public static OrdersDecision Decide(OrdersInput input)
    {
        var views = input.View.Gateways.ToDictionary(static view => view.Name, StringComparer.Ordinal);
        var orders = new List<GatewayOrder>();
        var draining = input
            .Gateways.Where(static gateway => gateway.Stage == GatewayStage.Terminating || gateway.Mark?.DrainStartedAt is not null)
            .ToList();
        // What others close of their own accord is taken off first: they do not wait for a share.
        var clearing = Clearing(views, draining);
        var shares = PaceShares.Divide(
            [.. draining.Select(gateway => Paced(gateway, views.GetValueOrDefault(gateway.Name), input)), .. Shedding(views, draining)],
            Math.Max(0, input.Rate - clearing)
        );
        foreach (var gateway in input.Gateways)
        {
            if (views.TryGetValue(gateway.Name, out var view) && Drain(gateway, view, shares) is { } order)
            {
                orders.Add(order);
            }
        }

        var balance = Rebalance(
            input with
            {
                Unsettled = input.Unsettled || clearing > 0,
            },
            views,
            [.. orders.Select(static order => order.Gateway)]
        );
        orders.AddRange(balance.Orders);
        return balance with { Orders = orders };
    }

    private static PacedGateway Paced(SequenceGateway gateway, GatewayView? view, OrdersInput input)
    {
        if (view is null)
        {
            // Away for now: it goes on as it was told last, or ends at a pace of its own.
            var last = input.View.Departed.FirstOrDefault(departed => departed.Name == gateway.Name)?.Directive;
            return new PacedGateway(gateway.Name, 1, last?.ClosesPerSecond > 0 ? last.ClosesPerSecond : input.PaceAlone, Confirmed: false);
        }

        var alone = gateway.Stage == GatewayStage.Terminating && view.Directive?.Kind != DirectiveKind.Drain ? input.PaceAlone : 0;
        var connections = view.Report?.Connections ?? 0;
        return new PacedGateway(gateway.Name, connections, connections == 0 ? 0 : Math.Max(alone, Told(view)), view.DirectiveTaken);
    }

    /// <summary>Those that were to shed and have not confirmed that they are not to any more: their closes count, and they get no share of a drain's.</summary>
    private static IEnumerable<PacedGateway> Shedding(Dictionary<string, GatewayView> views, List<SequenceGateway> draining) =>
        views
            .Values.Where(view =>
                (view.Directive?.Kind == DirectiveKind.Shed || !view.DirectiveTaken)
                && !draining.Exists(gateway => gateway.Name == view.Name)
            )
            .Select(static view => new PacedGateway(view.Name, 0, Told(view), view.DirectiveTaken));

    /// <summary>Closes per second of gateways that go on serving, and let go only of what is open of listeners that are gone: at the config's pace.</summary>
    private static double Clearing(Dictionary<string, GatewayView> views, List<SequenceGateway> draining) =>
        views
            .Values.Where(view =>
                view
                    is {
                        DirectiveTaken: true,
                        Report.ClosesPerSecond: > 0,
                        Directive: null or { Kind: DirectiveKind.Serve or DirectiveKind.Cordon }
                    }
                && !draining.Exists(gateway => gateway.Name == view.Name)
            )
            .Sum(static view => view.Report!.ClosesPerSecond);

    /// <summary>Closes per second that a connected gateway may be doing at most.</summary>
    private static double Told(GatewayView view) =>
        Math.Max(
            view is { DirectiveTaken: false, Directive: { } directive } ? directive.ClosesPerSecond : 0,
            view.Report?.ClosesPerSecond ?? 0
        );

    private static GatewayOrder? Drain(SequenceGateway gateway, GatewayView view, IReadOnlyDictionary<string, double> shares)
    {
        var share = shares.TryGetValue(gateway.Name, out var value) ? value : 0;
        if (gateway.Stage == GatewayStage.Terminating)
        {
            // It drains whatever it is told; only the pace is the fleet's.
            return share > 0 || view.Report?.Connections > 0
                ? new GatewayOrder(gateway.Name, DirectiveKind.Drain, DrainCauses.Shutdown, ClosesPerSecond: Math.Max(share, Idle))
                : null;
        }

        if (gateway.Mark is not { } mark)
        {
            var held = view.Directive is { Kind: DirectiveKind.Cordon or DirectiveKind.Drain };
            return held || view.State is GatewayState.Cordoned or GatewayState.Draining or GatewayState.Drained
                ? new GatewayOrder(gateway.Name, DirectiveKind.Serve, "wanted again")
                : null;
        }

        // One that drains already keeps doing so, however small its share.
        share =
            share > 0 ? share
            : view.Report?.Connections is null or 0 || view.Directive?.Kind == DirectiveKind.Drain ? Idle
            : 0;
        return mark.DrainStartedAt is null || share <= 0
            ? new GatewayOrder(gateway.Name, DirectiveKind.Cordon, mark.Cause)
            : new GatewayOrder(gateway.Name, DirectiveKind.Drain, mark.Cause, mark.Deadline, share);
    }

    private static OrdersDecision Rebalance(OrdersInput input, Dictionary<string, GatewayView> views, HashSet<string> busy)
    {
        var serving = input
            .Gateways.Where(gateway =>
                gateway is { Stage: GatewayStage.Ready, Mark: null, Load: { Capacity: > 0, State: GatewayState.Serving } }
            )
            .Select(gateway => new BalancedGateway(
                gateway.Name,
                gateway.Load!.Connections,
                gateway.Load.Capacity,
                views.GetValueOrDefault(gateway.Name)?.Directive?.Kind == DirectiveKind.Shed
            ))
            .ToList();
        var decision = Rebalancer.Decide(serving, input.Unsettled ? null : input.Rebalance);
        var paced = decision.Sheds.Select(shed =>
        {
            var view = views[shed.Gateway];
            return new PacedGateway(shed.Gateway, 1, view.Directive?.Kind == DirectiveKind.Shed ? Told(view) : 0, view.DirectiveTaken);
        });
        var shares = PaceShares.Divide([.. paced], Math.Min(input.Rate, input.Rebalance?.MovesPerSecond ?? input.Rate));
        var orders = decision
            .Sheds.Where(shed => shares.ContainsKey(shed.Gateway))
            .Select(shed => new GatewayOrder(
                shed.Gateway,
                DirectiveKind.Shed,
                "rebalance",
                ClosesPerSecond: shares[shed.Gateway],
                Target: shed.Target
            ))
            .ToList();
        var sheds = decision.Sheds.Select(static shed => shed.Gateway).ToHashSet(StringComparer.Ordinal);
        orders.AddRange(
            views
                .Values.Where(view => view.Directive?.Kind == DirectiveKind.Shed && !sheds.Contains(view.Name) && !busy.Contains(view.Name))
                .Select(static view => new GatewayOrder(view.Name, DirectiveKind.Serve, "balanced"))
        );
        return new OrdersDecision(orders, decision.SkewPercent);
    }
}
