using System.Text.Json;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;

namespace Mooring.Operator.Planning;

/// <summary>Says when a new status is worth a write: a change of state at once, figures now and then. Pure.</summary>
public static class StatusWriteRule
{
    /// <summary>Time at least between two writes that only bring figures.</summary>
    public static readonly TimeSpan FigureInterval = TimeSpan.FromSeconds(10);

    // Skew is a percentage already, and wavers with few connections.
    private const int SkewPoints = 1;

    // A change by more than this part of what was written is news.
    private const double NewsFraction = 0.01;

    // Traffic is never the same twice.
    private const double TrafficFraction = 0.2;

    /// <summary>How long to wait with the write: zero for at once, null for none.</summary>
    /// <param name="written">The status as it stands in the cluster; null without one.</param>
    /// <param name="next">The status as it is now.</param>
    /// <param name="writtenAt">When this process last wrote it; null for not yet.</param>
    /// <param name="now">The time.</param>
    public static TimeSpan? Delay(FleetStatus? written, FleetStatus next, DateTimeOffset? writtenAt, DateTimeOffset now)
    {
        if (written is null || !SameState(written, next))
        {
            return TimeSpan.Zero;
        }

        if (
            !IsNews(written.Connections, next.Connections)
            && !IsNews(written.Bandwidth, next.Bandwidth)
            && !IsNews(written.Tunnels, next.Tunnels)
            && !IsNews(written.Rollout?.Remaining ?? 0, next.Rollout?.Remaining ?? 0)
            && !IsNews(written.Workloads ?? [], next.Workloads ?? [])
        )
        {
            return null;
        }

        // More than the interval: the clock was set back since.
        var wait = writtenAt + FigureInterval - now;
        return wait > TimeSpan.Zero && wait <= FigureInterval ? wait : TimeSpan.Zero;
    }

    private static bool SameState(FleetStatus left, FleetStatus right) => Text(left).SequenceEqual(Text(right));

    private static byte[] Text(FleetStatus status) =>
        JsonSerializer.SerializeToUtf8Bytes(
            status with
            {
                Connections = null,
                Bandwidth = null,
                Tunnels = null,
                Workloads = status.Workloads?.Select(static workload => workload with { Connections = 0, UtilizationPercent = 0 }).ToList(),
                Rollout = status.Rollout is null ? null : status.Rollout with { Remaining = 0 },
            },
            FleetJson.Default.FleetStatus
        );

    private static bool IsNews(ConnectionsStatus? written, ConnectionsStatus? next)
    {
        if (written is null || next is null)
        {
            return written != next;
        }

        return IsNews(written.Current, next.Current)
            || IsNews(written.Capacity, next.Capacity)
            || Math.Abs(written.SkewPercent - next.SkewPercent) > SkewPoints;
    }

    private static bool IsNews(BandwidthStatus? written, BandwidthStatus? next)
    {
        if (written is null || next is null)
        {
            return written != next;
        }

        return IsTrafficNews(written.ReceivedBitsPerSecond, next.ReceivedBitsPerSecond)
            || IsTrafficNews(written.SentBitsPerSecond, next.SentBitsPerSecond);
    }

    private static bool IsTrafficNews(long written, long next) => Math.Abs((double)next - written) > TrafficFraction * written;

    private static bool IsNews(TunnelsStatus? written, TunnelsStatus? next)
    {
        if (written is null || next is null)
        {
            return written != next;
        }

        return IsNews(written.Open, next.Open) || IsNews(written.Capacity, next.Capacity);
    }

    private static bool IsNews(IReadOnlyList<WorkloadStatus> written, IReadOnlyList<WorkloadStatus> next) =>
        written.Zip(next).Any(static pair => IsNews(pair.First.Connections, pair.Second.Connections));

    private static bool IsNews(int written, int next) => Math.Abs((double)next - written) > NewsFraction * written;
}
