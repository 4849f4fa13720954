using Mooring.Benchmarks.Backend;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.L4;
using Mooring.Benchmarks.Load;

namespace Mooring.Benchmarks.Tunnels;

/// <summary>Takes the metrics of tunnels from each in turn: A B C, B C A, …</summary>
/// <param name="only">Measurements wanted, by what comes before the slash in their metrics' keys; empty: all.</param>
/// <param name="rounds">Times that each is taken.</param>
/// <param name="quick">Shorter.</param>
/// <param name="servers">Who takes part.</param>
/// <param name="progress">Told of each round.</param>
internal sealed class TunnelsBenchmark(
    IReadOnlyList<string> only,
    int rounds,
    bool quick,
    IReadOnlyList<TunnelServer> servers,
    TextWriter progress
)
{
    private const string Echo = "echo";
    private const string Bulk = "bulk";
    private const int IdleVisitors = 3_000;

    /// <summary>Above this share of the measured time the figures deserve a note.</summary>
    private const double DisturbedShare = 0.05;

    private readonly Samples _samples = new();
    private double _measuredSeconds;
    private double _waitSeconds;

    /// <summary>Runs all rounds.</summary>
    /// <exception cref="BenchmarkException">A server lost or changed bytes, died, or left connections open.</exception>
    public async Task<(Samples Samples, IReadOnlyList<string> Notes)> RunAsync(CancellationToken cancellation)
    {
        await using var backend = await BackendProcess.StartAsync(cancellation);
        await using var load = new LoadProcess();

        // A tunnel's port leads to one service.
        ListenerPlan[] listeners = [new(Echo, [backend.Echo[0]]), new(Bulk, [backend.Bulk[0]], LargeTransfers: true)];
        await TakeTimedAsync(backend, load, listeners, cancellation);
        for (var round = 0; Wants("idle") && round < (quick ? 1 : Math.Min(2, rounds)); round++)
        {
            foreach (var server in L4Benchmark.InTurn(servers, round))
            {
                // Fresh, since what a server keeps from an earlier load would hide what its visitors take.
                await using var running = await server.StartAsync(listeners, cancellation);
                await IdleMemory.MeasureAsync(
                    running,
                    Echo,
                    load,
                    _samples,
                    cancellation,
                    connections: IdleVisitors,
                    warmUps: quick ? IdleMemory.QuickWarmUps : IdleMemory.WarmUps
                );
                await L4Benchmark.CheckNothingLeftAsync(running, backend, cancellation);
                progress.WriteLine($"  idle memory, {server.Name}");
            }
        }

        var share = _measuredSeconds > 0 ? _waitSeconds / _measuredSeconds : 0;
        return (
            _samples,
            share > DisturbedShare
                ?
                [
                    $"threads waited {share:0%} of the measured time for their core: the two processes of each tunnel have one, as all else here",
                ]
                : []
        );
    }

    private bool Wants(string key) => only.Count == 0 || only.Contains(key);

    private async Task TakeTimedAsync(
        BackendProcess backend,
        LoadProcess load,
        IReadOnlyList<ListenerPlan> listeners,
        CancellationToken cancellation
    )
    {
        var steps = TunnelMetrics.Steps.Where(step => Wants(step.Key)).ToList();
        if (steps.Count == 0 && !Wants("open"))
        {
            return;
        }

        var running = new List<(TunnelServer Server, RunningServer Running)>();
        try
        {
            foreach (var server in servers)
            {
                running.Add((server, await server.StartAsync(listeners, cancellation)));
                await WarmUpAsync(running[^1].Running, steps, load, cancellation);
            }

            for (var round = 0; round < rounds; round++)
            {
                foreach (var step in steps)
                {
                    foreach (var (_, server) in L4Benchmark.InTurn(running, round))
                    {
                        var result = await load.RunAsync(server.Name, Request(step, server, 300, quick ? 700 : 2_000), cancellation);
                        step.Record(result, server.Name, _samples);
                        _measuredSeconds += result.WallSeconds;
                        _waitSeconds += result.WaitSeconds;
                        await L4Benchmark.CheckNothingLeftAsync(server, backend, cancellation);
                    }
                }

                foreach (var (server, started) in L4Benchmark.InTurn(running, round).Where(_ => Wants("open")))
                {
                    if (await server.OpenedPerSecondAsync(TimeSpan.FromSeconds(quick ? 2 : 4), load, cancellation) is { } opened)
                    {
                        _samples.Add("open/per-s", server.Name, opened);
                        started.CheckAlive();
                    }
                }

                progress.WriteLine($"  round {round + 1} of {rounds}");
            }
        }
        finally
        {
            foreach (var (_, server) in running)
            {
                await server.DisposeAsync();
            }
        }
    }

    private async Task WarmUpAsync(RunningServer server, List<L4Step> steps, LoadProcess load, CancellationToken cancellation)
    {
        for (var pass = 0; pass < 2; pass++)
        {
            foreach (var step in steps)
            {
                await load.RunAsync(server.Name, Request(step, server, 0, quick ? 300 : 700), cancellation);
            }

            await server.QuietAsync(TimeSpan.FromSeconds(0.3), cancellation);
        }
    }

    private static LoadRequest Request(L4Step step, RunningServer server, int settleMilliseconds, int measureMilliseconds) =>
        new()
        {
            Kind = step.Kind,
            Target = server.Target(step.Kind == LoadKind.Bulk ? Bulk : Echo),
            Connections = step.Connections,
            MessageBytes = step.MessageBytes,
            SettleMilliseconds = settleMilliseconds,
            MeasureMilliseconds = measureMilliseconds,
            Processes = server.Processes,
        };
}
