using Mooring.Benchmarks.Backend;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.Load;

namespace Mooring.Benchmarks.L4;

/// <summary>Takes the L4 metrics from each server in turn: A B C, A B C, … so that what else the machine does falls on all alike.</summary>
internal sealed class L4Benchmark(L4Options options, IReadOnlyList<ServerUnderTest> servers, TimeProvider clock, TextWriter progress)
{
    private const string Echo = "echo";
    private const string Bulk = "bulk";

    /// <summary>Times that a server has all kinds of traffic before the first round; see <see cref="WarmUpAsync"/>.</summary>
    public const int WarmUps = 4;

    /// <summary>How long each kind of it lasts.</summary>
    public const int WarmUpMilliseconds = 700;

    /// <summary>Above this share of the measured time the figures deserve a note.</summary>
    private const double DisturbedShare = 0.05;

    /// <summary>A quick run starts no round that would end after this: what follows takes up to 32 s, and all must end within 90 s.</summary>
    private static readonly TimeSpan QuickRoundsEnd = TimeSpan.FromSeconds(58);

    private readonly Samples _samples = new();
    private readonly List<string> _notes = [];
    private double _measuredSeconds;
    private double _waitSeconds;

    /// <summary>Runs all rounds.</summary>
    /// <exception cref="BenchmarkException">A server lost or changed bytes, died, or left connections open.</exception>
    public async Task<(Samples Samples, IReadOnlyList<string> Notes)> RunAsync(CancellationToken cancellation)
    {
        await using var backend = await BackendProcess.StartAsync(cancellation);
        await using var load = new LoadProcess();
        ListenerPlan[] listeners = [new(Echo, backend.Echo), new(Bulk, backend.Bulk, LargeTransfers: true)];

        await TakeTimedAsync(backend, load, listeners, cancellation);
        if (options.Wants("reload") && !SkippedAsQuick)
        {
            var reload = new ReloadUnderLoad(backend, load, _samples, options.Quick);
            for (var round = 0; round < FewRounds; round++)
            {
                foreach (var server in InTurn(servers, round))
                {
                    await reload.MeasureAsync(ReloadUnderLoad.Reloadable(server), listeners, cancellation);
                    progress.WriteLine($"  reload, {server.Name}");
                }
            }
        }

        if (options.Wants("loops") && !SkippedAsQuick)
        {
            await new LoopScaling(options, _samples, _notes).MeasureAsync(cancellation);
            progress.WriteLine("  two loops beside one");
        }

        if (options.Wants("gc") && !SkippedAsQuick)
        {
            await new CollectionPauses(options, _samples, _notes).MeasureAsync(listeners, load, cancellation);
            progress.WriteLine("  collections");
        }

        if (options.Wants("idle"))
        {
            for (var round = 0; round < FewRounds; round++)
            {
                foreach (var server in InTurn(servers, round))
                {
                    // Fresh, since what a server keeps from an earlier load would hide what its connections take.
                    await using var running = await server.StartAsync(listeners, cancellation);
                    await IdleMemory.MeasureAsync(
                        running,
                        Echo,
                        load,
                        _samples,
                        cancellation,
                        warmUps: SkippedAsQuick ? IdleMemory.QuickWarmUps : IdleMemory.WarmUps
                    );
                    await CheckNothingLeftAsync(running, backend, cancellation);
                    progress.WriteLine($"  idle memory, {server.Name}");
                }
            }
        }

        AddDisturbance();
        return (_samples, _notes);
    }

    /// <summary>Rounds of what is steady, or takes long.</summary>
    private int FewRounds => options.Quick ? 1 : Math.Min(2, options.Rounds);

    /// <summary>A quick run of everything leaves out what takes long; one that asks for it does not.</summary>
    private bool SkippedAsQuick => options.Quick && options.Only.Count == 0;

    private async Task TakeTimedAsync(
        BackendProcess backend,
        LoadProcess load,
        IReadOnlyList<ListenerPlan> listeners,
        CancellationToken cancellation
    )
    {
        var steps = L4Steps
            .All.Where(step => options.Wants(step.Key) && !(SkippedAsQuick && (step.Connections > 1_000 || step.MessageBytes > 64)))
            .ToArray();
        if (steps.Length == 0)
        {
            return;
        }

        var began = clock.GetTimestamp();
        var running = new List<RunningServer>();
        try
        {
            foreach (var server in servers)
            {
                running.Add(await server.StartAsync(listeners, cancellation));
                await WarmUpAsync(running[^1], load, cancellation);
            }

            for (var round = 0; round < options.Rounds; round++)
            {
                var roundBegan = clock.GetTimestamp();
                foreach (var step in steps)
                {
                    foreach (var server in InTurn(running, round))
                    {
                        await TakeAsync(step, server, load, cancellation);
                        await CheckNothingLeftAsync(server, backend, cancellation);
                    }
                }

                progress.WriteLine($"  round {round + 1} of {options.Rounds}");
                if (
                    options.Quick
                    && clock.GetElapsedTime(began) + clock.GetElapsedTime(roundBegan) > QuickRoundsEnd
                    && round + 1 < options.Rounds
                )
                {
                    _notes.Add($"{round + 1} of {options.Rounds} rounds: the machine is too slow now for more in a quick run");
                    break;
                }
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

    private async Task TakeAsync(L4Step step, RunningServer server, LoadProcess load, CancellationToken cancellation)
    {
        var request = Request(step, server, options.SettleMilliseconds, options.MeasureMilliseconds);
        var result = await load.RunAsync(server.Name, request, cancellation);
        step.Record(result, server.Name, _samples);
        _measuredSeconds += result.WallSeconds;
        _waitSeconds += result.WaitSeconds;
    }

    /// <summary>
    /// All kinds of traffic, several times: a just-in-time compiler makes hot code anew in the background, on the core that the server has, and then
    /// once more by what it has learnt. That is over in the first seconds of a server's life, and is no part of what a request costs.
    /// </summary>
    private async Task WarmUpAsync(RunningServer server, LoadProcess load, CancellationToken cancellation)
    {
        for (var pass = 0; pass < WarmUps; pass++)
        {
            foreach (var step in L4Steps.WarmUp)
            {
                await load.RunAsync(server.Name, Request(step, server, 0, WarmUpMilliseconds), cancellation);
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

    /// <summary>A client's close must have reached the backend: a server that keeps the other half open leaks.</summary>
    internal static async Task CheckNothingLeftAsync(RunningServer server, BackendProcess backend, CancellationToken cancellation)
    {
        server.CheckAlive();
        var open = (await backend.CountAsync(cancellation)).Open;
        for (var tries = 0; open > 0 && tries < 200; tries++)
        {
            await Task.Delay(50, cancellation);
            open = (await backend.CountAsync(cancellation)).Open;
        }

        if (open > 0)
        {
            throw new BenchmarkException($"{server.Name} still holds {open} backend connections 10 s after their clients have closed");
        }
    }

    private void AddDisturbance()
    {
        var share = _measuredSeconds > 0 ? _waitSeconds / _measuredSeconds : 0;
        if (share > DisturbedShare)
        {
            _notes.Add(
                $"the machine was busy: the servers' threads waited {share:0%} of the measured time for a core that other processes had"
            );
        }
    }

    internal static IEnumerable<T> InTurn<T>(IReadOnlyList<T> items, int round) =>
        Enumerable.Range(0, items.Count).Select(i => items[(i + round) % items.Count]);
}
