using System.Globalization;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.L4.Servers;
using Mooring.Benchmarks.Load;

namespace Mooring.Benchmarks.L4;

/// <summary>The gateway's garbage collections while 8,000 connections are busy, as its own metrics tell them.</summary>
/// <remarks>
/// Traffic allocates nothing, so what there is to collect comes from the metrics, which are read over and over here: many times as often as
/// a Prometheus would. Every reading is in the report's samples.
/// </remarks>
internal sealed class CollectionPauses(L4Options options, Samples samples, List<string> notes)
{
    private const int Connections = 8_000;

    private static readonly TimeSpan BetweenReadings = TimeSpan.FromMilliseconds(20);

    public async Task MeasureAsync(IReadOnlyList<ListenerPlan> listeners, LoadProcess load, CancellationToken cancellation)
    {
        var server = new GatewayServer(GatewayServer.ServerName, options.Gateway);
        await using var running = await server.StartAsync(listeners, cancellation);
        var request = new LoadRequest
        {
            Kind = LoadKind.RoundTrips,
            Target = running.Target(listeners[0].Name),
            Connections = Connections,
            SettleMilliseconds = 1_000,
            MeasureMilliseconds = options.Quick ? 3_000 : 8_000,
        };
        using var http = new HttpClient();
        var before = await CollectionReading.FirstAsync(http, server.Metrics!, cancellation);
        var loading = load.RunAsync(server.Name, request, cancellation);
        var last = before;
        var readings = 0;
        while (!loading.IsCompleted)
        {
            last = await CollectionReading.ReadAsync(http, server.Metrics!, cancellation);
            readings++;
            for (var generation = 0; generation < 3; generation++)
            {
                samples.Add($"gc-trace/gen{generation}", server.Name, last.Count[generation] - before.Count[generation]);
                samples.Add($"gc-trace/gen{generation}-longest-ms", server.Name, last.Longest[generation] * 1e3);
            }

            await Task.Delay(BetweenReadings, cancellation);
        }

        await loading;
        samples.Add("gc/gen2", server.Name, last.Count[2] - before.Count[2]);
        samples.Add("gc/gen2-pause", server.Name, last.Longest[2] * 1e3);
        samples.Add("gc/pause", server.Name, last.Longest.Max() * 1e3);
        var generations = Enumerable
            .Range(0, 3)
            .Select(generation =>
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"gen {generation}: {last.Count[generation] - before.Count[generation]}, longest {last.Longest[generation] * 1e3:0.00} ms"
                )
            );
        notes.Add(
            string.Create(
                CultureInfo.InvariantCulture,
                $"collections with {Connections} busy connections and {readings} readings of the metrics, longest since the start: {string.Join("; ", generations)}; all pauses {(last.Total - before.Total) * 1e3:0.0} ms"
            )
        );
    }
}
