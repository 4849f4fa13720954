using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Mooring.Kubernetes.Telemetry;

/// <summary>When each long-lived loop of this process last did anything: one that hangs stands still here. Process-wide and thread-safe.</summary>
public static class LoopActivity
{
    private static readonly ConcurrentDictionary<string, long> Last = new(StringComparer.Ordinal);

    // Rooted here: an instrument lives as long as its meter.
    private static readonly Meter Meter = Make();

    /// <summary>The loop did something just now.</summary>
    /// <param name="loop">One of a few names, such as <c>leader-election</c>.</param>
    /// <param name="time">The clock.</param>
    public static void Note(string loop, TimeProvider time)
    {
        _ = Meter;
        Last[loop] = time.GetUtcNow().ToUnixTimeMilliseconds();
    }

    private static Meter Make()
    {
        var meter = new Meter(KubernetesMetrics.Name);
        meter.CreateObservableGauge(
            "kubernetes.loop.last_active.timestamp",
            static () =>
                Last.Select(static pair => new Measurement<double>(
                    pair.Value / 1000.0,
                    new KeyValuePair<string, object?>("loop", pair.Key)
                )),
            "s",
            "Unix time at which the loop last did anything"
        );
        return meter;
    }
}
