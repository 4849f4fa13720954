using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Hub.Protocol;

/// <summary>The result of a subscription, asked for or made by the server.</summary>
internal readonly record struct SubscribeReply
{
    public bool Expires { get; init; }

    /// <summary>Seconds.</summary>
    public uint Ttl { get; init; }
    public bool Recoverable { get; init; }
    public bool Positioned { get; init; }
    public StreamPosition Position { get; init; }
    public bool Recovered { get; init; }
    public bool WasRecovering { get; init; }
    public bool Delta { get; init; }

    /// <summary>What was missed, oldest first.</summary>
    public IReadOnlyList<PublicationParts> Publications { get; init; }

    /// <summary>JSON; empty: none.</summary>
    public ReadOnlyMemory<byte> Data { get; init; }
}

/// <summary>The result of connect.</summary>
internal readonly record struct ConnectReply
{
    public required string Client { get; init; }
    public bool Expires { get; init; }

    /// <summary>Seconds.</summary>
    public uint Ttl { get; init; }

    /// <summary>Seconds between pings; 0: none come.</summary>
    public uint Ping { get; init; }

    /// <summary>Pings are to be answered.</summary>
    public bool Pong { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public long Time { get; init; }
    public IReadOnlyList<KeyValuePair<string, SubscribeReply>> Subscriptions { get; init; }
}
