using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Handover;

/// <summary>All that one process has to tell another about a connection, besides its descriptors, so that the other can go on with it.</summary>
/// <remarks>Times are of the machine's monotonic clock, which both processes share. A cold object: it lives while the connection is on its way.</remarks>
internal sealed record ConnectionRecord : MovedRecord
{
    /// <summary>Both directions of a WebSocket's frames, saved; null: plain TCP.</summary>
    public byte[]? Frames { get; init; }

    /// <summary>What the client's PROXY header said; null: it had none, or nothing worth keeping.</summary>
    public ProxyRecord? Proxy { get; init; }

    /// <summary>Levels of its buckets of bandwidth; null: it has none.</summary>
    public (long Receive, long Send)? Bandwidth { get; init; }

    /// <summary>Who it is counted for: user and device, 0 for none; null: nobody.</summary>
    public (ulong User, ulong Device)? Identity { get; init; }

    /// <summary>Of TLS that is passed through: the server that the client asked for, at most 255 bytes; empty: not kept.</summary>
    public byte[] ServerName { get; init; } = [];

    /// <summary>Of a WebSocket whose messages are limited: their bucket, and the bytes of the message under way; null: they are not.</summary>
    public (long Bucket, ulong Bytes)? Messages { get; init; }

    public required SideRecord Client { get; init; }

    public required SideRecord Upstream { get; init; }

    /// <summary>The client's address, as limits and logs have it.</summary>
    public required NetworkAddress Address { get; init; }

    public required ushort Port { get; init; }

    /// <summary>Tick of the last byte in either direction.</summary>
    public required uint LastActive { get; init; }

    /// <summary>Tick at which the connection's timer is due; null: none is armed.</summary>
    public required uint? TimerDeadline { get; init; }

    /// <summary>TCP_NODELAY is set on the upstream.</summary>
    public required bool NoDelay { get; init; }

    /// <summary>Descriptors that go with it: the client's, the upstream's, and the two ends of each pipe.</summary>
    public override int Descriptors => 2 + (Client.PipeBytes > 0 ? 2 : 0) + (Upstream.PipeBytes > 0 ? 2 : 0);
}

/// <summary>One of the two sockets of a connection.</summary>
internal sealed record SideRecord
{
    /// <summary>What of the channel's flags outlives the process.</summary>
    public required ChannelFlags Flags { get; init; }

    /// <summary>Microseconds at accept (client) or connect (upstream).</summary>
    public required long Started { get; init; }

    /// <summary>Bytes read from here.</summary>
    public required long Received { get; init; }

    /// <summary>Bytes that wait to be written to here; empty where there are none or they are in a pipe.</summary>
    public required byte[] Pending { get; init; }

    /// <summary>Bytes in the pipe whose ends come along; 0: there is none.</summary>
    public required int PipeBytes { get; init; }
}

/// <summary>What is kept of a PROXY header.</summary>
/// <param name="Sender">Who sent it: the other end of the socket.</param>
/// <param name="SenderPort">Its port.</param>
/// <param name="Destination">Where the client came to, in the sender's eyes; null: it did not say.</param>
/// <param name="DestinationPort">Its port.</param>
/// <param name="Header">The header itself, where its TLVs are kept; else empty. At most 4 KiB.</param>
internal sealed record ProxyRecord(
    NetworkAddress Sender,
    ushort SenderPort,
    NetworkAddress? Destination,
    ushort DestinationPort,
    byte[] Header
);
