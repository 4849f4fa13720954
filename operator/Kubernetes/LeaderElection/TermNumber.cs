namespace Mooring.Kubernetes.LeaderElection;

/// <summary>Numbers the first term of a Lease. Pure.</summary>
/// <remarks>
/// Whoever is fenced by a term's number must never see a lower one, also where the Lease was deleted, or the whole installation was removed and made
/// anew. So numbers do not begin with 1 but with the seconds since 2025: a Lease made later begins above all terms of one made earlier, as long as
/// leaders change less than once a second over the life of a Lease. Nothing has to be stored for it.
/// </remarks>
public static class TermNumber
{
    private static readonly DateTimeOffset Origin = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Number of a first term that begins now: 1 or more. The Lease's field is 32 bits wide, which lasts until 2059 with as many terms again.</summary>
    /// <param name="now">The time.</param>
    /// <param name="seen">The highest number that this process has seen of an earlier Lease; the clock may have been set back since. 0: none.</param>
    public static int First(DateTimeOffset now, int seen = 0) =>
        Math.Max((int)Math.Clamp((now - Origin).TotalSeconds, 1, int.MaxValue / 2), seen < int.MaxValue ? seen + 1 : seen);
}
