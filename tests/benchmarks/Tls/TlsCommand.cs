using System.CommandLine;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.L4.Servers;

namespace Mooring.Benchmarks.Tls;

/// <summary>Verb <c>tls</c>: TLS at the gateway beside HAProxy, nginx and Kestrel.</summary>
internal static class TlsCommand
{
    public static Command Create()
    {
        var quick = new Option<bool>("--quick") { Description = "Shorter, with coarser figures" };
        var only = new Option<string>("--only")
        {
            Description = "Only metrics that begin so: full, resumed, rsa, bulk, rt-50, idle",
            DefaultValueFactory = _ => "",
        };
        var servers = new Option<string[]>("--servers")
        {
            Description = "Only these of mooring, haproxy, nginx, kestrel",
            AllowMultipleArgumentsPerToken = true,
        };
        var gateway = new Option<string?>("--gateway")
        {
            Description = "Path of the gateway program; by default the one built beside this one",
        };
        var rounds = new Option<int>("--rounds") { Description = "Rounds of each metric; by default 5, 3 with --quick" };
        var output = new Option<string>("--output")
        {
            Description = "Directory of the report",
            DefaultValueFactory = _ => Path.Combine("artifacts", "bench"),
        };
        var command = new Command("tls", "TLS beside HAProxy, nginx and Kestrel: handshakes, CPU per GB, memory")
        {
            Options = { quick, only, servers, gateway, rounds, output },
        };
        command.SetAction(
            async (parsed, cancellation) =>
            {
                var isQuick = parsed.GetValue(quick);
                List<ServerUnderTest> all =
                [
                    new GatewayServer(GatewayServer.ServerName, parsed.GetValue(gateway)),
                    new HaproxyServer(),
                    new NginxServer(),
                    new KestrelServer(),
                ];
                var wanted = parsed.GetValue(servers) is { Length: > 0 } names ? all.Where(server => names.Contains(server.Name)) : all;
                var times =
                    parsed.GetValue(rounds) is > 0 and var given ? given
                    : isQuick ? 3
                    : 5;
                return await RunAsync(
                    [.. wanted.Where(Installed)],
                    parsed.GetValue(only)!,
                    times,
                    isQuick,
                    parsed.GetValue(output)!,
                    cancellation
                );
            }
        );
        return command;
    }

    private static bool Installed(ServerUnderTest server)
    {
        if (server.Version is null)
        {
            Console.Error.WriteLine($"*** {server.Name} IS NOT INSTALLED AND IS LEFT OUT OF THE COMPARISON: {server.HowToInstall} ***");
        }

        return server.Version is not null;
    }

    private static async Task<int> RunAsync(
        IReadOnlyList<ServerUnderTest> servers,
        string only,
        int rounds,
        bool quick,
        string output,
        CancellationToken cancellation
    )
    {
        try
        {
            var began = TimeProvider.System.GetUtcNow();
            var samples = await new TlsBenchmark(only, rounds, quick, servers, Console.Error).RunAsync(cancellation);
            var report = new Report
            {
                Name = "tls",
                When = began,
                Machine = Machine.Read(servers.ToDictionary(server => server.Name, server => server.Version!)),
                Quick = quick,
                Rows =
                [
                    .. TlsMetrics
                        .All.Where(metric => metric.Key.StartsWith(only, StringComparison.Ordinal))
                        .Select(metric =>
                            ReportRow.From(metric.Text, metric.Unit, samples.Medians(metric.Key), GatewayServer.ServerName, metric.Goal)
                        ),
                ],
                Notes = [],
                Samples = samples.All,
            };
            ReportTable.Print(report, GatewayServer.ServerName, Console.Out, terminal: !Console.IsOutputRedirected);
            Console.WriteLine($"{report.Write(output)} · {(TimeProvider.System.GetUtcNow() - began).TotalSeconds:0} s");
            return 0;
        }
        catch (BenchmarkException exception)
        {
            await Console.Error.WriteLineAsync($"tls: {exception.Message}");
            return 1;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return 130;
        }
    }
}
