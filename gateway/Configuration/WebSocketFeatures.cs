using Mooring.Gateway.Limits;

namespace Mooring.Gateway.Configuration;

/// <summary>What a WebSocket listener does with the connections that it carries. Immutable.</summary>
internal sealed record WebSocketFeatures
{
    /// <summary>Of all other listeners, and of one that asks for nothing.</summary>
    public static readonly WebSocketFeatures None = new();

    /// <summary>Messages of one client.</summary>
    public RateLimit MessageRate { get; init; }

    /// <summary>Bytes of one message; 0: any.</summary>
    public long MaxMessageBytes { get; init; }

    /// <summary>In ticks of <see cref="Transport.TimerWheel"/>; 0: silent clients are left alone.</summary>
    public uint PingTicks { get; init; }

    public uint PingTimeoutTicks { get; init; }

    /// <summary>New WebSockets on this gateway.</summary>
    public RateLimit UpgradeRate { get; init; }

    /// <summary>How long one may be held until its turn, in nanoseconds.</summary>
    public long HoldNanoseconds { get; init; }

    /// <summary>Connections have state of their own for these.</summary>
    public bool IsGuarded => MessageRate.IsSet || MaxMessageBytes > 0 || PingTicks > 0;
}
