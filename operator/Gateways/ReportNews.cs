using Mooring.Contracts.Stream;

namespace Mooring.Operator.Gateways;

/// <summary>Says whether a report tells more than the one before. Pure.</summary>
/// <remarks>
/// Every gateway reports every ten or twenty seconds. At rest that must cost no reconcile: a thousand fleets would otherwise be planned again a hundred times a
/// second, only to find that nothing is to be done.
/// </remarks>
internal static class ReportNews
{
    // Per second: a hundredth of what the smallest target is.
    private const double LeastBits = 10_000;
    private const double TrafficFraction = 0.02;

    /// <summary>Whether anything that is decided or shown by has changed; counters of what stands still have not.</summary>
    public static bool Differs(ReportMessage before, ReportMessage after, GatewayRates? was, GatewayRates? now) =>
        before.State != after.State
        || before.Connections != after.Connections
        || before.Capacity != after.Capacity
        || before.CapacityBound != after.CapacityBound
        || before.Shortfall != after.Shortfall
        || before.DrainDeadline != after.DrainDeadline
        || Math.Abs(before.ClosesPerSecond - after.ClosesPerSecond) > double.Epsilon
        || before.Registry != after.Registry
        || (before.Tunnels?.Open, before.Tunnels?.Capacity) != (after.Tunnels?.Open, after.Tunnels?.Capacity)
        || before.Overload?.Problem != after.Overload?.Problem
        || !before.Problems.SequenceEqual(after.Problems, StringComparer.Ordinal)
        || ListenersDiffer(before.Listeners, after.Listeners)
        || TrafficDiffers(Traffic(before), Traffic(after))
        || BackendsDiffer(before.Backends, after.Backends)
        || RatesDiffer(was, now);

    private static bool RatesDiffer(GatewayRates? was, GatewayRates? now) =>
        (was is null) != (now is null)
        || (
            was is not null
            && now is not null
            && (
                Math.Abs(was.CpuPercent - now.CpuPercent) > ReportPace.CpuPoints
                || Math.Abs(was.MessagesPerSecond - now.MessagesPerSecond) > double.Epsilon
            )
        );

    private static bool ListenersDiffer(IReadOnlyList<ListenerLoad> before, IReadOnlyList<ListenerLoad> after)
    {
        if (before.Count != after.Count)
        {
            return true;
        }

        for (var i = 0; i < before.Count; i++)
        {
            var (one, other) = (before[i], after[i]);
            if (
                one.Name != other.Name
                || one.Connections != other.Connections
                || one.AcceptedTotal != other.AcceptedTotal
                || one.ReceivedBytesTotal != other.ReceivedBytesTotal
                || one.SentBytesTotal != other.SentBytesTotal
                || one.MessagesTotal != other.MessagesTotal
            )
            {
                return true;
            }
        }

        return false;
    }

    // The rates go on falling when the counters stand still, and scaling may be by them.
    private static bool TrafficDiffers(double before, double after) =>
        Math.Abs(before - after) > Math.Max(LeastBits, TrafficFraction * Math.Max(before, after));

    private static double Traffic(ReportMessage report)
    {
        var sum = 0.0;
        for (var i = 0; i < report.Listeners.Count; i++)
        {
            sum += report.Listeners[i].Traffic.ReceivedBitsPerSecond + report.Listeners[i].Traffic.SentBitsPerSecond;
        }

        return sum;
    }

    private static bool BackendsDiffer(IReadOnlyList<BackendLoad> before, IReadOnlyList<BackendLoad> after)
    {
        if (before.Count != after.Count)
        {
            return true;
        }

        for (var i = 0; i < before.Count; i++)
        {
            if (before[i].Name != after[i].Name || EndpointsDiffer(before[i].Endpoints, after[i].Endpoints))
            {
                return true;
            }
        }

        return false;
    }

    private static bool EndpointsDiffer(IReadOnlyList<EndpointLoad> before, IReadOnlyList<EndpointLoad> after)
    {
        if (before.Count != after.Count)
        {
            return true;
        }

        for (var i = 0; i < before.Count; i++)
        {
            var (one, other) = (before[i], after[i]);
            if (one.Id != other.Id || one.Connections != other.Connections || one.Healthy != other.Healthy || one.Gone != other.Gone)
            {
                return true;
            }
        }

        return false;
    }
}
