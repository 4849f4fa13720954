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

    public static IReadOnlyList<L4Metric> All { get; } =
    [
        new("bulk/cpu", "CPU per GB relayed", "CPU s", Goal.All(Goal.Relative(0.9, Haproxy), Goal.Relative(0.45, Nginx))),
        .. RoundTrips(1, goal: null),
        .. RoundTrips(50, Goal.Relative(0.85, Haproxy)),
        .. RoundTrips(1_000, Goal.Relative(0.70, Haproxy)),
        new("connect/cpu", "CPU per 10k connect + request + close", "CPU s", Goal.Relative(0.85, Haproxy)),
        new("connect/p99", "connect + request + close: p99", "µs", Goal.NoWorse),
        new("idle/user", "user memory per idle connection, 5,000 open", "B", Goal.Absolute(128)),
        new("idle/kernel", "kernel slab per idle connection, all four sockets, whole machine", "B"),
        new("idle/base", "user memory without connections", "MB"),
        new("idle/resident", "resident memory without connections, with shared program files", "MB"),
    ];

    private static IEnumerable<L4Metric> RoundTrips(int connections, Goal? goal)
    {
        var key = $"rt-{connections}";
        var text = $"round trips of 64 B, {connections:#,0} conn";
        yield return new L4Metric($"{key}/cpu", $"{text}: CPU per 1M", "CPU s", goal);
        yield return new L4Metric($"{key}/p50", $"{text}: p50", "µs");
        yield return new L4Metric($"{key}/p99", $"{text}: p99", "µs", Goal.NoWorse);
        yield return new L4Metric($"{key}/p999", $"{text}: p99.9", "µs");
    }
}
