using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.L4;

/// <summary>One row of the report.</summary>
/// <param name="Key">What it is called in code and on the command line; what comes before the slash is taken in one measurement.</param>
/// <param name="Text">What it is called in reports.</param>
internal sealed record L4Metric(string Key, string Text, string Unit, Goal? Goal = null);

internal static class L4Metrics
{
    public const string Haproxy = "haproxy";
    public const string Nginx = "nginx";

    public static readonly IReadOnlyList<int> RoundTripConnections = [1, 50, 1_000, 8_000];
    public static readonly IReadOnlyList<int> MessageBytes = [64, 1_024];

    public static IReadOnlyList<L4Metric> All { get; } =
    [
        new("bulk/cpu", "CPU per GB relayed", "CPU s", Goal.All(Goal.Relative(0.9, Haproxy), Goal.Relative(0.45, Nginx))),
        .. RoundTripConnections.SelectMany(connections => MessageBytes.SelectMany(bytes => RoundTrips(connections, bytes))),
        new("connect/cpu", "CPU per 10k connect + request + close", "CPU s", Goal.Relative(0.85, Haproxy)),
        new("connect/p50", "connect + request + close: p50", "µs"),
        new("connect/p99", "connect + request + close: p99", "µs", Goal.NoWorse),
        new("connect/p999", "connect + request + close: p99.9", "µs"),
        new("reload/time", "reload under load: time until a new listener accepts", "ms"),
        new("reload/p99", "reload under load: round trips of 64 B, 50 conn: p99", "µs", Goal.NoWorse),
        new("reload/p999", "reload under load: round trips of 64 B, 50 conn: p99.9", "µs"),
        new("loops/growth", "CPU per round trip with two loops, by that with one", "×", Goal.Absolute(1.05)),
        new("loops/share", "share of the busier of two loops (of their CPU)", "", Goal.Absolute(0.55)),
        new("gc/gen2-pause", "longest gen-2 pause with 8,000 busy connections", "ms", Goal.Absolute(1)),
        new("gc/gen2", "gen-2 collections meanwhile", ""),
        new("gc/pause", "longest pause of any collection meanwhile", "ms"),
        new("idle/user", "user memory per idle connection, 9,000 open", "B", Goal.Absolute(128)),
        new("idle/kernel", "kernel slab per idle connection, all four sockets, whole machine", "B"),
        new("idle/buffers", "kernel socket buffers per idle connection, all four sockets", "B"),
        new("idle/base", "user memory without connections", "MB"),
        new("idle/resident", "resident memory without connections, with shared program files", "MB"),
    ];

    public static string RoundTripKey(int connections, int bytes) => bytes == 64 ? $"rt-{connections}" : $"rt-{connections}-1k";

    private static IEnumerable<L4Metric> RoundTrips(int connections, int bytes)
    {
        var key = RoundTripKey(connections, bytes);
        var text = $"round trips of {(bytes == 64 ? "64 B" : "1 KB")}, {connections:#,0} conn";
        var goal = connections switch
        {
            50 => Goal.Relative(0.85, Haproxy),
            1_000 => Goal.Relative(0.70, Haproxy),
            _ => null,
        };
        yield return new L4Metric($"{key}/cpu", $"{text}: CPU per 1M", "CPU s", goal);
        yield return new L4Metric($"{key}/p50", $"{text}: p50", "µs");
        yield return new L4Metric($"{key}/p99", $"{text}: p99", "µs", Goal.NoWorse);
        yield return new L4Metric($"{key}/p999", $"{text}: p99.9", "µs");
    }
}
