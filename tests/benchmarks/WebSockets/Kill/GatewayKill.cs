using System.Diagnostics;
using System.Globalization;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.L4;
using Mooring.Benchmarks.L4.Servers;
using Mooring.Benchmarks.Load;
using Mooring.Benchmarks.Sockets;
using Mooring.Benchmarks.WebSockets.FanOut;
using Mooring.Contracts.Configuration;

namespace Mooring.Benchmarks.WebSockets.Kill;

/// <summary>One of four gateways over Redis, the one with all the clients, is killed outright while publications go on: how soon they are back, how fast, and what is lost.</summary>
internal static class GatewayKill
{
    /// <summary>Connects that each gateway answers a second.</summary>
    public const int ConnectsPerSecond = 250;

    private const int PublicationsPerSecond = 300;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static async Task MeasureAsync(string? gateway, int clients, Samples samples, List<string> notes, CancellationToken cancellation)
    {
        var directory = Directory.CreateTempSubdirectory("mooring-bench-kill-").FullName;
        try
        {
            var program = Path.GetFullPath(gateway ?? GatewayServer.BesideThis);
            await using var fleet = await FanOutServers.StartGatewaysAsync(program, directory, 4, Hub(), cancellation);
            using var load = new KillClients(fleet.Targets, clients, PublicationsPerSecond);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            var running = Task.Factory.StartNew(() => load.Run(stop.Token), TaskCreationOptions.LongRunning);
            await UntilAsync(() => load.Live == clients, "all are connected");
            await Task.Delay(TimeSpan.FromSeconds(2), cancellation);

            load.Kill();
            // Redis is the first of the processes.
            fleet.Children[1].Signal(Libc.SIGKILL);
            var began = Stopwatch.GetTimestamp();
            await UntilAsync(() => load.Live < clients / 2, "the clients have noticed");
            await UntilAsync(() => load.Live == clients, "all are back");
            var took = Stopwatch.GetElapsedTime(began);
            load.StopPublishing();
            // What was published last is still on its way.
            await Task.Delay(TimeSpan.FromSeconds(2), cancellation);
            await stop.CancelAsync();
            await running;

            samples.Add("kill/seconds", Echo.ServeServer.Hub, took.TotalSeconds);
            samples.Add("kill/most", Echo.ServeServer.Hub, Enumerable.Range(1, 3).Max(load.MostPerSecond));
            samples.Add("kill/lost", Echo.ServeServer.Hub, load.Lost + load.NotRecovered);
            notes.Add(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"kill: {clients} clients of a killed gateway, {load.Recovered} recovered, {load.NotRecovered} not; {load.Acknowledged} publications acknowledged, {load.Lost} not received; {load.PutOff} connects were put off; most answered within a second: {string.Join(", ", Enumerable.Range(1, 3).Select(load.MostPerSecond))}"
                )
            );

            async Task UntilAsync(Func<bool> condition, string what)
            {
                var waiting = Stopwatch.GetTimestamp();
                while (!condition())
                {
                    if (running.IsCompleted)
                    {
                        await running;
                    }

                    if (Stopwatch.GetElapsedTime(waiting) > Patience)
                    {
                        throw new BenchmarkException(
                            $"kill: {load.Live} of {clients} stand after {Patience.TotalSeconds} s of waiting until {what}"
                        );
                    }

                    await Task.Delay(20, cancellation);
                }
            }
        }
        catch (Exception failure) when (failure is LoadFailedException or SocketFailureException)
        {
            throw new BenchmarkException($"kill: {failure.Message}");
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static HubConfig Hub() =>
        new()
        {
            Anonymous = true,
            ConnectsPerSecond = ConnectsPerSecond,
            Namespaces =
            [
                new HubNamespaceConfig
                {
                    Name = "own",
                    Subscribe = HubAudience.Everyone,
                    Publish = HubAudience.Everyone,
                    History = new HubHistoryConfig { Size = 100, Ttl = TimeSpan.FromMinutes(5) },
                },
            ],
        };
}
