using System.CommandLine;
using Mooring.Api.Tests.Cluster;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Operator;

/// <summary>Verb <c>operator</c>: the built operator with many fleets on a real API server.</summary>
internal static class OperatorCommand
{
    private const string Ours = "mooring";

    public static Command Create()
    {
        var quick = new Option<bool>("--quick") { Description = "100 fleets only, and one minute of rest" };
        var scales = new Option<int[]>("--fleets")
        {
            Description = "How many fleets, one run each; by default 100 300 1000",
            AllowMultipleArgumentsPerToken = true,
        };
        var rest = new Option<int>("--rest") { Description = "Seconds without changes; by default 300, 60 with --quick" };
        var program = new Option<string?>("--operator")
        {
            Description = "Path of the operator program; by default the one built beside this one",
        };
        var workers = new Option<int?>("--workers") { Description = "Fleets in work at once; by default the operator's own default" };
        var output = new Option<string>("--output")
        {
            Description = "Directory of the report",
            DefaultValueFactory = _ => Path.Combine("artifacts", "bench"),
        };
        var command = new Command("operator", "The operator with 100, 300 and 1,000 fleets on a real API server")
        {
            Options = { quick, scales, rest, program, workers, output },
        };
        command.SetAction(
            async (parsed, cancellation) =>
            {
                var isQuick = parsed.GetValue(quick);
                int[] wanted =
                    parsed.GetValue(scales) is { Length: > 0 } given ? given
                    : isQuick ? [100]
                    : [100, 300, 1000];
                var seconds =
                    parsed.GetValue(rest) is > 0 and var asked ? asked
                    : isQuick ? 60
                    : 300;
                return await RunAsync(
                    Path.GetFullPath(
                        parsed.GetValue(program) ?? RepositoryRoot.File("artifacts", "bin", "Mooring.Operator", "release", "operator")
                    ),
                    wanted,
                    TimeSpan.FromSeconds(seconds),
                    isQuick,
                    parsed.GetValue(workers) is { } number ? ["--workers", $"{number}"] : [],
                    parsed.GetValue(output)!,
                    cancellation
                );
            }
        );
        return command;
    }

    private static async Task<int> RunAsync(
        string program,
        IReadOnlyList<int> scales,
        TimeSpan rest,
        bool quick,
        IReadOnlyList<string> arguments,
        string output,
        CancellationToken cancellation
    )
    {
        if (ClusterAssets.MissingBecause is { } missing)
        {
            await Console.Error.WriteLineAsync($"operator: {missing}");
            return 1;
        }

        try
        {
            var began = TimeProvider.System.GetUtcNow();
            var all = new List<OperatorFigures>();
            foreach (var scale in scales)
            {
                all.Add(await new OperatorScenario(program, arguments, scale, rest, quick ? 10 : 20, Console.Error).RunAsync(cancellation));
            }

            var report = new Report
            {
                Name = "operator",
                When = began,
                Machine = Machine.Read(new Dictionary<string, string> { ["kube-apiserver"] = Path.GetFileName(ClusterAssets.Directory!) }),
                Quick = quick,
                Rows = [.. all.SelectMany(Rows)],
                Notes =
                [
                    "the API server, etcd and the stand-ins for controllers, kubelets and gateways share the cores with the operator",
                    $"{all[^1].ChildrenPerFleet:0.0} objects a fleet, two gateways each, and one fleet of {BenchFleets.WideGateways} gateways",
                ],
                Samples = [],
            };
            ReportTable.Print(report, Ours, Console.Out, terminal: !Console.IsOutputRedirected);
            Console.WriteLine($"{report.Write(output)} · {(TimeProvider.System.GetUtcNow() - began).TotalSeconds:0} s");
            return 0;
        }
        catch (BenchmarkException exception)
        {
            await Console.Error.WriteLineAsync($"operator: {exception.Message}");
            return 1;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return 130;
        }
    }

    /// <summary>The goals are those of 1,000 fleets, and hold for fewer as well.</summary>
    private static IEnumerable<ReportRow> Rows(OperatorFigures figures)
    {
        yield return Row("converged", "s", figures.ConvergedSeconds, 120);
        yield return Row("half of the fleets ready", "s", figures.MedianReadySeconds, null);
        yield return Row("converged, CPU", "CPU-s", figures.ConvergedCpuSeconds, 15 * figures.Fleets / 1000.0);
        yield return Row("converged, CPU a fleet", "ms", figures.ConvergedCpuSeconds * 1000 / figures.Fleets, null);
        yield return Row("converged, requests a fleet", "", (double)figures.Requests / figures.Fleets, null);
        yield return Row("reconcile p99 while converging", "ms", figures.ConvergingP99Milliseconds, null);
        yield return Row($"reconcile p99, {OperatorScenario.PacedPerSecond} changes a second", "ms", figures.PacedP99Milliseconds, 50);
        yield return Row("reconcile p99, all changed at once", "ms", figures.SteadyP99Milliseconds, 50);
        yield return Row("resident", "MiB", figures.ResidentBytes / 1048576.0, 100 + (figures.Streams * 20 / 1024.0));
        yield return Row("at rest", "% of a core", figures.QuietCorePercent, 3);
        yield return Row("at rest, writes", "", figures.QuietWrites, 0);
        yield return Row("change acknowledged by 100 gateways, p50", "ms", figures.AckP50Milliseconds, null);
        yield return Row("change acknowledged by 100 gateways, p99", "ms", figures.AckP99Milliseconds, 500);
        if (figures is { NewLeaderSeconds: { } leads, AllStreamsSeconds: { } streams })
        {
            yield return Row("leader killed: the next leads", "s", leads, null);
            yield return Row("leader killed: all streams", "s", streams, 20);
        }

        ReportRow Row(string metric, string unit, double value, double? goal) =>
            ReportRow.From(
                $"{figures.Fleets}: {metric}",
                unit,
                new Dictionary<string, double> { [Ours] = value },
                Ours,
                goal is { } most ? Goal.Absolute(most) : null
            );
    }
}
