using System.CommandLine;
using System.Text.Json;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.L4;
using Mooring.Benchmarks.Udp.Servers;

namespace Mooring.Benchmarks.Udp;

/// <summary>Verb <c>udp</c>: the gateway's UDP path beside nginx stream. HAProxy 2.6 balances no UDP.</summary>
internal static class UdpCommand
{
    public static Command Create()
    {
        var quick = new Option<bool>("--quick") { Description = "Shorter measurements, 3 rounds" };
        var only = new Option<string>("--only")
        {
            Description =
                "Only traffic that begins so: mixed, mixed-64, mixed-1200, burst, burst-64, burst-1200, burst-singly, long, long-64, long-1000",
            DefaultValueFactory = _ => "",
        };
        var gateway = new Option<string?>("--gateway")
        {
            Description = "Path of the gateway program; by default the one built beside this one",
        };
        var before = new Option<string?>("--before") { Description = "Path of another build of the gateway, to compare a change with" };
        var rounds = new Option<int>("--rounds") { Description = "Rounds of each metric; by default 5, 3 with --quick" };
        var output = new Option<string>("--output")
        {
            Description = "Directory of the report",
            DefaultValueFactory = _ => Path.Combine("artifacts", "bench"),
        };
        var command = new Command("udp", "UDP beside nginx stream: CPU and latency")
        {
            Options = { quick, only, gateway, before, rounds, output },
        };
        command.SetAction(
            async (parsed, cancellation) =>
            {
                try
                {
                    List<ServerUnderTest> servers = [new UdpGatewayServer(UdpGatewayServer.ServerName, parsed.GetValue(gateway))];
                    if (parsed.GetValue(before) is { } other)
                    {
                        servers.Add(new UdpGatewayServer("before", other));
                    }

                    servers.Add(new UdpNginxServer());
                    var isQuick = parsed.GetValue(quick);
                    var count =
                        parsed.GetValue(rounds) is > 0 and var given ? given
                        : isQuick ? 3
                        : 5;
                    var report = await RunAsync(Installed(servers), parsed.GetValue(only)!, count, isQuick, cancellation);
                    ReportTable.Print(report, UdpGatewayServer.ServerName, Console.Out, terminal: !Console.IsOutputRedirected);
                    Console.WriteLine(report.Write(parsed.GetValue(output)!));
                    return 0;
                }
                catch (BenchmarkException exception)
                {
                    await Console.Error.WriteLineAsync($"udp: {exception.Message}");
                    return 1;
                }
                catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
                {
                    return 130;
                }
            }
        );
        return command;
    }

    private static List<ServerUnderTest> Installed(List<ServerUnderTest> servers)
    {
        foreach (var missing in servers.Where(server => server.Version is null).ToList())
        {
            if (missing is UdpGatewayServer)
            {
                throw new BenchmarkException($"nothing to measure: {missing.HowToInstall}");
            }

            Console.Error.WriteLine($"*** {missing.Name} IS NOT INSTALLED AND IS LEFT OUT OF THE COMPARISON: {missing.HowToInstall} ***");
            servers.Remove(missing);
        }

        return servers;
    }

    private static async Task<Report> RunAsync(
        List<ServerUnderTest> servers,
        string only,
        int rounds,
        bool quick,
        CancellationToken cancellation
    )
    {
        var steps = UdpStep.All.Where(step => step.Key.StartsWith(only, StringComparison.Ordinal)).ToList();
        var began = TimeProvider.System.GetUtcNow();
        var samples = new Samples();
        var notes = new List<string>();
        double waited = 0,
            measured = 0;
        await using var load = await UdpLoadProcess.StartAsync(cancellation);
        var running = new List<RunningServer>();
        try
        {
            foreach (var server in servers)
            {
                running.Add(await server.StartAsync([new ListenerPlan("udp", load.Echo)], cancellation));
            }

            for (var round = -1; round < rounds; round++)
            {
                foreach (var step in steps)
                {
                    for (var i = 0; i < running.Count; i++)
                    {
                        var server = running[(i + round + 1) % running.Count];
                        server.CheckAlive();
                        var result = await load.RunAsync(server, step, quick, cancellation);
                        // The first round warms the programs up.
                        if (round >= 0)
                        {
                            Record(samples, step, server.Name, result);
                            waited += result.WaitSeconds;
                            measured += result.WallSeconds;
                        }
                    }
                }

                await Console.Error.WriteLineAsync($"  round {round + 1} of {rounds}");
            }
        }
        finally
        {
            foreach (var server in running)
            {
                await server.DisposeAsync();
            }
        }

        if (waited > 0.05 * measured)
        {
            notes.Add(
                $"the machine was busy: the servers' threads waited {waited / measured:0%} of the measured time for a core that others had"
            );
        }

        return new Report
        {
            Name = "udp",
            When = began,
            Machine = Machine.Read(servers.ToDictionary(server => server.Name, server => server.Version!)),
            Quick = quick,
            Rows = [.. steps.SelectMany(step => Rows(step, samples))],
            Notes = notes,
            Samples = samples.All,
        };
    }

    private static void Record(Samples samples, UdpStep step, string server, UdpLoadResult result)
    {
        if (result.Datagrams == 0)
        {
            throw new BenchmarkException($"{server} carried nothing in {step.Text}");
        }

        // Each datagram passes the server twice: in and back.
        samples.Add(step.Key, server, result.CpuSeconds * 1e6 / (2 * result.Datagrams));
        samples.Add($"{step.Key}/p50", server, result.P50);
        samples.Add($"{step.Key}/p99", server, result.P99);
        samples.Add($"{step.Key}/packets-per-s", server, 2 * result.Datagrams / result.WallSeconds);
        samples.Add($"{step.Key}/lost-bursts", server, result.Lost);
        samples.Add($"{step.Key}/busy", server, result.CpuSeconds / result.WallSeconds);
    }

    private static IEnumerable<ReportRow> Rows(UdpStep step, Samples samples)
    {
        const string Ours = UdpGatewayServer.ServerName;
        yield return ReportRow.From(step.Text, "CPU s / 1M packets", samples.Medians(step.Key), Ours, step.Goal);
        yield return ReportRow.From("  p50", "µs", samples.Medians($"{step.Key}/p50"), Ours, null);
        yield return ReportRow.From("  p99", "µs", samples.Medians($"{step.Key}/p99"), Ours, Goal.NoWorse);
    }
}

/// <summary>The load and the backends, as the benchmark that drives them sees them.</summary>
internal sealed class UdpLoadProcess : IAsyncDisposable
{
    private const int Addresses = 4;
    private readonly ChildProcess _process;

    private UdpLoadProcess(ChildProcess process, IReadOnlyList<string> echo) => (_process, Echo) = (process, echo);

    /// <summary>Addresses with ports that echo, by TCP not at all.</summary>
    public IReadOnlyList<string> Echo { get; }

    public static async Task<UdpLoadProcess> StartAsync(CancellationToken cancellation)
    {
        var port = Ports.Free();
        string[] echo = [.. Enumerable.Range(1, Addresses).Select(last => $"127.0.1.{last}:{port}")];
        string[] arguments = [.. Self.Arguments, "udp-load", "--echo", .. echo];
        var process = ChildProcess.Start("load of datagrams", Cores.Load, Self.File, arguments, keepOutput: false);
        if (await process.Output.ReadLineAsync(cancellation) is not "ready")
        {
            await process.DisposeAsync();
            throw new BenchmarkException($"the load of datagrams did not start:\n{process.Log}");
        }

        return new UdpLoadProcess(process, echo);
    }

    public async Task<UdpLoadResult> RunAsync(RunningServer server, UdpStep step, bool quick, CancellationToken cancellation)
    {
        var request = new UdpLoadRequest
        {
            Target = server.Target("udp"),
            Flows = step.Flows,
            Bytes = step.Bytes,
            Burst = step.Burst,
            Bundled = step.Bundled,
            SettleMilliseconds = quick ? 300 : 500,
            MeasureMilliseconds = quick ? 700 : 2_000,
            Processes = server.Processes,
        };
        await _process.Input.WriteLineAsync(JsonSerializer.Serialize(request, UdpLoadJson.Default.UdpLoadRequest).AsMemory(), cancellation);
        await _process.Input.FlushAsync(cancellation);
        var line = await _process.Output.ReadLineAsync(cancellation) ?? throw new BenchmarkException($"the load died:\n{_process.Log}");
        var result = JsonSerializer.Deserialize(line, UdpLoadJson.Default.UdpLoadResult)!;
        return result.Error is null ? result : throw new BenchmarkException($"{server.Name} failed under {step.Text}: {result.Error}");
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
