using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Scaling;

/// <summary>Gives gateways their orders as fenced directives, and again before their time to live is over. Thread-safe for different fleets.</summary>
/// <param name="hub">The streams.</param>
/// <param name="epoch">Number of the leader's term: what an earlier leader said is overruled, what it says from now on is rejected.</param>
/// <param name="time">The clock.</param>
internal sealed class DirectiveSender(GatewayHub hub, long epoch, TimeProvider time)
{
    /// <summary>After this long without an operator a gateway serves again: no leader, no drain.</summary>
    public static readonly TimeSpan TimeToLive = TimeSpan.FromMinutes(2);

    /// <summary>Orders are given again after this long.</summary>
    public static readonly TimeSpan Renewal = TimeSpan.FromMinutes(1);

    // A pace or target that differs by less is the same.
    private const double SameWithin = 0.02;

    // Above any number of an earlier process of the same term, as where there is no election.
    private long _sequence = time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Sends what is new or due. Returns when to come back for a renewal; null: nothing is in force.</summary>
    public TimeSpan? Send(string fleet, IReadOnlyList<GatewayOrder> orders, FleetView view)
    {
        var now = time.GetUtcNow();
        TimeSpan? again = null;
        foreach (var order in orders)
        {
            var gateway = view.Gateways.FirstOrDefault(gateway => gateway.Name == order.Gateway);
            if (gateway is null)
            {
                continue;
            }

            var due = gateway.DirectedAt + Renewal - now ?? TimeSpan.Zero;
            // A clock that was set back must not let the orders' time to live run out.
            due = due > Renewal ? TimeSpan.Zero : due;
            if (
                gateway.Directive is null
                || (!IsSame(gateway.Directive, order) && !Waits(gateway, order))
                || (due <= TimeSpan.Zero && order.Kind != DirectiveKind.Serve)
            )
            {
                hub.Direct(fleet, order.Gateway, Message(order));
                due = Renewal;
            }

            if (order.Kind != DirectiveKind.Serve)
            {
                again = again < due ? again : due;
            }
        }

        return again;
    }

    private DirectiveMessage Message(GatewayOrder order) =>
        new()
        {
            Kind = order.Kind,
            Epoch = epoch,
            Sequence = Interlocked.Increment(ref _sequence),
            TimeToLive = order.Kind == DirectiveKind.Serve ? null : TimeToLive,
            Reason = order.Reason,
            Deadline = order.Deadline,
            Remaining = order.Deadline is { } deadline ? TimeSpan.FromTicks(Math.Max(0, (deadline - time.GetUtcNow()).Ticks)) : null,
            ClosesPerSecond = order.ClosesPerSecond,
            TargetConnections = order.Target,
        };

    // A pace on the way is let arrive before another: which of two is in force nobody could tell, and so not what is left for the others.
    private static bool Waits(GatewayView gateway, GatewayOrder order) =>
        gateway is { DirectiveTaken: false, Directive: { } given }
        && given.Kind == order.Kind
        && !IsNear(given.ClosesPerSecond, order.ClosesPerSecond);

    private static bool IsSame(DirectiveMessage given, GatewayOrder order) =>
        given.Kind == order.Kind
        && given.Deadline == order.Deadline
        && IsNear(given.ClosesPerSecond, order.ClosesPerSecond)
        && (given.TargetConnections is null) == (order.Target is null)
        && IsNear(given.TargetConnections ?? 0, order.Target ?? 0);

    private static bool IsNear(double given, double wanted) => Math.Abs(given - wanted) <= SameWithin * Math.Max(given, wanted);
}
