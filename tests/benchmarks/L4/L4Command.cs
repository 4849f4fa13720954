using System.CommandLine;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.L4.Servers;

namespace Mooring.Benchmarks.L4;

/// <summary>Verb <c>l4</c>: the gateway's TCP path beside HAProxy and nginx.</summary>
internal static class L4Command
{
    public static Command Create()
    {
        var quick = new Option<bool>("--quick") { Description = "End within 90 s, with coarser figures" };
        var only = new Option<string[]>("--only")
        {
            Description = "Only these: bulk, rt, rt-1, rt-50, rt-1000, rt-8000 (each with its -1k), connect, reload, loops, gc, idle",
            AllowMultipleArgumentsPerToken = true,
        };
        var servers = new Option<string[]>("--servers")
        {
            Description = "Only these of mooring, haproxy, nginx, and logged: ours with its access log",
            AllowMultipleArgumentsPerToken = true,
        };
        var gateway = new Option<string?>("--gateway")
        {
            Description = "Path of the gateway program; by default the one built beside this one",
        };
        var before = new Option<string?>("--before") { Description = "Path of another build of the gateway, to compare a change with" };
        var rounds = new Option<int>("--rounds") { Description = "Rounds of each metric; by default 4, 3 with --quick" };
        var output = new Option<string>("--output")
        {
            Description = "Directory of the report",
            DefaultValueFactory = _ => Path.Combine("artifacts", "bench"),
        };
        var command = new Command("l4", "TCP beside HAProxy and nginx: CPU, latency, memory")
        {
            Options = { quick, only, servers, gateway, before, rounds, output },
        };
        command.SetAction(
            (parsed, cancellation) =>
            {
                var isQuick = parsed.GetValue(quick);
                var options = new L4Options
                {
                    Quick = isQuick,
                    Only = parsed.GetValue(only) ?? [],
                    Servers = parsed.GetValue(servers) ?? [],
                    Gateway = parsed.GetValue(gateway),
                    Before = parsed.GetValue(before),
                    Rounds =
                        parsed.GetValue(rounds) is > 0 and var given ? given
                        : isQuick ? 3
                        : 4,
                    Output = parsed.GetValue(output)!,
                };
                return RunAsync(options, TimeProvider.System, cancellation);
            }
        );
        return command;
    }

    private static async Task<int> RunAsync(L4Options options, TimeProvider clock, CancellationToken cancellation)
    {
        try
        {
            var metrics = L4Metrics.All.Where(metric => options.Wants(metric.Key.Split('/')[0])).ToArray();
            if (metrics.Length == 0)
            {
                throw new BenchmarkException($"--only {string.Join(' ', options.Only)}: there are no such metrics");
            }

            var servers = Choose(options);
            var began = clock.GetUtcNow();
            var (samples, notes) = await new L4Benchmark(options, servers, clock, Console.Error).RunAsync(cancellation);
            var report = new Report
            {
                Name = "l4",
                When = began,
                Machine = Machine.Read(servers.ToDictionary(server => server.Name, server => server.Version!)),
                Quick = options.Quick,
                Rows =
                [
                    .. metrics.Select(metric =>
                        ReportRow.From(metric.Text, metric.Unit, samples.Medians(metric.Key), GatewayServer.ServerName, metric.Goal)
                    ),
                ],
                Notes = notes,
                Samples = samples.All,
            };
            if (options.Quick && options.Only.Count == 0)
            {
                // What a quick run has no time for.
                report = report with
                {
                    Rows = [.. report.Rows.Where(row => row.Ours is not null)],
                };
            }

            ReportTable.Print(report, GatewayServer.ServerName, Console.Out, terminal: !Console.IsOutputRedirected);
            Console.WriteLine($"{report.Write(options.Output)} · {(clock.GetUtcNow() - began).TotalSeconds:0} s");
            return 0;
        }
        catch (BenchmarkException exception)
        {
            await Console.Error.WriteLineAsync($"l4: {exception.Message}");
            return 1;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return 130;
        }
    }

    private static List<ServerUnderTest> Choose(L4Options options)
    {
        List<ServerUnderTest> all = [new GatewayServer(GatewayServer.ServerName, options.Gateway), new HaproxyServer(), new NginxServer()];
        all.Add(new GatewayServer(GatewayServer.LoggedName, options.Gateway, accessLog: "on"));
        if (options.Before is { } before)
        {
            all.Insert(1, new GatewayServer(GatewayServer.BeforeName, before));
        }

        if (options.Servers.FirstOrDefault(name => all.All(server => server.Name != name)) is { } unknown)
        {
            throw new BenchmarkException($"--servers {unknown}: known are {string.Join(", ", all.Select(server => server.Name))}");
        }

        var chosen = all.Where(server =>
                options.Servers.Count == 0 ? server.Name != GatewayServer.LoggedName : options.Servers.Contains(server.Name)
            )
            .ToList();
        foreach (var missing in chosen.Where(server => server.Version is null).ToArray())
        {
            if (missing is GatewayServer)
            {
                throw new BenchmarkException($"nothing to measure: {missing.HowToInstall}");
            }

            Console.Error.WriteLine($"*** {missing.Name} IS NOT INSTALLED AND IS LEFT OUT OF THE COMPARISON: {missing.HowToInstall} ***");
            chosen.Remove(missing);
        }

        return chosen;
    }
}
