using Mooring.Gateway.Datagrams;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Handover;

/// <summary>All that one process has to tell another about a UDP flow, besides its descriptors. See <see cref="ConnectionRecord"/>.</summary>
/// <remarks>Session timeout and answers awaited are the listener's: the taker's config says them, and its own counts what is left.</remarks>
internal sealed record FlowRecord : MovedRecord
{
    public required NetworkAddress Client { get; init; }

    public required ushort Port { get; init; }

    /// <summary>Interface of a link-local client; 0: none.</summary>
    public required uint Scope { get; init; }

    /// <summary>The address that the client sends to; all zero where the listener has only one.</summary>
    public required NetworkAddress Local { get; init; }

    /// <summary>Tick of the last datagram in either direction.</summary>
    public required uint LastActive { get; init; }

    /// <summary>Microseconds at the first datagram.</summary>
    public required long Started { get; init; }

    /// <summary>Bytes from the client, and to it.</summary>
    public required long Received { get; init; }

    public required long Sent { get; init; }

    /// <summary>Datagrams from the client, and from the endpoint.</summary>
    public required long Requests { get; init; }

    public required long Answers { get; init; }

    /// <summary><see cref="FlowState.Confirmed"/> and <see cref="FlowState.Answered"/>.</summary>
    public required FlowState State { get; init; }

    /// <summary>The socket to the endpoint, and the one that is connected to the client.</summary>
    public override int Descriptors => 2;
}
