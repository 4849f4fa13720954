namespace Mooring.Gateway.Streams;

/// <summary>Waiting times between dials: exponential with full jitter, so that a fleet does not dial a new leader all at once. Not thread-safe.</summary>
internal sealed class Backoff(Random random)
{
    private const int MaxDoublings = 6;
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(3);
    private int _failures;

    /// <summary>The wait after one more failure: from 0 up to 0.2 s doubled with each, at most 3 s: a new leader is to have every stream seconds after it leads.</summary>
    public TimeSpan Next()
    {
        var bound = First * (1 << Math.Min(_failures++, MaxDoublings));
        return (bound < Longest ? bound : Longest) * random.NextDouble();
    }

    public void Reset() => _failures = 0;
}
