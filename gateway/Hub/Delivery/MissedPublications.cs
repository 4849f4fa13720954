namespace Mooring.Gateway.Hub.Delivery;

/// <summary>Reads what a client has missed, page by page, so that neither a broker's answer nor what is held of it is as long as a history may be. Thread-safe.</summary>
internal static class MissedPublications
{
    /// <summary>Publications of one read.</summary>
    public const int Page = 300;

    /// <summary>Bytes of publications after which no more is read: who has missed more than this and a page is not recovered.</summary>
    public const int MaxBytes = 16 << 20;

    private const int MaxPublications = 100_000;

    /// <summary>As one read of all there is from the query's position to the top would give it; with no publications where they do not reach it.</summary>
    /// <param name="read">Reads the stream, as <see cref="IHubBroker.HistoryAsync"/> does; called as often as there are pages.</param>
    /// <param name="query">With a position, and <see cref="Page"/> as its limit.</param>
    public static async ValueTask<HistoryResult> ReadAsync(Func<HistoryQuery, ValueTask<HistoryResult>> read, HistoryQuery query)
    {
        var page = await read(query);
        if (
            page.Status != BrokerStatus.Ok
            || page.Publications.Count == 0
            || page.Publications[^1].Offset == page.Top.Offset
            || page.Publications[0].Offset != query.Since!.Value.Offset + 1
        )
        {
            // All of it, or, where it does not begin behind the client, of no use to it.
            return page;
        }

        var all = new List<StoredPublication>(2 * page.Publications.Count);
        for (var bytes = 0L; ; )
        {
            all.AddRange(page.Publications);
            bytes += page.Publications.Sum(static one => (long)one.Payload.Length);
            var last = all[^1].Offset;
            if (last == page.Top.Offset)
            {
                return page with { Publications = all };
            }

            // Whoever publishes faster than this reads is not to be followed for ever: no history is longer.
            if (bytes > MaxBytes || all.Count > MaxPublications)
            {
                return page with { Publications = [] };
            }

            page = await read(query with { Since = new StreamPosition(last, page.Top.Epoch) });
            if (page.Status != BrokerStatus.Ok || page.Publications.Count == 0 || page.Publications[0].Offset != last + 1)
            {
                // Trimmed meanwhile, or of another epoch: what was read is no help any more.
                return page with { Publications = [] };
            }
        }
    }
}
