using System.Globalization;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.L4;
using Mooring.Benchmarks.Load;
using Mooring.Benchmarks.Sockets;
using Mooring.Benchmarks.Tls;
using Mooring.Benchmarks.WebSockets.Kill;

namespace Mooring.Benchmarks.WebSockets.Echo;

/// <summary>Takes the WebSocket metrics from each server in turn, as <see cref="L4Benchmark"/> does.</summary>
internal sealed class WsBenchmark(WsOptions options, IReadOnlyList<ServerUnderTest> servers, TextWriter progress)
{
    private const string Listener = "ws";
    private const double DisturbedShare = 0.05;

    /// <summary>Share of what was offered that counts as held.</summary>
    private const double Held = 0.98;

    private const int WarmUps = 4;

    private const int TelemetryConnections = 10_000;

    /// <summary>Messages a second on each of them; the last is what telemetry would send.</summary>
    private static readonly double[] TelemetryRates = [1, 2, 4, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50];

    private readonly Samples _samples = new();
    private readonly List<string> _notes = [];
    private double _measuredSeconds;
    private double _waitSeconds;

    /// <summary>Runs all of it.</summary>
    /// <exception cref="BenchmarkException">A server lost or changed a message, refused a connection, or died.</exception>
    public async Task<(Samples Samples, IReadOnlyList<string> Notes)> RunAsync(CancellationToken cancellation)
    {
        var directory = Directory.CreateTempSubdirectory("mooring-bench-ws-");
        try
        {
            await using var backend = servers.Any(server => server.Name == ServeServer.Proxy)
                ? await new NodeServer(Cores.Load).StartAsync([new ListenerPlan(Listener, [])], cancellation)
                : null;
            await using var load = new LoadProcess();
            ListenerPlan[] plain = [new(Listener, backend is null ? [] : [backend.Target(Listener)])];
            ListenerPlan[] secure = [plain[0] with { Tls = TlsCertificates.Make(directory.FullName, "p256", rsa: false) }];
            await TakeTimedAsync(plain, load, cancellation);
            await TakeIdleAsync("idle", plain, load, LoadTls.None, cancellation);
            await TakeIdleAsync("tls", secure, load, LoadTls.Full, cancellation);
            await EachAsync("telemetry", plain, IsEcho, running => TelemetryAsync(running, load, cancellation), cancellation);
            foreach (var server in servers.OfType<ServeServer>().Where(_ => options.Wants("drain")))
            {
                await using var running = await server.StartAsync(plain, cancellation);
                await DrainAsync(running, load, cancellation);
                progress.WriteLine($"  drain, {server.Name}");
            }

            await EachAsync(
                "gc",
                plain,
                server => server.Name == ServeServer.Hub,
                running => CollectAsync(running, (ServeServer)servers.First(server => server.Name == running.Name), load, cancellation),
                cancellation
            );
            if (options.Wants("kill") && servers.Any(server => server.Name == ServeServer.Hub))
            {
                await GatewayKill.MeasureAsync(options.Gateway, options.Quick ? 2_000 : 10_000, _samples, _notes, cancellation);
                progress.WriteLine("  kill");
            }
        }
        finally
        {
            directory.Delete(recursive: true);
        }

        if (_waitSeconds > DisturbedShare * _measuredSeconds)
        {
            _notes.Add(
                $"the machine was busy: the servers' threads waited {_waitSeconds / _measuredSeconds:0%} of the measured time for a core that others had"
            );
        }

        return (_samples, _notes);
    }

    private static bool IsEcho(ServerUnderTest server) => server is not ServeServer;

    private static LoadWebSocket Dialect(string server) =>
        server is ServeServer.Hub or WsMetrics.HubBefore ? LoadWebSocket.Hub : LoadWebSocket.Echo;

    private async Task EachAsync(
        string key,
        ListenerPlan[] listeners,
        Func<ServerUnderTest, bool> isMeant,
        Func<RunningServer, Task> measure,
        CancellationToken cancellation
    )
    {
        foreach (var server in servers.Where(server => options.Wants(key) && isMeant(server)))
        {
            await using var running = await server.StartAsync(listeners, cancellation);
            await measure(running);
            running.CheckAlive();
            progress.WriteLine($"  {key}, {server.Name}");
        }
    }

    private async Task TakeTimedAsync(ListenerPlan[] listeners, LoadProcess load, CancellationToken cancellation)
    {
        var steps = WsMetrics.Steps.Where(step => options.Wants(step.Key.Split('-')[0])).ToArray();
        var running = new List<RunningServer>();
        try
        {
            foreach (var server in servers.Where(_ => steps.Length > 0))
            {
                running.Add(await server.StartAsync(listeners, cancellation));
                // Compilers make hot code anew, and once more by what they have learnt; on a core that is busy that takes seconds, and all servers here but npm's have one.
                for (var pass = 0; pass < WarmUps; pass++)
                {
                    foreach (var step in WsMetrics.Steps)
                    {
                        await load.RunAsync(server.Name, Request(step, running[^1], 0, 1_000), cancellation);
                    }

                    await running[^1].QuietAsync(TimeSpan.FromSeconds(0.3), cancellation);
                }
            }

            for (var round = 0; round < options.Rounds && steps.Length > 0; round++)
            {
                foreach (var step in steps)
                {
                    for (var i = 0; i < running.Count; i++)
                    {
                        var server = running[(i + round) % running.Count];
                        var request = Request(step, server, options.Quick ? 150 : 300, options.Quick ? 600 : 1_500);
                        var result = await load.RunAsync(server.Name, request, cancellation);
                        step.Record(result, server.Name, _samples);
                        Note(result);
                        server.CheckAlive();
                    }
                }

                progress.WriteLine($"  round {round + 1} of {options.Rounds}");
            }
        }
        finally
        {
            foreach (var server in running)
            {
                await server.DisposeAsync();
            }
        }
    }

    private void Note(LoadResult result)
    {
        _measuredSeconds += result.WallSeconds;
        _waitSeconds += result.WaitSeconds;
    }

    private static LoadRequest Request(L4Step step, RunningServer server, int settle, int measure) =>
        new()
        {
            Kind = step.Kind,
            WebSocket = Dialect(server.Name),
            Target = server.Target(Listener),
            Connections = step.Connections,
            SettleMilliseconds = settle,
            MeasureMilliseconds = measure,
            Processes = server.Processes,
        };

    private async Task TakeIdleAsync(string key, ListenerPlan[] listeners, LoadProcess load, LoadTls tls, CancellationToken cancellation)
    {
        await EachAsync(
            key,
            listeners,
            server => tls == LoadTls.None || IsEcho(server),
            running =>
                IdleMemory.MeasureAsync(
                    running,
                    Listener,
                    load,
                    _samples,
                    cancellation,
                    tls,
                    // Two descriptors each, of 20,000.
                    running.Name == ServeServer.Proxy
                        ? 9_000
                        : options.Idle,
                    options.Quick ? IdleMemory.QuickWarmUps : IdleMemory.WarmUps,
                    webSocket: Dialect(running.Name),
                    key: tls == LoadTls.None ? "idle" : "idle-tls"
                ),
            cancellation
        );
    }

    /// <summary>Each rate after the other, until one is not held.</summary>
    private async Task TelemetryAsync(RunningServer server, LoadProcess load, CancellationToken cancellation)
    {
        LoadResult? best = null;
        foreach (var rate in TelemetryRates)
        {
            var result = await load.RunAsync(
                server.Name,
                new LoadRequest
                {
                    Kind = LoadKind.OpenLoop,
                    WebSocket = LoadWebSocket.Echo,
                    Rate = rate,
                    Target = server.Target(Listener),
                    Connections = TelemetryConnections,
                    SettleMilliseconds = 500,
                    MeasureMilliseconds = options.Quick ? 1_000 : 2_000,
                    Processes = server.Processes,
                },
                cancellation
            );
            if (result.Operations < Held * result.Offered || result.P50 > 1e6)
            {
                _notes.Add(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"telemetry, {server.Name}: of {rate} messages a second on each of {TelemetryConnections} connections {(double)result.Operations / result.Offered:0%} were held, the server at {result.CpuSeconds / result.WallSeconds:0%} of its core"
                    )
                );
                break;
            }

            best = result;
            Note(result);
        }

        if (best is not null)
        {
            _samples.Add("telemetry/held", server.Name, best.Operations / best.WallSeconds);
            _samples.Add("telemetry/cpu", server.Name, best.CpuSeconds * 1e6 / best.Operations);
            _samples.Add("telemetry/busy", server.Name, best.CpuSeconds / best.WallSeconds);
            _samples.Add("telemetry/p50", server.Name, best.P50 / 1e3);
            _samples.Add("telemetry/p99", server.Name, best.P99 / 1e3);
        }
    }

    private async Task DrainAsync(RunningServer server, LoadProcess load, CancellationToken cancellation)
    {
        var open = new LoadRequest
        {
            Kind = LoadKind.OpenIdle,
            WebSocket = Dialect(server.Name),
            Target = server.Target(Listener),
            Connections = server.Name == ServeServer.Proxy ? 9_000 : 10_000,
        };
        await load.RunAsync(server.Name, open, cancellation);
        var closing = load.RunAsync(server.Name, open with { Kind = LoadKind.AwaitCloses }, cancellation);
        server.Signal(Libc.SIGTERM);
        var result = await closing;
        var code = server.Name == ServeServer.Proxy ? 1012 : 3001;
        _samples.Add("drain/seconds", server.Name, result.WallSeconds);
        _samples.Add("drain/most", server.Name, result.MostPerSecond);
        _samples.Add("drain/wrong", server.Name, result.Operations - result.Closes!.GetValueOrDefault(code));
        _notes.Add(
            $"drain, {server.Name}: close codes {string.Join(", ", result.Closes!.Select(pair => $"{pair.Key} × {pair.Value}"))}; 0: none"
        );
    }

    private async Task CollectAsync(RunningServer running, ServeServer server, LoadProcess load, CancellationToken cancellation)
    {
        using var http = new HttpClient();
        var before = await CollectionReading.FirstAsync(http, server.Metrics!, cancellation);
        var result = await load.RunAsync(
            server.Name,
            new LoadRequest
            {
                Kind = LoadKind.RoundTrips,
                WebSocket = LoadWebSocket.Hub,
                Target = running.Target(Listener),
                Connections = 10_000,
                SettleMilliseconds = 1_000,
                MeasureMilliseconds = options.Quick ? 5_000 : 20_000,
                Processes = running.Processes,
            },
            cancellation
        );
        var after = await CollectionReading.ReadAsync(http, server.Metrics!, cancellation);
        _samples.Add("gc/gen2", server.Name, after.Count[2] - before.Count[2]);
        _samples.Add("gc/gen2-pause", server.Name, after.Longest[2] * 1e3);
        _samples.Add("gc/pause", server.Name, after.Longest.Max() * 1e3);
        var generations = Enumerable
            .Range(0, 3)
            .Select(generation =>
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"gen {generation}: {after.Count[generation] - before.Count[generation]}, longest {after.Longest[generation] * 1e3:0.00} ms"
                )
            );
        _notes.Add(
            string.Create(
                CultureInfo.InvariantCulture,
                $"collections of the Hub, 10,000 clients, {result.Operations} messages published and delivered in {result.WallSeconds:0} s, longest since the start: {string.Join("; ", generations)}; all pauses {(after.Total - before.Total) * 1e3:0.0} ms"
            )
        );
    }
}
