namespace Mooring.Operator.Host;

/// <summary>Knows since when processes of a workload are missing without one more having come to serve.</summary>
/// <remarks>Not thread-safe. By the clock that nobody sets.</remarks>
internal sealed class WorkloadProgress(TimeProvider time)
{
    private string _specHash = "";
    private int _ready;
    private long? _since;

    /// <summary>Takes note of how it is now.</summary>
    /// <param name="specHash">What is to run.</param>
    /// <param name="ready">How many serve that run it.</param>
    /// <param name="wanted">How many are to.</param>
    public void Look(string specHash, int ready, int wanted)
    {
        if (ready >= wanted)
        {
            _since = null;
        }
        else if (_since is null || specHash != _specHash || ready > _ready)
        {
            _since = time.GetTimestamp();
        }

        (_specHash, _ready) = (specHash, ready);
    }

    /// <summary>Some have been missing for so long.</summary>
    public bool IsOverdue(TimeSpan deadline) => _since is { } since && time.GetElapsedTime(since) >= deadline;
}
