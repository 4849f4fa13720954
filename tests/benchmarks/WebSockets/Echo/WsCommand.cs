using System.CommandLine;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.WebSockets.Echo;

/// <summary>Verb <c>ws</c>: WebSockets that end at the gateway, beside npm ws and Kestrel.</summary>
internal static class WsCommand
{
    private static readonly string[] Keys = ["echo", "upgrade", "idle", "tls", "telemetry", "drain", "gc", "kill"];

    public static Command Create()
    {
        var quick = new Option<bool>("--quick")
        {
            Description = "Shorter measurements, 2 rounds; without telemetry and kill unless --only names them",
        };
        var only = new Option<string[]>("--only")
        {
            Description = $"Only these: {string.Join(", ", Keys)}",
            AllowMultipleArgumentsPerToken = true,
        };
        var names = new Option<string[]>("--servers")
        {
            Description = "Only these of mooring, hub, proxy, ws, kestrel",
            AllowMultipleArgumentsPerToken = true,
        };
        var gateway = new Option<string?>("--gateway")
        {
            Description = "Path of the gateway program; by default the one built beside this one",
        };
        var before = new Option<string?>("--before") { Description = "Path of another build of the gateway, to compare a change with" };
        var rounds = new Option<int>("--rounds") { Description = "Rounds of each timed metric; by default 4, 2 with --quick" };
        var output = new Option<string>("--output")
        {
            Description = "Directory of the report",
            DefaultValueFactory = _ => Path.Combine("artifacts", "bench"),
        };
        var command = new Command("ws", "WebSockets beside npm ws and Kestrel: CPU of echoes and upgrades, memory, drain")
        {
            Options = { quick, only, names, gateway, before, rounds, output },
        };
        command.SetAction(
            async (parsed, cancellation) =>
            {
                try
                {
                    var isQuick = parsed.GetValue(quick);
                    var wanted = parsed.GetValue(only) is { Length: > 0 } chosen ? chosen : Keys;
                    if (wanted.FirstOrDefault(key => !Keys.Contains(key)) is { } unknown)
                    {
                        throw new BenchmarkException($"--only {unknown}: known are {string.Join(", ", Keys)}");
                    }

                    var options = new WsOptions
                    {
                        Quick = isQuick,
                        Only = isQuick && wanted == Keys ? [.. Keys.Where(key => key is not ("telemetry" or "kill"))] : wanted,
                        Rounds =
                            parsed.GetValue(rounds) is > 0 and var given ? given
                            : isQuick ? 2
                            : 4,
                        Gateway = parsed.GetValue(gateway),
                        Idle = isQuick ? 5_000 : 15_000,
                    };
                    var servers = Choose(parsed.GetValue(gateway), parsed.GetValue(before), parsed.GetValue(names) ?? []);
                    return await RunAsync(options, servers, parsed.GetValue(output)!, cancellation);
                }
                catch (BenchmarkException exception)
                {
                    await Console.Error.WriteLineAsync($"ws: {exception.Message}");
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

    private static async Task<int> RunAsync(
        WsOptions options,
        IReadOnlyList<ServerUnderTest> servers,
        string output,
        CancellationToken cancellation
    )
    {
        var began = TimeProvider.System.GetUtcNow();
        var (samples, notes) = await new WsBenchmark(options, servers, Console.Error).RunAsync(cancellation);
        var report = new Report
        {
            Name = "ws",
            When = began,
            Machine = Machine.Read(servers.ToDictionary(server => server.Name, server => server.Version!)),
            Quick = options.Quick,
            Rows = [.. WsMetrics.All.Select(metric => metric.Row(samples)).Where(row => row.Ours is not null || row.Peers.Count > 0)],
            Notes = notes,
            Samples = samples.All,
        };
        ReportTable.Print(report, "ours", Console.Out, terminal: !Console.IsOutputRedirected);
        Console.WriteLine($"{report.Write(output)} · {(TimeProvider.System.GetUtcNow() - began).TotalSeconds:0} s");
        return 0;
    }

    private static List<ServerUnderTest> Choose(string? gateway, string? before, string[] names)
    {
        List<ServerUnderTest> all =
        [
            new ReactorServer(ReactorServer.ServerName, gateway),
            new ServeServer(ServeServer.Hub, gateway, hub: true, WsMetrics.ClosesPerSecond),
            new ServeServer(ServeServer.Proxy, gateway, hub: false, WsMetrics.ClosesPerSecond),
            new NodeServer(),
            new KestrelEchoServer(),
        ];
        if (before is not null)
        {
            all.Add(new ReactorServer(WsMetrics.Before, before));
            all.Add(new ServeServer(WsMetrics.HubBefore, before, hub: true));
        }

        if (names.FirstOrDefault(name => all.All(server => server.Name != name)) is { } unknown)
        {
            throw new BenchmarkException($"--servers {unknown}: known are {string.Join(", ", all.Select(server => server.Name))}");
        }

        var chosen = all.Where(server => names.Length == 0 || names.Contains(server.Name)).ToList();
        foreach (var missing in chosen.Where(server => server.Version is null).ToList())
        {
            if (missing is ReactorServer or ServeServer)
            {
                throw new BenchmarkException($"nothing to measure: {missing.HowToInstall}");
            }

            Console.Error.WriteLine($"*** {missing.Name} IS NOT INSTALLED AND IS LEFT OUT OF THE COMPARISON: {missing.HowToInstall} ***");
            // The Proxy's backend is one.
            chosen.RemoveAll(server => server == missing || server.Name == ServeServer.Proxy);
        }

        return chosen;
    }
}
