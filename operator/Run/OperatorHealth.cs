namespace Mooring.Operator.Run;

/// <summary>Whether the operator is well, for the probes. Thread-safe.</summary>
internal sealed class OperatorHealth
{
    // A reconcile is cancelled after five minutes; one that is still there after twice that long hangs.
    private static readonly TimeSpan Hung = TimeSpan.FromMinutes(10);

    private volatile bool _started;

    /// <summary>How long the oldest reconcile has been at work.</summary>
    public Func<TimeSpan> LongestReconcile { get; set; } = static () => TimeSpan.Zero;

    /// <summary>The caches hold the first lists, where they are needed.</summary>
    public Func<bool> HasSynced { get; set; } = static () => true;

    /// <summary>It leads, or waits to.</summary>
    public void Started() => _started = true;

    /// <summary>Why it should be started again; null: it should not.</summary>
    /// <remarks>Not that the API server is away: a restart would not bring it back.</remarks>
    public string? Unhealthy() => LongestReconcile() is var longest && longest > Hung ? $"a reconcile hangs since {longest}" : null;

    /// <summary>Why it cannot be relied on yet; null: it can, as the leader or as the next.</summary>
    public string? Unready() =>
        !_started ? "starting"
        : HasSynced() ? null
        : "the caches are not filled yet";
}
