namespace Mooring.Operator.Host;

/// <summary>Notices when the wall clock is set, or the machine was suspended: when it has gone another way than the steady clock. For one thread.</summary>
internal sealed class WallClock(TimeProvider time)
{
    // Clocks that are kept right are moved by less, and gently.
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(2);

    private long _seen = time.GetTimestamp();
    private DateTimeOffset _wall = time.GetUtcNow();

    /// <summary>By how much the wall clock was set since the last look; zero, or more than two seconds either way.</summary>
    public TimeSpan Jump()
    {
        var (seen, wall) = (time.GetTimestamp(), time.GetUtcNow());
        var jump = wall - _wall - time.GetElapsedTime(_seen, seen);
        (_seen, _wall) = (seen, wall);
        return jump.Duration() > Tolerance ? jump : TimeSpan.Zero;
    }
}
