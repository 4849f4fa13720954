using System.Globalization;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.L4;

/// <summary>Garbage collections of a gateway since its start, as its metrics tell them.</summary>
/// <param name="Count">Collections by generation.</param>
/// <param name="Longest">Longest pause by generation, seconds.</param>
/// <param name="Total">All pauses, seconds.</param>
internal sealed record CollectionReading(double[] Count, double[] Longest, double Total)
{
    /// <summary>The metrics are served a little later than the listeners.</summary>
    public static async Task<CollectionReading> FirstAsync(HttpClient http, Uri metrics, CancellationToken cancellation)
    {
        for (var tries = 0; ; tries++)
        {
            try
            {
                return await ReadAsync(http, metrics, cancellation);
            }
            catch (HttpRequestException) when (tries < 200)
            {
                await Task.Delay(50, cancellation);
            }
            catch (HttpRequestException failure)
            {
                throw new BenchmarkException($"the gateway's metrics do not answer: {failure.Message}");
            }
        }
    }

    public static async Task<CollectionReading> ReadAsync(HttpClient http, Uri metrics, CancellationToken cancellation)
    {
        var text = await http.GetStringAsync(metrics, cancellation);
        return new CollectionReading(
            [.. Enumerable.Range(0, 3).Select(generation => Value(text, $"dotnet_gc_collections_total{{generation=\"{generation}\"}} "))],
            [
                .. Enumerable
                    .Range(0, 3)
                    .Select(generation => Value(text, $"dotnet_gc_longest_pause_seconds{{generation=\"{generation}\"}} ")),
            ],
            Value(text, "dotnet_gc_pause_seconds_total ")
        );
    }

    private static double Value(string text, string name)
    {
        var line =
            text.Split('\n').FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))
            ?? throw new BenchmarkException($"the gateway's metrics have no {name}");
        return double.Parse(line.AsSpan(name.Length), CultureInfo.InvariantCulture);
    }
}
