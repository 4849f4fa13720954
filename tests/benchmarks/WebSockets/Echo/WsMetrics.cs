using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.L4;
using Mooring.Benchmarks.Load;
using Mooring.Benchmarks.WebSockets.FanOut;
using Mooring.Benchmarks.WebSockets.Kill;

namespace Mooring.Benchmarks.WebSockets.Echo;

/// <summary>A row: a metric of one of our servers beside others'.</summary>
/// <param name="Key">As in the samples.</param>
/// <param name="Ours">Whose value is ours.</param>
/// <param name="Peers">Whose are beside it.</param>
/// <param name="Text">In words.</param>
/// <param name="Unit">Of the values.</param>
/// <param name="Goal">Null: there is none.</param>
/// <param name="MoreIsBetter">It has no ratio then.</param>
internal sealed record WsMetric(
    string Key,
    string Ours,
    string[] Peers,
    string Text,
    string Unit,
    Goal? Goal = null,
    bool MoreIsBetter = false
)
{
    public ReportRow Row(Samples samples)
    {
        var medians = samples.Medians(Key);
        var row = ReportRow.From(
            Text,
            Unit,
            medians.Where(pair => pair.Key == Ours || Peers.Contains(pair.Key)).ToDictionary(),
            Ours,
            Goal
        );
        return MoreIsBetter ? row with { Ratio = null } : row;
    }
}

internal static class WsMetrics
{
    private const string Raw = ReactorServer.ServerName;
    private const string Hub = ServeServer.Hub;
    private const string Proxy = ServeServer.Proxy;
    private const string Ws = FanOutServers.Ws;
    private const string Kestrel = KestrelEchoServer.ServerName;

    public const string HubBefore = "hub-before";
    public const string Before = "before";

    /// <summary>Closes per second that a drain is set to.</summary>
    public const int ClosesPerSecond = 500;

    private static readonly string[] Others = [Ws, Kestrel, Before];

    public static IReadOnlyList<L4Step> Steps { get; } =
    [new("echo-50", LoadKind.RoundTrips, 50), new("echo-1000", LoadKind.RoundTrips, 1_000), new("upgrade", LoadKind.Connects, 16)];

    public static IReadOnlyList<WsMetric> All { get; } =
    [
        Echo(50, "cpu", "CPU per 1M", "CPU s", Goal.All(Goal.Relative(0.5, Ws), Goal.Relative(0.35, Kestrel))),
        Echo(50, "p99", "p99", "µs"),
        Echo(1_000, "cpu", "CPU per 1M", "CPU s", Goal.All(Goal.Relative(0.5, Ws), Goal.Relative(0.35, Kestrel))),
        Echo(1_000, "p99", "p99", "µs"),
        new("upgrade/cpu", Raw, Others, "CPU per 10k connect + upgrade + closing handshake", "CPU s", Goal.Relative(0.35, Ws)),
        new("upgrade/p99", Raw, Others, "connect + upgrade + closing handshake: p99", "µs"),
        HubEcho(50),
        HubEcho(1_000),
        new("upgrade/cpu", Hub, [Raw, Ws], "Hub: CPU per 10k connect + upgrade + connect + subscribe + close", "CPU s"),
        ProxyEcho(50),
        ProxyEcho(1_000),
        new("upgrade/cpu", Proxy, [Raw, Ws], "Proxy: CPU per 10k connect + upgrade + close", "CPU s"),
        new("idle/user", Raw, Others, "user memory per idle connection, 15,000 open", "B", Goal.Absolute(256)),
        new("idle/kernel", Raw, Others, "kernel slab per idle connection, both ends, whole machine", "B"),
        new("idle/buffers", Raw, Others, "kernel socket buffers per idle connection, both ends", "B"),
        new("idle/base", Raw, Others, "user memory without connections", "MB"),
        new("idle-tls/user", Raw, Others, "user memory per idle TLS connection, 15,000 open", "B", Goal.Absolute(15 * 1024)),
        new("idle-tls/kernel", Raw, Others, "kernel slab per idle TLS connection, both ends, whole machine", "B"),
        new("idle/user", Hub, [], "Hub: user memory per idle client in a channel of its own, 15,000 open", "B"),
        new("idle/user", Proxy, [], "Proxy: user memory per idle connection, 9,000 open", "B"),
        new("telemetry/held", Raw, Others, "telemetry, 10,000 conn: messages a second that were held", "1/s", MoreIsBetter: true),
        new("telemetry/cpu", Raw, Others, "telemetry at that rate: CPU per 1M messages", "CPU s"),
        new("telemetry/p50", Raw, Others, "telemetry at that rate: p50", "ms"),
        new("telemetry/p99", Raw, Others, "telemetry at that rate: p99", "ms"),
        new("drain/seconds", Hub, [], $"Hub: drain of 10,000 at {ClosesPerSecond} a second: time", "s"),
        new(
            "drain/most",
            Hub,
            [],
            $"Hub: drain of 10,000 at {ClosesPerSecond} a second: most closes within a second",
            "1/s",
            Goal.Absolute(ClosesPerSecond)
        ),
        new("drain/wrong", Hub, [], "Hub: drain of 10,000: connections without close code 3001", "", Goal.Absolute(0)),
        new("drain/seconds", Proxy, [], $"Proxy: drain of 9,000 at {ClosesPerSecond} a second: time", "s"),
        new(
            "drain/most",
            Proxy,
            [],
            $"Proxy: drain of 9,000 at {ClosesPerSecond} a second: most closes within a second",
            "1/s",
            Goal.Absolute(ClosesPerSecond)
        ),
        new("drain/wrong", Proxy, [], "Proxy: drain of 9,000: connections without close code 1012", "", Goal.Absolute(0)),
        new(
            "kill/seconds",
            Hub,
            [],
            "Hub: one of four gateways killed with 10,000 clients: time until all are back",
            "s",
            Goal.Absolute(60)
        ),
        new(
            "kill/most",
            Hub,
            [],
            $"Hub: killed: most connects answered within a second, of {GatewayKill.ConnectsPerSecond} set",
            "1/s",
            Goal.Absolute(GatewayKill.ConnectsPerSecond)
        ),
        new("kill/lost", Hub, [], "Hub: killed: publications lost, and clients not recovered", "", Goal.Absolute(0)),
        new("gc/gen2-pause", Hub, [], "Hub: longest gen-2 pause, 10,000 clients, publishing", "ms", Goal.Absolute(1)),
        new("gc/gen2", Hub, [], "Hub: gen-2 collections meanwhile", ""),
        new("gc/pause", Hub, [], "Hub: longest pause of any collection meanwhile", "ms"),
    ];

    private static WsMetric Echo(int connections, string figure, string text, string unit, Goal? goal = null) =>
        new($"echo-{connections}/{figure}", Raw, Others, $"echo of 64 B, {connections:#,0} conn: {text}", unit, goal);

    private static WsMetric HubEcho(int connections) =>
        new(
            $"echo-{connections}/cpu",
            Hub,
            [Raw, HubBefore],
            $"Hub: 64 B published and delivered, JSON, history, recovery, {connections:#,0} conn: CPU per 1M",
            "CPU s",
            Goal.Relative(1.5, Raw)
        );

    private static WsMetric ProxyEcho(int connections) =>
        new(
            $"echo-{connections}/cpu",
            Proxy,
            [Raw],
            $"Proxy in front of npm ws: echo of 64 B, {connections:#,0} conn: CPU per 1M",
            "CPU s"
        );
}
