using System.Text.Json.Serialization;

namespace Mooring.Contracts.Configuration;

/// <summary>What a client that is over a limit gets.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RefusalAnswer>))]
public enum RefusalAnswer
{
    /// <summary>RST: it knows at once, and nothing stays behind.</summary>
    Reset,

    /// <summary>The connection is closed without a word.</summary>
    Close,

    /// <summary>TCP: <see cref="ListenerLimitsConfig.Message"/>. WebSocket: HTTP 429 for limits of the client's own, 503 for the others.</summary>
    Message,
}

/// <summary>Limits of one listener on one gateway.</summary>
public sealed record ListenerLimitsConfig
{
    public const int MaxMessageBytes = 512;

    /// <summary>New connections. Null: no limit.</summary>
    public RateConfig? NewConnections { get; init; }

    /// <summary>Of all connections of the listener together. Null: no limit.</summary>
    public BandwidthConfig? Bandwidth { get; init; }

    /// <summary>Of each connection. Null: no limit.</summary>
    public BandwidthConfig? ConnectionBandwidth { get; init; }

    public RefusalAnswer Refuse { get; set; } = RefusalAnswer.Reset;

    /// <summary>Text for a refused TCP client, in UTF-8 at most 512 bytes.</summary>
    public string Message { get; set; } = "";
}

/// <summary>A token bucket of events.</summary>
public sealed record RateConfig
{
    /// <summary>1 to 1,000,000.</summary>
    public required int PerSecond { get; init; }

    /// <summary>As many at once, when there were none before: 1 to 1,000,000; 0: as many as a second's.</summary>
    public int Burst { get; init; }
}

/// <summary>Token buckets of bytes, each of a quarter of a second's and at least 4 KiB.</summary>
public sealed record BandwidthConfig
{
    /// <summary>From clients. 0: no limit; else at least 1,000.</summary>
    public long ReceiveBytesPerSecond { get; init; }

    /// <summary>To clients. 0: no limit; else at least 1,000.</summary>
    public long SendBytesPerSecond { get; init; }
}

/// <summary>Connections at most from one network, on one gateway.</summary>
public sealed record PrefixLimitConfig
{
    /// <summary>1 to 10,000,000.</summary>
    public required int Connections { get; init; }

    /// <summary>Length of an IPv4 network's prefix: 8 to 32; default 24.</summary>
    public int Ipv4Bits { get; set; } = 24;

    /// <summary>Length of an IPv6 network's prefix: 16 to 64; default 48.</summary>
    public int Ipv6Bits { get; set; } = 48;
}
