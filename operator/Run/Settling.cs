namespace Mooring.Operator.Run;

/// <summary>The first seconds of a term: gateways come back to the new leader, and fleets at rest can wait until they have.</summary>
/// <remarks>
/// A thousand fleets that are looked at while their streams come back have their status written up to three times each, as their gateways turn up one by one,
/// by the same API server that is to review those gateways' tokens. Once all are there, a fleet at rest is as its status says, and nothing is written.
/// Takes its times as arguments. Thread-safe.
/// </remarks>
/// <param name="began">When the term began, by the monotonic clock.</param>
/// <param name="expected">Gateways that are to come, as the cluster has them.</param>
internal sealed class Settling(TimeSpan began, int expected)
{
    /// <summary>How long a fleet is put back.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>It ends in any case after this.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    /// <summary>Gateways dial again within three seconds; after this, whoever has not come for a second does not come.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan Lull = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private int _streams;
    private TimeSpan _grownAt;
    private volatile bool _over;

    /// <summary>Whether the streams are back, or as many of them as come. Once true it stays so.</summary>
    public bool IsOver(TimeSpan now, int streams)
    {
        if (_over)
        {
            return true;
        }

        lock (_lock)
        {
            if (streams > _streams)
            {
                (_streams, _grownAt) = (streams, now);
            }

            return _over = streams >= expected || now - began >= Longest || (now - began >= Patience && now - _grownAt >= Lull);
        }
    }
}
