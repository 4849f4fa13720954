namespace Mooring.Kubernetes.Client;

/// <summary>One request, before it is sent. Immutable, so that it can be sent again.</summary>
internal sealed record ApiRequest
{
    public required HttpMethod Method { get; init; }

    /// <summary>Kubernetes' word for what is done: get, list, watch, create, update, patch, apply, delete. For metrics and retries.</summary>
    public required string Verb { get; init; }

    /// <summary><c>plural.group</c> or <c>plural.group/subresource</c>, for metrics.</summary>
    public required string Resource { get; init; }

    /// <summary>Path and query, to be put behind the server's base address.</summary>
    public required string Target { get; init; }

    public ReadOnlyMemory<byte> Body { get; init; }

    public string? ContentType { get; init; }

    /// <summary>Does not wait for the client's own rate limit: for requests that a lease hangs on.</summary>
    public bool Unthrottled { get; init; }

    /// <summary>Null: the client's. An elector gives each try less than its deadline.</summary>
    public TimeSpan? AttemptTimeout { get; init; }

    /// <summary>Null: the client's.</summary>
    public int? MaxRetries { get; init; }

    /// <summary>A write that says the same however often it is sent.</summary>
    public bool IsIdempotent { get; init; }

    /// <summary>May be sent twice without harm.</summary>
    public bool IsSafe => IsIdempotent || Verb is "get" or "list" or "watch" or "apply";

    /// <summary>Changes nothing.</summary>
    public bool IsRead => Verb is "get" or "list" or "watch";

    public override string ToString() => $"{Verb} {Target}";
}
