using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Limits.Overload;

/// <summary>What to do about memory. Pure.</summary>
/// <param name="Sheds">Connections are being closed: usage has been above the mark, and is not five points below it yet.</param>
/// <param name="Pauses">Nothing is accepted.</param>
/// <param name="ExcessBytes">To be freed.</param>
internal readonly record struct OverloadDecision(bool Sheds, bool Pauses, long ExcessBytes)
{
    /// <summary>Points between the mark at which shedding begins and the one at which it ends.</summary>
    public const int Hysteresis = 5;

    /// <param name="before">The last decision.</param>
    /// <param name="memory">As it is now.</param>
    /// <param name="config">The marks.</param>
    public static OverloadDecision Next(OverloadDecision before, MemoryReading memory, OverloadConfig config)
    {
        if (memory.LimitBytes <= 0)
        {
            return default;
        }

        var shedAt = At(config.ShedAtPercent);
        var enough = At(config.ShedAtPercent - Hysteresis);
        var sheds = memory.UsedBytes > (before.Sheds ? enough : shedAt);
        var pauses = memory.UsedBytes > (before.Pauses ? shedAt : At(config.PauseAtPercent));
        return new OverloadDecision(sheds, pauses, sheds ? memory.UsedBytes - enough : 0);

        long At(int percent) => (long)(memory.LimitBytes * (percent / 100.0));
    }
}

/// <summary>When to look at the memory again. Pure.</summary>
internal static class OverloadPace
{
    /// <summary>Between two looks where 200 MB or more are left, or there is no limit.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    /// <summary>And where there is nothing left.</summary>
    public static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(20);

    /// <summary>More comes in within moments only (a flood over loopback was seen at 500 MB/s), and that is what <see cref="PendingBudget"/> bounds.</summary>
    private const double BytesPerSecond = 200e6;

    /// <summary>Before the room that there is can be filled, but never so soon that looking takes more than half of the time.</summary>
    /// <param name="memory">As it was at the last look.</param>
    /// <param name="took">How long that look took, with what it had closed.</param>
    public static TimeSpan Next(MemoryReading memory, TimeSpan took)
    {
        var seconds = memory.LimitBytes <= 0 ? Longest.TotalSeconds : (memory.LimitBytes - memory.UsedBytes) / BytesPerSecond;
        return TimeSpan.FromSeconds(Math.Clamp(Math.Max(seconds, took.TotalSeconds), Shortest.TotalSeconds, Longest.TotalSeconds));
    }
}

/// <summary>Bytes that may wait in one loop for slow readers before it reads in small pieces. Pure.</summary>
internal static class PendingBudget
{
    /// <summary>Where nothing is known of the memory, or there is plenty.</summary>
    public const long Most = 256L << 20;

    /// <summary>What waits already, and a loop's part of half of what is left below the mark at which shedding begins: the other half is for all else.</summary>
    /// <param name="memory">As it is now.</param>
    /// <param name="config">The marks.</param>
    /// <param name="waiting">Bytes that wait in that loop.</param>
    /// <param name="loops">Loops that there are.</param>
    public static long Of(MemoryReading memory, OverloadConfig config, long waiting, int loops)
    {
        var room = Math.Max(0, (long)(memory.LimitBytes * (config.ShedAtPercent / 100.0)) - memory.UsedBytes);
        return memory.LimitBytes <= 0 ? Most : Math.Min(Most, waiting + (room / 2 / loops));
    }
}

/// <summary>Connections that may still be closed at the moment: as many a second, and at once, as <see cref="ShedPlanner.Most"/> says. Immutable.</summary>
/// <param name="Left">Of them.</param>
/// <param name="Reckoned">When that was so, microseconds; 0: nothing was closed yet.</param>
internal readonly record struct ShedAllowance(double Left, long Reckoned)
{
    /// <summary>Connections that may be closed now.</summary>
    public int Whole => (int)Left;

    /// <summary>As it is later.</summary>
    /// <param name="now">Microseconds of the same clock.</param>
    /// <param name="most">Connections a second, and at once.</param>
    public ShedAllowance At(long now, int most) =>
        new(Reckoned == 0 ? most : Math.Min(most, Left + (most * Math.Max(0, now - Reckoned) / 1e6)), now);

    /// <summary>After so many were closed.</summary>
    public ShedAllowance Less(int closed) => this with { Left = Math.Max(0, Left - closed) };
}

/// <summary>What one connection holds.</summary>
/// <param name="Loop">Number of the loop that has it.</param>
/// <param name="Descriptor">The client's.</param>
/// <param name="Started">With the descriptor, the connection's name.</param>
/// <param name="Bytes">Memory that ends with it: what waits here, and in the kernel's buffers of both sockets.</param>
/// <param name="Moved">Bytes that it has carried so far, both ways; of one that is not served yet: none.</param>
internal readonly record struct HeavyConnection(int Loop, int Descriptor, long Started, long Bytes, long Moved);

/// <summary>Chooses the connections to close under memory pressure. Pure.</summary>
internal static class ShedPlanner
{
    /// <summary>Less than this is not worth a connection.</summary>
    public const long LeastBytes = 16 * 1024;

    /// <summary>At once, so that a wrong reading cannot empty a gateway: this many, or a tenth of those that hold anything.</summary>
    public const int MostAtOnce = 64;

    /// <summary>Longer than this is as good as for ever.</summary>
    private const double LongestSeconds = 60;

    private const double ShortestSeconds = 0.001;

    /// <summary>Connections that may be closed in a second, and at once.</summary>
    /// <param name="holding">Connections that hold anything.</param>
    public static int Most(int holding) => Math.Max(MostAtOnce, holding / 10);

    /// <summary>
    /// Those first that will hold most for longest: by bytes times the seconds that they need to be rid of them at their own pace. So of two
    /// that weigh the same the slower goes, of two as slow the heavier, of two that are alike the older, and a fast one with full buffers stays.
    /// </summary>
    /// <param name="connections">What holds memory now.</param>
    /// <param name="pace">Bytes per second that a connection moves; not below 0.</param>
    /// <param name="excess">Bytes to free: as many connections go as hold them.</param>
    /// <param name="most">And no more than so many.</param>
    public static IReadOnlyList<HeavyConnection> Choose(
        IReadOnlyCollection<HeavyConnection> connections,
        Func<HeavyConnection, double> pace,
        long excess,
        int most
    )
    {
        var chosen = new List<HeavyConnection>();
        foreach (
            var connection in connections
                .Where(connection => connection.Bytes >= LeastBytes)
                .OrderByDescending(connection => Burden(connection.Bytes, pace(connection)))
                .ThenByDescending(connection => connection.Bytes)
                .ThenBy(connection => connection.Started)
        )
        {
            if (excess <= 0 || chosen.Count >= most)
            {
                break;
            }

            chosen.Add(connection);
            excess -= connection.Bytes;
        }

        return chosen;
    }

    /// <summary>Byte-seconds.</summary>
    public static double Burden(long bytes, double bytesPerSecond) =>
        bytes * Math.Clamp(bytesPerSecond > 0 ? bytes / bytesPerSecond : LongestSeconds, ShortestSeconds, LongestSeconds);
}
