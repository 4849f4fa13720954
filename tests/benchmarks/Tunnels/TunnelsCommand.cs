using System.CommandLine;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.Tunnels.Servers;

namespace Mooring.Benchmarks.Tunnels;

/// <summary>Verb <c>tunnels</c>: tunnels beside <c>ssh -R</c> and two hops of HAProxy.</summary>
internal static class TunnelsCommand
{
    public static Command Create()
    {
        var quick = new Option<bool>("--quick") { Description = "End within 90 s, with coarser figures" };
        var only = new Option<string[]>("--only")
        {
            Description = "Only these: one, ten, rt-1, rt-50, connect, open, idle",
            AllowMultipleArgumentsPerToken = true,
        };
        var servers = new Option<string[]>("--servers")
        {
            Description = "Only these of mooring, before, ssh and haproxy",
            AllowMultipleArgumentsPerToken = true,
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
        var command = new Command("tunnels", "Tunnels beside ssh -R and two hops of HAProxy: throughput, CPU, latency, memory")
        {
            Options = { quick, only, servers, gateway, before, rounds, output },
        };
        command.SetAction(
            async (parsed, cancellation) =>
            {
                var isQuick = parsed.GetValue(quick);
                List<TunnelServer> all =
                [
                    new TunnelGateway(TunnelGateway.ServerName, parsed.GetValue(gateway) ?? BesideThis),
                    new SshServer(),
                    new HaproxyTwice(),
                ];
                if (parsed.GetValue(before) is { } other)
                {
                    all.Insert(1, new TunnelGateway(TunnelGateway.BeforeName, other));
                }

                var wanted = parsed.GetValue(servers) is { Length: > 0 } names
                    ? all.Where(server => names.Contains(server.Name.Split(' ')[0]))
                    : all;
                var times =
                    parsed.GetValue(rounds) is > 0 and var given ? given
                    : isQuick ? 3
                    : 5;
                return await RunAsync(
                    [.. wanted.Where(Installed)],
                    parsed.GetValue(only) ?? [],
                    times,
                    isQuick,
                    parsed.GetValue(output)!,
                    cancellation
                );
            }
        );
        return command;
    }

    // artifacts/bin/Mooring.Benchmarks/release -> artifacts/bin/Mooring.Gateway/release
    private static string BesideThis
    {
        get
        {
            var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
            return Path.Combine(own.Parent!.Parent!.FullName, "Mooring.Gateway", own.Name, "gateway");
        }
    }

    private static bool Installed(TunnelServer server)
    {
        if (server.Version is null)
        {
            Console.Error.WriteLine($"*** {server.Name} IS NOT INSTALLED AND IS LEFT OUT OF THE COMPARISON: {server.HowToInstall} ***");
        }

        return server.Version is not null;
    }

    private static async Task<int> RunAsync(
        IReadOnlyList<TunnelServer> servers,
        IReadOnlyList<string> only,
        int rounds,
        bool quick,
        string output,
        CancellationToken cancellation
    )
    {
        try
        {
            var metrics = TunnelMetrics.All.Where(metric => only.Count == 0 || only.Contains(metric.Key.Split('/')[0])).ToArray();
            if (metrics.Length == 0)
            {
                throw new BenchmarkException($"--only {string.Join(' ', only)}: there are no such metrics");
            }

            var began = TimeProvider.System.GetUtcNow();
            var (samples, notes) = await new TunnelsBenchmark(only, rounds, quick, servers, Console.Error).RunAsync(cancellation);
            var report = new Report
            {
                Name = "tunnels",
                When = began,
                Machine = Machine.Read(servers.ToDictionary(server => server.Name, server => server.Version!)),
                Quick = quick,
                Rows =
                [
                    .. metrics.Select(metric =>
                        ReportRow.From(
                            metric.Text,
                            metric.Unit,
                            samples.Medians(metric.Key),
                            TunnelGateway.ServerName,
                            metric.Goal,
                            metric.MoreIsBetter
                        )
                    ),
                ],
                Notes = notes,
                Samples = samples.All,
            };
            ReportTable.Print(report, TunnelGateway.ServerName, Console.Out, terminal: !Console.IsOutputRedirected);
            Console.WriteLine($"{report.Write(output)} · {(TimeProvider.System.GetUtcNow() - began).TotalSeconds:0} s");
            return 0;
        }
        catch (BenchmarkException exception)
        {
            await Console.Error.WriteLineAsync($"tunnels: {exception.Message}");
            return 1;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return 130;
        }
    }
}
