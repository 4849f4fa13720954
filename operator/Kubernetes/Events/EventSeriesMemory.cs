using Mooring.Kubernetes.Client;

namespace Mooring.Kubernetes.Events;

/// <summary>What to do about a reported event.</summary>
internal enum EventVerdict
{
    /// <summary>A new one is created.</summary>
    Create,

    /// <summary>Its series is written now.</summary>
    UpdateSeries,

    /// <summary>Counted; its series is written later.</summary>
    Counted,

    /// <summary>The object had too many.</summary>
    Throttled,
}

/// <summary>One series of like events.</summary>
internal sealed class Series
{
    /// <summary>Empty until the event was created.</summary>
    public string Namespace { get; set; } = "";

    public string Name { get; set; } = "";

    public int Count { get; set; } = 1;

    public DateTimeOffset LastSeen { get; set; }

    /// <summary>Null: never since it was created.</summary>
    public DateTimeOffset? LastWritten { get; set; }

    public int WrittenCount { get; set; } = 1;
}

/// <summary>Which events were seen lately, within a bound. Takes its times as arguments. Not thread-safe.</summary>
internal sealed class EventSeriesMemory(EventRecorderOptions options, TimeProvider time)
{
    private readonly Dictionary<SeriesKey, Series> _series = [];
    private readonly Dictionary<string, (TokenBucket Bucket, DateTimeOffset LastSeen)> _budgets = new(StringComparer.Ordinal);

    public int Count => _series.Count;

    /// <summary>Counts an event and says what to do about it.</summary>
    public EventVerdict See(RecordedEvent item, out Series series)
    {
        if (_series.TryGetValue(item.Key, out var known) && item.Time - known.LastSeen < options.SeriesWindow)
        {
            series = known;
            series.Count++;
            series.LastSeen = item.Time;
            return series.Name.Length > 0 && IsDue(series, item.Time) ? EventVerdict.UpdateSeries : EventVerdict.Counted;
        }

        series = new Series { LastSeen = item.Time };
        if (!MayCreate(item))
        {
            return EventVerdict.Throttled;
        }

        _series[item.Key] = series;
        Trim(_series, static one => one.LastSeen);
        return EventVerdict.Create;
    }

    /// <summary>Series with repeats that were not written yet and are due.</summary>
    public IReadOnlyList<(SeriesKey Key, Series Series)> Due(DateTimeOffset now) =>
        [
            .. _series
                .Where(one => one.Value.Count > one.Value.WrittenCount && one.Value.Name.Length > 0 && IsDue(one.Value, now))
                .Select(static one => (one.Key, one.Value)),
        ];

    /// <summary>The next like event is a new one.</summary>
    public void Forget(SeriesKey key) => _series.Remove(key);

    private bool IsDue(Series series, DateTimeOffset now) =>
        series.LastWritten is not { } written || now < written || now - written >= options.SeriesInterval;

    private bool MayCreate(RecordedEvent item)
    {
        var bucket = _budgets.TryGetValue(item.Budget, out var known)
            ? known.Bucket
            : new TokenBucket(1 / options.ObjectRefill.TotalSeconds, options.ObjectBurst, time);
        _budgets[item.Budget] = (bucket, item.Time);
        Trim(_budgets, static one => one.LastSeen);
        return bucket.TryTake();
    }

    // A quarter at a time, so that the cost of looking for the oldest is spread over many events.
    private void Trim<TKey, TValue>(Dictionary<TKey, TValue> from, Func<TValue, DateTimeOffset> lastSeen)
        where TKey : notnull
    {
        if (from.Count <= options.MaxRemembered)
        {
            return;
        }

        foreach (var (key, _) in from.OrderBy(one => lastSeen(one.Value)).Take((from.Count / 4) + 1).ToArray())
        {
            from.Remove(key);
        }
    }
}
