using System.Globalization;
using Mooring.Api.Tests.Cluster;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Operator;

/// <summary>The built operator as a process, and what /proc and its own metrics say of it.</summary>
internal sealed class OperatorUnderTest : IAsyncDisposable
{
    public static readonly Uri StreamUrl = new("wss://operator.test:8443/stream/v1");
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(10) };
    private readonly Mooring.Api.Tests.Cluster.ChildProcess _process;
    private readonly int _http;

    private OperatorUnderTest(Mooring.Api.Tests.Cluster.ChildProcess process, int http, int stream) =>
        (_process, _http, StreamPort) = (process, http, stream);

    public int StreamPort { get; }

    public string LogFile => _process.LogFile;

    public double CpuSeconds => CpuMeter.Read([_process.Id]).CpuNanoseconds / 1e9;

    public long ResidentBytes => _process.ResidentBytes;

    public bool Leads => _process.Log.Contains("Reconciling, term", StringComparison.Ordinal);

    public static OperatorUnderTest Start(
        TestCluster cluster,
        string program,
        string kubeconfig,
        string name,
        IEnumerable<string> arguments
    )
    {
        var (http, stream) = (Mooring.Api.Tests.Cluster.Ports.Free(), Mooring.Api.Tests.Cluster.Ports.Free());
        var process = Mooring.Api.Tests.Cluster.ChildProcess.Start(
            program,
            [
                "run",
                "--open-metrics",
                "--no-admin",
                "--kubeconfig",
                kubeconfig,
                "--operator-namespace",
                "operator",
                "--http",
                $"127.0.0.1:{http}",
                "--stream",
                $"127.0.0.1:{stream}",
                "--stream-url",
                StreamUrl.ToString(),
                .. arguments,
            ],
            cluster.InFolder($"{name}.log")
        );
        return new OperatorUnderTest(process, http, stream);
    }

    public async Task<OperatorMetrics> MetricsAsync(CancellationToken cancellation) =>
        OperatorMetrics.Parse(await Http.GetStringAsync($"http://127.0.0.1:{_http}/metrics", cancellation));

    /// <summary>What the collector holds, in its own words: committed, and live after the last collection; and allocated so far. Bytes.</summary>
    public async Task<(long Committed, long Heap, long Allocated)> HeapAsync(CancellationToken cancellation)
    {
        var lines = (await Http.GetStringAsync($"http://127.0.0.1:{_http}/metrics", cancellation)).Split('\n');
        return (
            Sum("dotnet_gc_last_collection_memory_committed_size_bytes"),
            Sum("dotnet_gc_last_collection_heap_size_bytes"),
            Sum("dotnet_gc_heap_total_allocated_bytes_total")
        );

        long Sum(string name) =>
            (long)
                lines
                    .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line[name.Length] is (' ' or '{'))
                    .Sum(static line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
    }

    public void Kill() => _process.Kill();

    public void CheckRuns()
    {
        if (_process.HasExited)
        {
            throw new BenchmarkException(
                $"the operator ended with code {_process.ExitCode}:\n{_process.Log[^Math.Min(4000, _process.Log.Length)..]}"
            );
        }
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}

/// <summary>What the benchmark reads of the operator's metrics.</summary>
/// <param name="Streams">Open streams of gateways.</param>
/// <param name="Work">Reconciles by upper bound in seconds, cumulative; the last bound is infinite.</param>
internal sealed record OperatorMetrics(int Streams, IReadOnlyList<(double Bound, long Count)> Work)
{
    private const string Bucket = "kubernetes_workqueue_work_duration_seconds_bucket{";

    public long Reconciles => Work.Count == 0 ? 0 : Work[^1].Count;

    public static OperatorMetrics Parse(string text)
    {
        var lines = text.Split('\n');
        var streams = lines.FirstOrDefault(static line => line.StartsWith("mooring_stream_gateways ", StringComparison.Ordinal));
        return new OperatorMetrics(
            streams is null ? 0 : (int)Number(streams.Split(' ')[1]),
            [
                .. lines
                    .Where(static line =>
                        line.StartsWith(Bucket, StringComparison.Ordinal) && line.Contains("\"fleets\"", StringComparison.Ordinal)
                    )
                    .Select(static line =>
                    {
                        var from = line.IndexOf("le=\"", StringComparison.Ordinal) + 4;
                        var bound = line[from..line.IndexOf('"', from)];
                        return (
                            bound == "+Inf" ? double.PositiveInfinity : Number(bound),
                            (long)Number(line[(line.LastIndexOf(' ') + 1)..])
                        );
                    })
                    .OrderBy(static pair => pair.Item1),
            ]
        );
    }

    /// <summary>Upper bound in milliseconds of the bucket that the quantile of what came since an earlier reading lies in.</summary>
    public double QuantileSince(OperatorMetrics before, double quantile)
    {
        var since = Work.Select(
                (pair, index) => (pair.Bound, Count: pair.Count - (before.Work.Count > index ? before.Work[index].Count : 0))
            )
            .ToList();
        var total = since.Count == 0 ? 0 : since[^1].Count;
        return total == 0 ? 0 : since.First(pair => pair.Count >= quantile * total).Bound * 1000;
    }

    /// <summary>How many reconciles there were by upper bound in milliseconds since an earlier reading.</summary>
    public string SpreadSince(OperatorMetrics before)
    {
        var since = Work.Select(
            (pair, index) => (pair.Bound, Count: pair.Count - (before.Work.Count > index ? before.Work[index].Count : 0))
        );
        var below = 0L;
        var parts = new List<string>();
        foreach (var (bound, count) in since)
        {
            if (count > below)
            {
                parts.Add($"{count - below} ≤ {bound * 1000:0}");
            }

            below = count;
        }

        return string.Join(", ", parts);
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
