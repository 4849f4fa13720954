using Mooring.Benchmarks.Load;

namespace Mooring.Benchmarks.L4;

/// <summary>One timed measurement, and the metrics that come of it.</summary>
/// <param name="Key">What the keys of its metrics begin with.</param>
internal sealed record L4Step(string Key, LoadKind Kind, int Connections, int MessageBytes = 64)
{
    /// <summary>Adds the metrics of one round.</summary>
    /// <exception cref="Harness.BenchmarkException">Nothing completed in the time that counts.</exception>
    public void Record(LoadResult result, string server, Samples samples)
    {
        if (result.Operations == 0 && result.Bytes == 0)
        {
            throw new Harness.BenchmarkException($"{server} completed nothing in {Key}");
        }

        switch (Kind)
        {
            case LoadKind.Bulk:
                samples.Add($"{Key}/cpu", server, result.CpuSeconds / (result.Bytes / 1e9));
                samples.Add($"{Key}/gb-per-s", server, result.Bytes / 1e9 / result.WallSeconds);
                break;
            case LoadKind.RoundTrips:
                samples.Add($"{Key}/cpu", server, result.CpuSeconds / (result.Operations / 1e6));
                Latencies();
                break;
            case LoadKind.Connects:
                samples.Add($"{Key}/cpu", server, result.CpuSeconds / (result.Operations / 1e4));
                Latencies();
                break;
        }

        samples.Add($"{Key}/busy", server, result.CpuSeconds / result.WallSeconds);
        samples.Add($"{Key}/kept-waiting", server, result.WaitSeconds / result.WallSeconds);

        void Latencies()
        {
            samples.Add($"{Key}/p50", server, result.P50);
            samples.Add($"{Key}/p99", server, result.P99);
            samples.Add($"{Key}/p999", server, result.P999);
            samples.Add($"{Key}/packets", server, (double)result.Packets / result.Operations);
            samples.Add($"{Key}/per-s", server, result.Operations / result.WallSeconds);
        }
    }
}

internal static class L4Steps
{
    private const int BulkConnections = 4;
    private const int ConcurrentConnects = 16;

    public static IReadOnlyList<L4Step> All { get; } =
    [
        new("bulk", LoadKind.Bulk, BulkConnections),
        .. L4Metrics.RoundTripConnections.SelectMany(connections =>
            L4Metrics.MessageBytes.Select(bytes => new L4Step(
                L4Metrics.RoundTripKey(connections, bytes),
                LoadKind.RoundTrips,
                connections,
                bytes
            ))
        ),
        new("connect", LoadKind.Connects, ConcurrentConnects),
    ];

    public static IReadOnlyList<L4Step> WarmUp { get; } =
    [new("", LoadKind.RoundTrips, 50), new("", LoadKind.Connects, ConcurrentConnects), new("", LoadKind.Bulk, BulkConnections)];
}
