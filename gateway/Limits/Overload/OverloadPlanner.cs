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

/// <summary>What one connection holds.</summary>
/// <param name="Loop">Number of the loop that has it.</param>
/// <param name="Descriptor">The client's.</param>
/// <param name="Started">With the descriptor, the connection's name.</param>
/// <param name="Bytes">Memory that ends with it: what waits here, and in the kernel's buffers of both sockets.</param>
/// <param name="Moved">Bytes that it has carried so far, both ways.</param>
internal readonly record struct HeavyConnection(int Loop, int Descriptor, long Started, long Bytes, long Moved);

/// <summary>Chooses the connections to close under memory pressure. Pure.</summary>
internal static class ShedPlanner
{
    /// <summary>Less than this is not worth a connection.</summary>
    public const long LeastBytes = 16 * 1024;

    /// <summary>In one step, so that a wrong reading cannot empty a gateway: this many, or a tenth of those that hold anything.</summary>
    public const int MostAtOnce = 64;

    /// <summary>Longer than this is as good as for ever.</summary>
    private const double LongestSeconds = 60;

    private const double ShortestSeconds = 0.001;

    /// <summary>
    /// Those first that will hold most for longest: by bytes times the seconds that they need to be rid of them at their own pace. So of two
    /// that weigh the same the slower goes, of two as slow the heavier, and a fast one with full buffers stays.
    /// </summary>
    /// <param name="connections">What holds memory now.</param>
    /// <param name="pace">Bytes per second that a connection moves; not below 0.</param>
    /// <param name="excess">Bytes to free: as many connections go as hold them.</param>
    public static IReadOnlyList<HeavyConnection> Choose(
        IReadOnlyCollection<HeavyConnection> connections,
        Func<HeavyConnection, double> pace,
        long excess
    )
    {
        var most = Math.Max(MostAtOnce, connections.Count / 10);
        var chosen = new List<HeavyConnection>();
        foreach (
            var connection in connections
                .Where(connection => connection.Bytes >= LeastBytes)
                .OrderByDescending(connection => Burden(connection.Bytes, pace(connection)))
                .ThenByDescending(connection => connection.Bytes)
        )
        {
            if (excess <= 0 || chosen.Count == most)
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
