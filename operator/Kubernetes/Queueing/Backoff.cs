namespace Mooring.Kubernetes.Queueing;

/// <summary>Doubling waits from <c>min</c> to <c>max</c>. Not thread-safe.</summary>
/// <param name="jitter">Each wait is lengthened by a random part of this share of it: 1 makes it up to twice as long. 0: exact.</param>
public sealed class Backoff(TimeSpan min, TimeSpan max, double jitter = 0)
{
    private int _failures;

    /// <summary>The next wait.</summary>
    public TimeSpan Next() => Delay(min, max, _failures++) * (1 + (jitter * Random.Shared.NextDouble()));

    /// <summary>Starts again at <c>min</c>.</summary>
    public void Reset() => _failures = 0;

    /// <summary>The wait after so many earlier failures: <c>min · 2^failures</c>, and <c>max</c> at most.</summary>
    public static TimeSpan Delay(TimeSpan min, TimeSpan max, int failures)
    {
        // 2^53 ms is past any max, and shifting further would overflow.
        var ticks = min.Ticks * Math.Pow(2, Math.Clamp(failures, 0, 53));
        return ticks >= max.Ticks ? max : TimeSpan.FromTicks((long)ticks);
    }
}
