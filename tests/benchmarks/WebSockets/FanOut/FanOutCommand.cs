using System.CommandLine;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.WebSockets.FanOut;

/// <summary>Verb <c>fanout</c>: one message of 100 B to 10,000 subscribers, beside npm ws and SignalR.</summary>
internal static class FanOutCommand
{
    private static readonly int[] Bursts = [1, 5, 10];

    public static Command Create()
    {
        var quick = new Option<bool>("--quick") { Description = "2,000 subscribers, shorter measurements, 2 rounds" };
        var names = new Option<string[]>("--servers")
        {
            Description = "Some of mooring, mooring-4, ws, signalr, bare",
            AllowMultipleArgumentsPerToken = true,
        };
        var only = new Option<int[]>("--bursts") { Description = "Some of 1, 5, 10", AllowMultipleArgumentsPerToken = true };
        var gateway = new Option<string?>("--gateway")
        {
            Description = "Path of the gateway program; by default the one built beside this one",
        };
        var before = new Option<string?>("--before") { Description = "Path of another build of the gateway, to compare a change with" };
        var rounds = new Option<int>("--rounds") { Description = "Rounds of each metric; by default 3, 2 with --quick" };
        var subscribers = new Option<int>("--subscribers") { Description = "By default 10,000, with --quick 2,000" };
        var output = new Option<string>("--output")
        {
            Description = "Directory of the report",
            DefaultValueFactory = _ => Path.Combine("artifacts", "bench"),
        };
        var command = new Command("fanout", "Fan-out of a Hub beside npm ws and SignalR: CPU per delivery, delay")
        {
            Options = { quick, names, only, gateway, before, rounds, subscribers, output },
        };
        command.SetAction(
            async (parsed, cancellation) =>
            {
                try
                {
                    var isQuick = parsed.GetValue(quick);
                    var run = new FanOutRun
                    {
                        Servers = Installed(
                            FanOutServers.All(parsed.GetValue(gateway), parsed.GetValue(before)),
                            parsed.GetValue(names) ?? []
                        ),
                        Bursts = parsed.GetValue(only) is { Length: > 0 } chosen ? chosen : Bursts,
                        Subscribers =
                            parsed.GetValue(subscribers) is > 0 and var count ? count
                            : isQuick ? 2_000
                            : 10_000,
                        Rounds =
                            parsed.GetValue(rounds) is > 0 and var given ? given
                            : isQuick ? 2
                            : 3,
                        Quick = isQuick,
                    };
                    var report = await run.RunAsync(cancellation);
                    ReportTable.Print(report, FanOutServers.Ours, Console.Out, terminal: !Console.IsOutputRedirected);
                    Console.WriteLine(report.Write(parsed.GetValue(output)!));
                    return 0;
                }
                catch (BenchmarkException exception)
                {
                    await Console.Error.WriteLineAsync($"fanout: {exception.Message}");
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

    private static List<FanOutServer> Installed(IReadOnlyList<FanOutServer> all, string[] names)
    {
        var chosen = all.Where(server => names.Length == 0 || names.Contains(server.Name)).ToList();
        foreach (var missing in chosen.Where(server => server.Version is null).ToList())
        {
            if (missing.Name == FanOutServers.Ours)
            {
                throw new BenchmarkException("nothing to measure: build the gateway, or give its path by --gateway");
            }

            Console.Error.WriteLine($"*** {missing.Name} IS NOT INSTALLED AND IS LEFT OUT OF THE COMPARISON (.ci/install bench) ***");
            chosen.Remove(missing);
        }

        return chosen;
    }
}
