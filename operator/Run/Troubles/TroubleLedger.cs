using System.Globalization;

namespace Mooring.Operator.Run.Troubles;

/// <summary>Something to be told of a trouble.</summary>
/// <param name="Kind">Which.</param>
/// <param name="IsOver">It has ended; else it has begun, or lasts.</param>
/// <param name="Note">For people: how often, where, since when.</param>
internal sealed record TroubleNews(TroubleKind Kind, bool IsOver, string Note);

/// <summary>Takes note of troubles and decides which are worth a word: one when a trouble shows, one each <see cref="TroubleLimits.Period"/> while it lasts, one when it is over.</summary>
/// <remarks>Pure but for what it has noted, which is bounded. Times are those of a monotonic clock; the wall's is for texts, and for its jumps. Not thread-safe.</remarks>
internal sealed class TroubleLedger(TroubleLimits limits)
{
    private const int MaxNamed = 5;

    // Some answers amid silence: the server is there, and can take an event.
    private static readonly TimeSpan Lately = TimeSpan.FromSeconds(5);

    private readonly Dictionary<TroubleKind, TroubleRecord> _records = Enum.GetValues<TroubleKind>()
        .ToDictionary(static kind => kind, _ => new TroubleRecord(limits.Window));
    private readonly SlidingCount _answers = new(limits.Window);
    private TimeSpan? _answeredAt;
    private TimeSpan? _unansweredAt;
    private (TimeSpan Now, DateTimeOffset Wall)? _looked;

    /// <param name="isWatch">A watch's beginning says that the server is there, and nothing of how fast it is.</param>
    public void Answered(TimeSpan now, string request, TimeSpan took, bool isWatch)
    {
        _answeredAt = now;
        if (isWatch)
        {
            return;
        }

        _answers.Add(now);
        if (took > limits.SlowRequest)
        {
            _records[TroubleKind.ApiServerSlow].Note(now, request, Seconds(took));
        }
    }

    public void Unanswered(TimeSpan now, string request)
    {
        _unansweredAt = now;
        _records[TroubleKind.ApiServerAway].Note(now, request, request);
    }

    /// <param name="how">As the witness is told.</param>
    public void WatchEnded(TimeSpan now, string resource, string how, TimeSpan lived)
    {
        if (how == "expired")
        {
            _records[TroubleKind.WatchesExpired].Note(now, resource, how);
        }
        else if (how != "server" || lived < limits.ShortWatch)
        {
            _records[TroubleKind.WatchesCut].Note(now, resource, $"{how}, after {Seconds(lived)}");
        }
    }

    /// <summary>Looks at the clocks, and says what is to be told. Nothing while the API server does not answer: it is told once it does.</summary>
    public IReadOnlyList<TroubleNews> Decide(TimeSpan now, DateTimeOffset wall)
    {
        CompareClocks(now, wall);
        if (_unansweredAt > (_answeredAt ?? TimeSpan.MinValue) && !(now - _answeredAt < Lately))
        {
            return [];
        }

        var news = new List<TroubleNews>();
        foreach (var (kind, record) in _records)
        {
            if (record.Total == 0)
            {
                continue;
            }

            if (Shows(kind, record, now))
            {
                record.ShownAt = now;
                if (record.ToldAt is not { } told || now - told >= limits.Period)
                {
                    news.Add(new TroubleNews(kind, IsOver: false, Describe(kind, record, now, wall)));
                    record.Told(now);
                }
            }
            // One slow request now and then does not keep a server slow.
            else if (now - (kind == TroubleKind.ApiServerSlow && record.IsOn ? record.ShownAt : record.Last) >= limits.Quiet)
            {
                // A clock that has jumped has nothing to return to.
                if (record.IsOn && kind != TroubleKind.ClockJumped)
                {
                    news.Add(new TroubleNews(kind, IsOver: true, $"over: {record.Total} from {At(record.First)} to {At(record.Last)}"));
                }

                record.Clear();
            }
        }

        return news;

        string At(TimeSpan then) => Time(wall - (now - then));
    }

    private void CompareClocks(TimeSpan now, DateTimeOffset wall)
    {
        if (_looked is { } last && (wall - last.Wall) - (now - last.Now) is var jump && jump.Duration() >= limits.Jump)
        {
            var way = jump > TimeSpan.Zero ? "forward" : "back";
            _records[TroubleKind.ClockJumped].Note(now, way, $"{Seconds(jump.Duration())} {way}");
        }

        _looked = (now, wall);
    }

    private bool Shows(TroubleKind kind, TroubleRecord record, TimeSpan now)
    {
        var counts = record.Counts(now);
        var sum = counts.Sum(static pair => pair.Count);
        return kind switch
        {
            TroubleKind.ApiServerAway => sum >= limits.Unanswered,
            TroubleKind.ApiServerSlow => sum >= limits.SlowRequests && sum * 2 > _answers.Count(now),
            TroubleKind.WatchesCut => counts.Count > 0 && counts[0].Count >= limits.Cuts,
            _ => sum > 0,
        };
    }

    private string Describe(TroubleKind kind, TroubleRecord record, TimeSpan now, DateTimeOffset wall)
    {
        var counts = record.Counts(now);
        var sum = counts.Sum(static pair => pair.Count);
        var where =
            string.Join(", ", counts.Take(MaxNamed).Select(static pair => $"{pair.Count} {pair.Resource}"))
            + (counts.Count > MaxNamed ? " and others" : "");
        var since = Time(wall - (now - record.First));
        return kind switch
        {
            TroubleKind.ApiServerAway =>
                $"{record.Total} requests without an answer since {since}; within {Seconds(limits.Window)}: {where}",
            TroubleKind.ApiServerSlow =>
                $"{sum} of {_answers.Count(now)} requests within {Seconds(limits.Window)} took more than {Seconds(limits.SlowRequest)} (the last {record.Detail}), since {since}: {where}",
            TroubleKind.WatchesCut =>
                $"{record.Total} watches cut since {since} (the last: {record.Detail}); within {Seconds(limits.Window)}: {where}",
            TroubleKind.WatchesExpired =>
                $"{record.Total} watches were too far behind (410) since {since}, and all was listed again; within {Seconds(limits.Window)}: {where}",
            _ => $"the clock went {record.Detail}; {record.Total} times since {since}",
        };
    }

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.#} s");

    private static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
