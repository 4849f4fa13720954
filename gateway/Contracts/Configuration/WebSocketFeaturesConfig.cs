using System.Text.Json.Serialization;

namespace Mooring.Contracts.Configuration;

/// <summary>What a client of a WebSocket listener may send. Seen at the frames while they pass; what the backend sends is not limited.</summary>
public sealed record WebSocketMessagesConfig
{
    /// <summary>Messages of one connection in a minute; 0: any number. 0 to 1,000,000. One too many closes the connection with 1008.</summary>
    public int PerMinute { get; init; }

    /// <summary>Messages that may come at once; 0: as many as <see cref="PerMinute"/>. 0 to 1,000,000.</summary>
    public int Burst { get; init; }

    /// <summary>
    /// Longest message in bytes, all its fragments together, as it is sent: compressed where it is. 0: any. A longer one closes the connection with 1009
    /// before any of it reaches the backend, or its last fragment does.
    /// </summary>
    public long MaxBytes { get; init; }
}

/// <summary>Finds clients that are gone without a word.</summary>
public sealed record WebSocketPingConfig
{
    /// <summary>A client that was silent for so long is sent a ping. 1 s to 24 h.</summary>
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>One that is silent for so long after it is closed. 1 s to 1 h.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);
}

/// <summary>How fast a listener lets new WebSockets in: what a storm of clients that come back is spread over.</summary>
public sealed record UpgradePaceConfig
{
    /// <summary>Upgrades a second on one gateway. 1 to 1,000,000.</summary>
    public required int PerSecond { get; init; }

    /// <summary>Upgrades that may pass at once before the pace begins; 0: a tenth of <see cref="PerSecond"/>. 0 to 1,000,000.</summary>
    public int Burst { get; init; }

    /// <summary>How long a request is held until its turn; who would wait longer is answered 503. 0 to 3.9 s, since clients give up after 4 or 5; default 3 s.</summary>
    public TimeSpan Hold { get; set; } = TimeSpan.FromSeconds(3);
}

[JsonConverter(typeof(JsonStringEnumConverter<RequestValueSource>))]
public enum RequestValueSource
{
    /// <summary>A header field.</summary>
    Header,

    /// <summary>A parameter of the query, as sent.</summary>
    Query,

    /// <summary>A cookie.</summary>
    Cookie,

    /// <summary>
    /// A claim of the JWT in <c>Authorization: Bearer</c> or the query's <c>access_token</c> (RFC 6750). It is read, not verified: that is the
    /// backend's to do, and a client with a token that it refuses holds its place for as long as the handshake takes.
    /// </summary>
    JwtClaim,
}

/// <summary>Where a request says something.</summary>
public sealed record RequestValueConfig
{
    public required RequestValueSource From { get; init; }

    /// <summary>Name of the header, parameter, cookie or claim. 1 to 64 characters.</summary>
    public required string Name { get; init; }
}

/// <summary>Who a client is, for <see cref="CapacityConfig.PerUser"/> and <see cref="CapacityConfig.PerDevice"/>. A request that does not say is not limited.</summary>
public sealed record WebSocketIdentityConfig
{
    /// <summary>Null: users are not told apart.</summary>
    public RequestValueConfig? User { get; init; }

    /// <summary>Null: devices are not told apart.</summary>
    public RequestValueConfig? Device { get; init; }
}
