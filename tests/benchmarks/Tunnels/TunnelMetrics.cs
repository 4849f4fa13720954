using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.L4;
using Mooring.Benchmarks.Load;
using Mooring.Benchmarks.Tunnels.Servers;

namespace Mooring.Benchmarks.Tunnels;

/// <summary>One row of the report.</summary>
/// <param name="Key">What it is called in code; what comes before the slash is taken in one measurement.</param>
/// <param name="Text">What it is called in reports.</param>
/// <param name="MoreIsBetter">Unlike in all others.</param>
internal sealed record TunnelMetric(string Key, string Text, string Unit, Goal? Goal = null, bool MoreIsBetter = false);

internal static class TunnelMetrics
{
    private static readonly Goal Cpu = Goal.Relative(0.8, HaproxyTwice.ServerName);
    private static readonly Goal Latency = Goal.Relative(1.3, HaproxyTwice.ServerName);

    public static IReadOnlyList<TunnelMetric> All { get; } =
    [
        new("one/gb-per-s", "one stream", "GB/s", Goal.AtLeast(2, SshServer.ServerName), MoreIsBetter: true),
        new("one/cpu", "one stream: CPU per GB, all processes", "CPU s", Cpu),
        new("ten/gb-per-s", "ten streams", "GB/s", MoreIsBetter: true),
        new("ten/cpu", "ten streams: CPU per GB, all processes", "CPU s", Cpu),
        new("rt-1/p50", "round trips of 64 B, 1 visitor: p50", "µs"),
        new("rt-1/p99", "round trips of 64 B, 1 visitor: p99", "µs", Latency),
        new("rt-50/p50", "round trips of 64 B, 50 visitors: p50", "µs"),
        new("rt-50/p99", "round trips of 64 B, 50 visitors: p99", "µs", Latency),
        new("rt-50/cpu", "round trips of 64 B, 50 visitors: CPU per 1M", "CPU s"),
        new("connect/cpu", "CPU per 10k visitors: connect + request + close", "CPU s"),
        new("connect/p50", "visitors: connect + request + close: p50", "µs"),
        new("connect/p99", "visitors: connect + request + close: p99", "µs"),
        new("open/per-s", "tunnels opened, 8 at a time", "1/s", MoreIsBetter: true),
        new("idle/user", "user memory per idle visitor, 3,000 open, all processes", "B", Goal.Absolute(4096)),
        new("idle/base", "user memory without visitors, all processes", "MB"),
    ];

    public static IReadOnlyList<L4Step> Steps { get; } =
    [
        new("one", LoadKind.Bulk, 1),
        new("ten", LoadKind.Bulk, 10),
        new("rt-1", LoadKind.RoundTrips, 1),
        new("rt-50", LoadKind.RoundTrips, 50),
        new("connect", LoadKind.Connects, 16),
    ];
}
