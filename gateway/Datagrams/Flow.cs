using System.Runtime.InteropServices;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

/// <summary>One client and its endpoint: 184 bytes of native memory, besides the channel of its upstream socket. Owned by one loop.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Flow
{
    /// <summary>Client's address and port, listener and local address: what a datagram is told by.</summary>
    public FlowKey Key;

    /// <summary>Where answers go, ready for the kernel.</summary>
    public KernelAddress Client;

    public uint Hash;

    /// <summary>Next in the table's bucket; 0: none.</summary>
    public int Next;

    /// <summary>Older and newer among those whose client has sent one datagram only; 0: none.</summary>
    public int Older;
    public int Newer;

    /// <summary>The connected socket to the endpoint.</summary>
    public int Upstream;

    /// <summary>Number of the <see cref="Shard"/> that answers go out by.</summary>
    public int Shard;

    public int Endpoint;

    /// <summary>Endpoints that were unreachable for this flow already; -1: none.</summary>
    public int FirstTried;
    public int SecondTried;

    /// <summary>Receive batch that the chain below is of.</summary>
    public uint Batch;

    /// <summary>First and last message of this flow in the batch at hand.</summary>
    public short First;
    public short Last;

    /// <summary>Index of the backend, for the counters.</summary>
    public ushort Backend;

    /// <summary>Number of its country, plus one; 0: not counted.</summary>
    public ushort Country;

    public uint LastActive;

    public FlowState State;

    /// <summary><see cref="DatagramLoop.Epoch"/> in which its endpoint was last looked at.</summary>
    public uint Reviewed;

    /// <summary>Endpoints that were unreachable since the last answer.</summary>
    public int Failures;

    /// <summary>Microseconds of the engine's clock.</summary>
    public long Started;

    /// <summary>Bytes from the client, and to it.</summary>
    public long Received;
    public long Sent;

    /// <summary>Datagrams from the client, and from the endpoint.</summary>
    public long Requests;
    public long Answers;

    public readonly ushort Listener => Key.Listener;
}

[Flags]
internal enum FlowState
{
    None = 0,

    /// <summary>The client has sent more than one datagram.</summary>
    Confirmed = 1,

    /// <summary>The endpoint at hand has answered.</summary>
    Answered = 2,

    /// <summary>It has had its answers, and is closed at the end of the turn.</summary>
    Ended = 4,
}

/// <summary>What tells flows apart.</summary>
/// <param name="Client">The client's address.</param>
/// <param name="Local">The address that it sent to; all zero where the socket has only one.</param>
/// <param name="Rest">Port, listener and, of a link-local client, the interface.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct FlowKey(NetworkAddress Client, NetworkAddress Local, ulong Rest)
{
    public static ulong Pack(ushort port, ushort listener, uint scope) => port | ((ulong)listener << 16) | ((ulong)scope << 32);

    public ushort Port => (ushort)Rest;

    public ushort Listener => (ushort)(Rest >> 16);
}
