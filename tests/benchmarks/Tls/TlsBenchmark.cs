using Mooring.Benchmarks.Backend;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.L4;
using Mooring.Benchmarks.Load;

namespace Mooring.Benchmarks.Tls;

/// <summary>Takes the TLS metrics from each server in turn, as <see cref="L4Benchmark"/> does.</summary>
internal sealed class TlsBenchmark(string only, int rounds, bool quick, IReadOnlyList<ServerUnderTest> servers, TextWriter progress)
{
    private const int IdleConnections = 3_000;

    private readonly Samples _samples = new();

    public async Task<Samples> RunAsync(CancellationToken cancellation)
    {
        var directory = Directory.CreateTempSubdirectory("mooring-bench-tls-");
        try
        {
            await using var backend = await BackendProcess.StartAsync(cancellation);
            await using var load = new LoadProcess();
            var p256 = TlsCertificates.Make(directory.FullName, "p256", rsa: false);
            ListenerPlan[] listeners =
            [
                new(TlsMetrics.EcListener, backend.Echo, Tls: p256),
                new(TlsMetrics.RsaListener, backend.Echo, Tls: TlsCertificates.Make(directory.FullName, "rsa", rsa: true)),
                new(TlsMetrics.BulkListener, backend.Bulk, Tls: p256),
            ];
            await TakeAllAsync(listeners, load, cancellation);
            if ("idle".StartsWith(only, StringComparison.Ordinal))
            {
                foreach (var server in servers)
                {
                    await using var running = await server.StartAsync(listeners, cancellation);
                    await IdleMemory.MeasureAsync(
                        running,
                        TlsMetrics.EcListener,
                        load,
                        _samples,
                        cancellation,
                        LoadTls.Full,
                        IdleConnections,
                        quick ? IdleMemory.QuickWarmUps : IdleMemory.WarmUps
                    );
                    progress.WriteLine($"  idle memory, {server.Name}");
                }
            }

            return _samples;
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private async Task TakeAllAsync(ListenerPlan[] listeners, LoadProcess load, CancellationToken cancellation)
    {
        var steps = TlsMetrics.Steps.Where(step => step.Key.StartsWith(only, StringComparison.Ordinal)).ToArray();
        if (steps.Length == 0)
        {
            return;
        }

        var running = new List<RunningServer>();
        try
        {
            foreach (var server in servers)
            {
                running.Add(await server.StartAsync(listeners, cancellation));
                for (var pass = 0; pass < L4Benchmark.WarmUps; pass++)
                {
                    foreach (var step in steps.Where(step => step.IsFor(server.Name)))
                    {
                        await load.RunAsync(server.Name, Request(step, running[^1], 0, L4Benchmark.WarmUpMilliseconds), cancellation);
                    }

                    await running[^1].QuietAsync(TimeSpan.FromSeconds(0.3), cancellation);
                }
            }

            for (var round = 0; round < rounds; round++)
            {
                foreach (var step in steps)
                {
                    for (var i = 0; i < running.Count; i++)
                    {
                        var server = running[(i + round) % running.Count];
                        if (step.IsFor(server.Name))
                        {
                            var result = await load.RunAsync(
                                server.Name,
                                Request(step, server, quick ? 100 : 300, quick ? 500 : 1_500),
                                cancellation
                            );
                            new L4Step(step.Key, step.Kind, step.Connections).Record(result, server.Name, _samples);
                            server.CheckAlive();
                        }
                    }
                }

                progress.WriteLine($"  round {round + 1} of {rounds}");
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

    private static LoadRequest Request(TlsStep step, RunningServer server, int settle, int measure) =>
        new()
        {
            Kind = step.Kind,
            Tls = step.Tls,
            Target = server.Target(step.Listener),
            Connections = step.Connections,
            SettleMilliseconds = settle,
            MeasureMilliseconds = measure,
            Processes = server.Processes,
        };
}
