namespace Mooring.Api.Tests.Faults;

/// <summary>A request as the proxy sees it, before the API server does.</summary>
/// <param name="Method">HTTP method.</param>
/// <param name="Path">Without the query.</param>
/// <param name="IsWatch">It asks for a stream of changes.</param>
internal sealed record ProxiedRequest(string Method, string Path, bool IsWatch)
{
    public bool IsWrite => Method is not "GET";
}

/// <summary>What befalls one request. Immutable.</summary>
internal sealed record ApiFault
{
    /// <summary>Answered with this code by the proxy itself; 0: the API server is asked.</summary>
    public int Status { get; init; }

    /// <summary>Sent as Retry-After, in seconds; null: not.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>How long the request waits before anything is done with it.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>The API server does what is asked, and its answer is lost.</summary>
    public bool LosesAnswer { get; init; }

    /// <summary>The stream of a watch is cut after this; null: it is not.</summary>
    public TimeSpan? CutAfter { get; init; }

    /// <summary>With <see cref="CutAfter"/>: in good order, as by a server that restarts; else in the middle.</summary>
    public bool EndsWell { get; init; }

    /// <summary>A watch is told that its version is too old (410), as after a compaction.</summary>
    public bool Expires { get; init; }
}
