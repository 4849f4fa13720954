namespace Mooring.Testing.ApiDouble;

/// <summary>What shall go wrong with the next requests that match.</summary>
public sealed class Fault
{
    /// <summary>Which requests. Default: all.</summary>
    public Func<RecordedRequest, bool> Match { get; init; } = static _ => true;

    /// <summary>How many of them. Default: 1.</summary>
    public int Times { get; set; } = 1;

    /// <summary>Answers with this code; 0: not.</summary>
    public int Status { get; init; }

    public string Reason { get; init; } = "InternalError";

    /// <summary>Sent as Retry-After, in seconds; null: not.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>Answers late.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>Breaks the connection instead of answering.</summary>
    public bool Abort { get; init; }

    /// <summary>Never answers, until the client gives up.</summary>
    public bool Hang { get; init; }

    /// <summary>Does what was asked, then breaks the connection: the client cannot know.</summary>
    public bool AbortAfter { get; init; }

    /// <summary>Does what was asked, and never answers, until the client gives up.</summary>
    public bool HangAfter { get; init; }

    /// <summary>A body in place of the Status object.</summary>
    public string? Body { get; init; }
}

/// <summary>A request as it came in.</summary>
public sealed record RecordedRequest(
    string Method,
    string Path,
    IReadOnlyDictionary<string, string> Query,
    string? ContentType,
    IReadOnlyDictionary<string, string> Headers,
    string Body
)
{
    public bool IsWatch => Query.TryGetValue("watch", out var watch) && watch is "true" or "1";

    public bool IsWrite => Method is not "GET";
}
