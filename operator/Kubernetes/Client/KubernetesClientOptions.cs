namespace Mooring.Kubernetes.Client;

/// <summary>How a client behaves towards its API server. Immutable.</summary>
public sealed record KubernetesClientOptions
{
    /// <summary>Requests a second in the long run. Default 50; 0 or less: no limit.</summary>
    public double QueriesPerSecond { get; init; } = 50;

    /// <summary>Requests that may go out at once after a quiet time. 1 or more; default 100.</summary>
    public int Burst { get; init; } = 100;

    /// <summary>How often one request is tried again. 0 or more; default 5.</summary>
    /// <remarks>
    /// Any verb is tried again when the server says when to come back (429, or 5xx with Retry-After: it did not take the request).
    /// Reads and applies are also tried again after a broken connection and after 502, 503 and 504.
    /// </remarks>
    public int MaxRetries { get; init; } = 5;

    /// <summary>The longest wait that the server may ask for; a longer one fails the request at once. Default 30 s.</summary>
    public TimeSpan MaxRetryDelay { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>One try of an ordinary request at most, body included. Default 30 s.</summary>
    public TimeSpan AttemptTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A watch that is silent for this long is taken for dead. Default 90 s: the server sends a bookmark a minute.</summary>
    public TimeSpan WatchIdleTimeout { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>Bytes of one ordinary answer at most. Default 256 MiB.</summary>
    public int MaxResponseBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>Bytes of one watch event at most. Default 16 MiB; etcd takes objects of up to 1.5 MiB.</summary>
    public int MaxWatchLineBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>Name under which writes own their fields, where a call gives none. 1 to 128 characters; default <c>mooring</c>.</summary>
    public string FieldManager { get; init; } = "mooring";

    /// <summary>Default <c>mooring</c>.</summary>
    public string UserAgent { get; init; } = "mooring";

    /// <summary>Last say over the connection's settings; null: none.</summary>
    public Action<SocketsHttpHandler>? ConfigureHandler { get; init; }
}
