using System.Globalization;
using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Telemetry;

/// <summary>A distribution as a Prometheus histogram: cumulative buckets, sum and count. Pure.</summary>
internal static class DurationSamples
{
    /// <summary>None where nothing was counted.</summary>
    public static IEnumerable<MetricSample> Of(DurationLoad durations, IReadOnlyList<double> bounds, params string[] labels)
    {
        if (durations.Counts.Count != bounds.Count + 1)
        {
            yield break;
        }

        long seen = 0;
        for (var i = 0; i <= bounds.Count; i++)
        {
            seen += durations.Counts[i];
            var end = i < bounds.Count ? bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
            yield return new MetricSample(seen, labels) { Suffix = "_bucket", UpperEnd = end };
        }

        yield return new MetricSample(durations.SumSeconds, labels) { Suffix = "_sum" };
        yield return new MetricSample(seen, labels) { Suffix = "_count" };
    }
}
