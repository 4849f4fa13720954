namespace Mooring.Operator.Run.Troubles;

/// <summary>One kind of trouble: how often and where it shows, and whether it was told. Bounded. Times are of the monotonic clock. Not thread-safe.</summary>
internal sealed class TroubleRecord(TimeSpan window)
{
    private const int MaxResources = 32;
    private const string Others = "others";
    private readonly Dictionary<string, SlidingCount> _byResource = new(StringComparer.Ordinal);

    /// <summary>It was told, and is not over.</summary>
    public bool IsOn { get; private set; }

    /// <summary>When it was told last; null: never.</summary>
    public TimeSpan? ToldAt { get; private set; }

    /// <summary>When there was last so much of it that it is worth a word.</summary>
    public TimeSpan ShownAt { get; set; }

    /// <summary>Since it began.</summary>
    public long Total { get; private set; }

    public TimeSpan First { get; private set; }

    public TimeSpan Last { get; private set; }

    /// <summary>What was said of it last.</summary>
    public string Detail { get; private set; } = "";

    public void Note(TimeSpan now, string resource, string detail)
    {
        First = Total == 0 ? now : First;
        Total++;
        (Last, Detail) = (now, detail);
        if (!_byResource.TryGetValue(resource, out var count))
        {
            resource = _byResource.Count < MaxResources ? resource : Others;
            _byResource[resource] = count = _byResource.GetValueOrDefault(resource) ?? new SlidingCount(window);
        }

        count.Add(now);
    }

    /// <summary>Within the window, those with most first.</summary>
    public IReadOnlyList<(string Resource, long Count)> Counts(TimeSpan now) =>
        [
            .. _byResource
                .Select(pair => (pair.Key, Count: pair.Value.Count(now)))
                .Where(static pair => pair.Count > 0)
                .OrderByDescending(static pair => pair.Count)
                .ThenBy(static pair => pair.Key, StringComparer.Ordinal),
        ];

    public void Told(TimeSpan now) => (IsOn, ToldAt) = (true, now);

    /// <summary>It is over, or never became one: what comes next is another.</summary>
    public void Clear()
    {
        (IsOn, Total, Detail) = (false, 0, "");
        _byResource.Clear();
    }
}
