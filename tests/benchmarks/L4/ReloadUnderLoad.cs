using Mooring.Benchmarks.Backend;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.L4.Servers;
using Mooring.Benchmarks.Load;

namespace Mooring.Benchmarks.L4;

/// <summary>A listener is added to the config while round trips go on: how soon it serves, and what the others feel of it.</summary>
internal sealed class ReloadUnderLoad(BackendProcess backend, LoadProcess load, Samples samples, bool quick)
{
    private const int Connections = 50;
    private const int SettleMilliseconds = 500;

    private static readonly TimeSpan Before = TimeSpan.FromMilliseconds(1_000);

    /// <summary>The server as it must be started to take on a new config.</summary>
    public static ServerUnderTest Reloadable(ServerUnderTest server) => server is HaproxyServer ? new HaproxyServer(reloads: true) : server;

    /// <exception cref="BenchmarkException">A connection was lost, or the new listener does not come up.</exception>
    public async Task MeasureAsync(ServerUnderTest server, IReadOnlyList<ListenerPlan> listeners, CancellationToken cancellation)
    {
        await using var running = await server.StartAsync(listeners, cancellation);
        var request = new LoadRequest
        {
            Kind = LoadKind.RoundTrips,
            Target = running.Target(listeners[0].Name),
            Connections = Connections,
            SettleMilliseconds = SettleMilliseconds,
            MeasureMilliseconds = quick ? 1_500 : 3_000,
        };
        // Once for the compiler.
        await load.RunAsync(server.Name, request with { MeasureMilliseconds = 1_000 }, cancellation);
        var loading = load.RunAsync(server.Name, request, cancellation);
        await Task.Delay(Before, cancellation);
        var taken = await running.ReloadAsync(new ListenerPlan("added", backend.Echo), cancellation);
        var result = await loading;
        running.CheckAlive();
        samples.Add("reload/time", server.Name, taken.TotalMilliseconds);
        samples.Add("reload/p99", server.Name, result.P99);
        samples.Add("reload/p999", server.Name, result.P999);
    }
}
