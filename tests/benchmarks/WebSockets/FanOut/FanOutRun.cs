using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.L4;

namespace Mooring.Benchmarks.WebSockets.FanOut;

/// <summary>One run of the fan-out benchmark. One server is up at a time, since each holds 10,000 connections, and they take turns.</summary>
internal sealed class FanOutRun
{
    /// <summary>What a subscriber is delivered when it is not measured: the compilers' time.</summary>
    private const int SettleMilliseconds = 2_000;

    public required IReadOnlyList<FanOutServer> Servers { get; init; }

    public required IReadOnlyList<int> Bursts { get; init; }

    public required int Subscribers { get; init; }

    public required int Rounds { get; init; }

    public required bool Quick { get; init; }

    public async Task<Report> RunAsync(CancellationToken cancellation)
    {
        var began = TimeProvider.System.GetUtcNow();
        var samples = new Samples();
        double waited = 0,
            measured = 0;
        await using var load = new FanOutLoadProcess();
        for (var round = 0; round < Rounds; round++)
        {
            for (var i = 0; i < Servers.Count; i++)
            {
                var server = Servers[(i + round) % Servers.Count];
                foreach (var result in await MeasureAsync(server, load, samples, cancellation))
                {
                    waited += result.WaitSeconds;
                    measured += result.WallSeconds;
                }
            }

            await Console.Error.WriteLineAsync($"  round {round + 1} of {Rounds}");
        }

        return new Report
        {
            Name = "fanout",
            When = began,
            Machine = Machine.Read(Servers.ToDictionary(server => server.Name, server => server.Version!)),
            Quick = Quick,
            Rows = [.. Rows(samples)],
            Notes =
                waited > 0.05 * measured
                    ?
                    [
                        $"the machine was busy: the servers' threads waited {waited / measured:0%} of the measured time for a core that others had",
                    ]
                    : [],
            Samples = samples.All,
        };
    }

    private async Task<List<FanOutResult>> MeasureAsync(
        FanOutServer server,
        FanOutLoadProcess load,
        Samples samples,
        CancellationToken cancellation
    )
    {
        var directory = Directory.CreateTempSubdirectory($"mooring-bench-{server.Name}-").FullName;
        try
        {
            await using var fleet = await server.StartAsync(directory, cancellation);
            var results = new List<FanOutResult>();
            foreach (var burst in Bursts)
            {
                var result = await load.RunAsync(server.Name, Request(server, fleet, burst, 0), cancellation);
                samples.Add($"b{burst}/cpu", server.Name, result.CpuSeconds * 1e6 / result.Deliveries);
                samples.Add($"b{burst}/coalescing", server.Name, result.Coalescing);
                results.Add(result);
                if (burst != Bursts[0] && burst != Bursts[^1])
                {
                    continue;
                }

                // Half of what it can do.
                var bursts = result.Deliveries / result.WallSeconds / burst / Subscribers;
                var paced = await load.RunAsync(server.Name, Request(server, fleet, burst, bursts / 2), cancellation);
                samples.Add($"b{burst}/half-p50", server.Name, paced.ArrivalP50 / 1e3);
                samples.Add($"b{burst}/half-p99", server.Name, paced.ArrivalP99 / 1e3);
                samples.Add($"b{burst}/half-read-p99", server.Name, paced.P99 / 1e3);
                samples.Add($"b{burst}/half-busy", server.Name, paced.CpuSeconds / paced.WallSeconds);
                results.Add(paced);
            }

            return results;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private FanOutRequest Request(FanOutServer server, FanOutFleet fleet, int burst, double burstsPerSecond) =>
        new()
        {
            Dialect = server.Dialect,
            Targets = fleet.Targets,
            Subscribers = Subscribers,
            Burst = burst,
            BurstsPerSecond = burstsPerSecond,
            SettleMilliseconds = SettleMilliseconds,
            MeasureMilliseconds = Quick ? 1_500 : 4_000,
            Processes = fleet.Processes,
        };

    private IEnumerable<ReportRow> Rows(Samples samples)
    {
        foreach (var burst in Bursts)
        {
            var goal = burst switch
            {
                1 => Goal.Relative(0.6, FanOutServers.Ws),
                5 => Goal.All(Goal.Absolute(2), Goal.Relative(0.4, FanOutServers.SignalR)),
                _ => Goal.All(Goal.Absolute(1), Goal.Relative(0.4, FanOutServers.SignalR)),
            };
            yield return Row(samples, $"b{burst}/cpu", $"{burst} at once: CPU per 1M deliveries", "CPU s", goal);
            yield return Row(samples, $"b{burst}/coalescing", $"{burst} at once: messages per write", "", null);
        }

        foreach (var burst in Bursts.Where(burst => burst == Bursts[0] || burst == Bursts[^1]))
        {
            var text = $"{burst} at once, half of saturation";
            yield return Row(samples, $"b{burst}/half-p50", $"{text}: delay until it arrives, p50", "ms", null);
            yield return Row(samples, $"b{burst}/half-p99", $"{text}: delay until it arrives, p99", "ms", Goal.Absolute(50));
            yield return Row(samples, $"b{burst}/half-read-p99", $"{text}: delay until the load has read it, p99", "ms", null);
        }
    }

    private static ReportRow Row(Samples samples, string key, string text, string unit, Goal? goal) =>
        ReportRow.From(text, unit, samples.Medians(key), FanOutServers.Ours, goal);
}
