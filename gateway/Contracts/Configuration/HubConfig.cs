using System.Text.Json.Serialization;

namespace Mooring.Contracts.Configuration;

/// <summary>What a WebSocket listener in Hub mode serves.</summary>
public sealed record HubConfig
{
    /// <summary>Publications that wait for one client at most. 1 to 100,000; default 1,000. Over it, the namespace says what happens.</summary>
    public int QueueSize { get; set; } = 1000;

    /// <summary>Bytes that wait for one client at most; over it the client is slow and is disconnected. 64 KiB to 1 GiB; default 1 MiB.</summary>
    public long QueueBytes { get; set; } = 1024 * 1024;

    /// <summary>How long anything may wait for one client; longer, and it is slow and is disconnected. 1 s to 10 min; default 30 s.</summary>
    public TimeSpan QueueAge { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest message of a client, in bytes. 1 KiB to 16 MiB; default 64 KiB.</summary>
    public int MaxMessageBytes { get; set; } = 64 * 1024;

    /// <summary>Channels that one client may be in. 1 to 1,024; default 128.</summary>
    public int MaxChannels { get; set; } = 128;

    /// <summary>How often clients are pinged; they must answer within 8 s. 5 s to 10 min; default 25 s.</summary>
    public TimeSpan PingInterval { get; set; } = TimeSpan.FromSeconds(25);

    /// <summary>Clients without a token are let in, without a user.</summary>
    public bool Anonymous { get; init; }

    /// <summary>
    /// Connects that one gateway answers per second; what comes faster waits for its answer up to 4 s, and beyond that is told to come again. 0: as they
    /// come. 0 to 100,000; default 0.
    /// </summary>
    public int ConnectsPerSecond { get; init; }

    /// <summary>Each user is subscribed to <c>#user</c> in this namespace; empty: that without a name. Null: it is not.</summary>
    public string? PersonalNamespace { get; init; }

    /// <summary>At most 64. A channel's namespace is its part before the first colon; channels without one are in the namespace with the empty name, if there is one.</summary>
    public IReadOnlyList<HubNamespaceConfig> Namespaces { get; set; } = [];

    /// <summary>Null: messages are not compressed.</summary>
    public HubCompressionConfig? Compression { get; init; }

    /// <summary>Null: clients' RPCs are answered with error 108.</summary>
    public HubRpcConfig? Rpc { get; init; }

    /// <summary>Null: there are no tokens, neither of connections nor of subscriptions.</summary>
    public JwtConfig? Jwt { get; init; }

    /// <summary>Files with one API key each, 16 to 256 printable characters. None: the HTTP API is off. At most 16.</summary>
    public IReadOnlyList<string> ApiKeyFiles { get; set; } = [];
}

/// <summary>Who may do something in a namespace.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<HubAudience>))]
public enum HubAudience
{
    /// <summary>Nobody or, where subscribing is asked for, only whoever has a token for the channel.</summary>
    Nobody,

    /// <summary>Who is subscribed to the channel.</summary>
    Subscribers,

    /// <summary>Every client that has a user.</summary>
    Users,

    /// <summary>Every client.</summary>
    Everyone,
}

/// <summary>What happens to a publication for a client whose queue is full.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<HubOverflow>))]
public enum HubOverflow
{
    /// <summary>The client is disconnected, and comes again.</summary>
    Disconnect,

    /// <summary>The oldest publication that waits makes room.</summary>
    DropOldest,

    /// <summary>It is not delivered.</summary>
    DropNewest,
}

/// <summary>Channels that are alike.</summary>
public sealed record HubNamespaceConfig
{
    /// <summary>1 to 63 lower-case letters, digits and <c>-</c>; or empty, for channels without a namespace.</summary>
    public required string Name { get; init; }

    /// <summary>Null: publications are not kept, and have no offset.</summary>
    public HubHistoryConfig? History { get; init; }

    /// <summary>It is noted who is in a channel.</summary>
    public bool Presence { get; init; }

    /// <summary>Subscribers are told who joins and leaves.</summary>
    public bool JoinLeave { get; init; }

    /// <summary>Subscribers may ask for the differences between publications. Needs history with recovery.</summary>
    public bool Delta { get; init; }

    /// <summary>Who may subscribe without a token. Default <see cref="HubAudience.Nobody"/>.</summary>
    public HubAudience Subscribe { get; init; }

    public HubAudience Publish { get; init; }

    public HubAudience ReadHistory { get; init; }

    public HubAudience ReadPresence { get; init; }

    public HubOverflow WhenQueueFull { get; init; }

    /// <summary>Null: its channels are no queues of jobs.</summary>
    public HubQueueConfig? Queue { get; init; }
}

public sealed record HubHistoryConfig
{
    /// <summary>Publications kept for each channel. 1 to 100,000.</summary>
    public required int Size { get; init; }

    /// <summary>How long a channel's publications are kept after the last one. 1 s to 30 days.</summary>
    public required TimeSpan Ttl { get; init; }

    /// <summary>How long the channel's epoch and offset are kept; at least <see cref="Ttl"/>. What is below 80 s is 80 s. Default 30 days.</summary>
    public TimeSpan MetaTtl { get; set; } = TimeSpan.FromDays(30);

    /// <summary>Subscribers are watched for gaps, and get what they have missed when they come again. Default true.</summary>
    public bool Recovery { get; set; } = true;

    /// <summary>Whoever comes again gets the newest publication alone.</summary>
    public bool Cache { get; init; }
}

/// <summary>Where clients' RPCs go.</summary>
public sealed record HubRpcConfig
{
    /// <summary>http or https; at most 2,048 characters.</summary>
    public required string Url { get; init; }

    /// <summary>100 ms to 30 s; default 4 s, since clients wait 5 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(4);

    /// <summary>RPCs under way from one gateway; more get error 111. 1 to 10,000; default 256.</summary>
    public int MaxConcurrent { get; set; } = 256;
}

/// <summary>How tokens are checked. At least one source of keys.</summary>
public sealed record JwtConfig
{
    /// <summary>File with the secret of HS256, HS384 and HS512, 16 bytes or more; null: those are not accepted.</summary>
    public string? HmacSecretFile { get; init; }

    /// <summary>File with public keys in PEM: RSA of 2,048 bits or more, P-256, P-384, P-521 and Ed25519; null: none.</summary>
    public string? PublicKeysFile { get; init; }

    /// <summary>Where a JSON Web Key Set is; https, or http. Null: nowhere.</summary>
    public string? JwksUrl { get; init; }

    /// <summary>The <c>iss</c> that tokens must have; null: any or none.</summary>
    public string? Issuer { get; init; }

    /// <summary>What the <c>aud</c> of tokens must contain; null: it is not looked at.</summary>
    public string? Audience { get; init; }

    /// <summary>How far clocks may differ, for <c>exp</c> and <c>nbf</c>. 0 to 5 min; default 10 s.</summary>
    public TimeSpan Leeway { get; set; } = TimeSpan.FromSeconds(10);
}
