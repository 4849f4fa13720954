// Hot path: every event. See tests/benchmarks.
using System.Runtime.InteropServices;

namespace Mooring.Gateway.Transport;

/// <summary>What a descriptor is to its connection.</summary>
internal enum ChannelKind : byte
{
    /// <summary>Not in use, or closed in this turn: late events are dropped.</summary>
    None,
    Client,
    Upstream,

    /// <summary>A UDP socket: see <see cref="ChannelPhase.Flow"/> and <see cref="ChannelPhase.Shard"/>.</summary>
    Datagram,
}

/// <summary>Where a connection stands. Both of its channels carry the same phase.</summary>
internal enum ChannelPhase : byte
{
    /// <summary>A WebSocket listener's client whose request head has not come whole yet.</summary>
    Head,

    /// <summary>The connect to an endpoint is under way.</summary>
    Connecting,

    /// <summary>Bytes go both ways unseen: TCP.</summary>
    Relaying,

    /// <summary>The request head went to the endpoint; its answer's head has not come whole yet.</summary>
    Answer,

    /// <summary>The endpoint refused the upgrade; its answer's body goes to the client.</summary>
    AnswerBody,

    /// <summary>Both ends speak WebSocket; frames are followed, not read.</summary>
    WebSocket,

    /// <summary>Only on a client: its TLS handshake is under way, or its ClientHello is looked at.</summary>
    Securing,

    /// <summary>An answer of our own was sent; what the client still sends is dropped, so that no RST overtakes the answer.</summary>
    Lingering,

    /// <summary>A client behind a proxy whose PROXY header has not come whole yet; comes before every other phase.</summary>
    ProxyHeader,

    /// <summary>A UDP flow's socket to its endpoint; its peer is the flow's handle.</summary>
    Flow,

    /// <summary>A UDP socket that clients' datagrams come in by; its peer is the shard's number.</summary>
    Shard,

    /// <summary>Was refused with an answer, and is let go of once it has read that.</summary>
    Refused,

    /// <summary>A client of a Hub listener, from its first byte on; it has no upstream.</summary>
    Hub,

    /// <summary>A client of <c>gateway bench echo --reactor</c>, from its first byte on; it has no upstream.</summary>
    Echo,

    /// <summary>A client of a Tunnel listener that has not said yet what it is. This and all below are the <see cref="Tunnels.TunnelDesk"/>'s.</summary>
    TunnelGreeting,

    /// <summary>A tunnel's control connection.</summary>
    TunnelControl,

    /// <summary>A tunnel's data connection that no visitor has yet.</summary>
    TunnelReady,

    /// <summary>A tunnel's visitor that waits for a data connection.</summary>
    TunnelVisitor,

    /// <summary>A visitor who has not said yet which tunnel it wants.</summary>
    TunnelName,

    /// <summary>A visitor, or a data connection, that waits for the way to the gateway which has its tunnel.</summary>
    TunnelForward,
}

[Flags]
internal enum ChannelFlags : ushort
{
    None = 0,

    /// <summary>The peer's end of stream was read: nothing more comes from here.</summary>
    ReadEnded = 1,

    /// <summary>Input waits unread because the other side is full. The edge is spent: only a flush over there goes on.</summary>
    ReadPaused = 2,

    /// <summary>Shut the writing side down as soon as what is pending has gone.</summary>
    ShutdownAfterFlush = 4,

    /// <summary>Large reads come from here: go through a pipe.</summary>
    Bulk = 8,

    /// <summary><see cref="Channel.Pending"/> is a pipe, not a buffer.</summary>
    PendingPipe = 16,

    /// <summary>Waits in the loop's list for more work in the next turn.</summary>
    Queued = 32,

    /// <summary>The writing side was shut down: nothing more goes to here.</summary>
    WriteEnded = 64,

    /// <summary>Only on the client: its timer is armed.</summary>
    TimerArmed = 128,

    /// <summary>Input is not watched for, as it would wake the loop for nothing: see <see cref="ReadPaused"/>.</summary>
    Muted = 256,

    /// <summary>Bulk was written to here before, and how the kernel paces it was looked at.</summary>
    PaceChosen = 512,

    /// <summary>Only on the client: it has a side (PROXY header, bandwidth, country).</summary>
    Side = 0x4000,

    /// <summary>Only on a client: watched from before its upstream stood, so that its edge may be spent.</summary>
    Watched = 0x2000,

    /// <summary>Speaks TLS: <see cref="Tls.TlsState"/> is its state, and <see cref="Listeners.TlsIo"/> its calls.</summary>
    Tls = 0x8000,

    /// <summary>What is read from here is limited in bandwidth.</summary>
    Shaped = 0x1000,

    /// <summary>Only on a client: another gateway's connection, which has a place of the gateway and none of a listener.</summary>
    Peer = 0x0800,
}

/// <summary>The state of one descriptor: one cache line, in native memory, without any reference.</summary>
/// <remarks>A proxied TCP connection is two of these and nothing else. Owned by the loop that registered the descriptor.</remarks>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct Channel
{
    /// <summary>The other side's descriptor, or -1.</summary>
    [FieldOffset(0)]
    public int Peer;

    [FieldOffset(4)]
    private byte _kindAndPhase;

    /// <summary>Only on a client: number of the loop that owns it, from 1 on.</summary>
    [FieldOffset(5)]
    public byte Loop;

    [FieldOffset(6)]
    public ChannelFlags Flags;

    /// <summary>
    /// Microseconds of the engine's clock at accept (client) or connect (upstream). With the descriptor it names one connection for
    /// good: a descriptor is used again in a later turn at the earliest, and no two turns have the same time.
    /// </summary>
    [FieldOffset(8)]
    public long Started;

    /// <summary>Bytes read from here.</summary>
    [FieldOffset(16)]
    public long Received;

    /// <summary>Handle of what waits to be written to here; 0: nothing.</summary>
    [FieldOffset(24)]
    public int Pending;

    // Client only.
    [FieldOffset(28)]
    public int TimerNext;

    [FieldOffset(32)]
    public int TimerPrevious;

    [FieldOffset(36)]
    public uint TimerDeadline;

    [FieldOffset(40)]
    public NetworkAddress Address;

    /// <summary>Tick of the last byte in either direction.</summary>
    [FieldOffset(56)]
    public uint LastActive;

    [FieldOffset(60)]
    public ushort Port;

    /// <summary>Index of the listener.</summary>
    [FieldOffset(62)]
    public ushort Listener;

    // Upstream only.

    /// <summary>Index of the endpoint.</summary>
    [FieldOffset(28)]
    public int Endpoint;

    /// <summary>Handle of the frame trackers of a WebSocket connection; 0: none.</summary>
    [FieldOffset(32)]
    public int Frames;

    /// <summary>Index of the backend that the endpoint is of.</summary>
    [FieldOffset(36)]
    public ushort Backend;

    /// <summary>Endpoints that failed for this connection already; -1: none.</summary>
    [FieldOffset(48)]
    public int FirstTried;

    [FieldOffset(52)]
    public int SecondTried;

    [FieldOffset(40)]
    public int ThirdTried;

    [FieldOffset(44)]
    public int FourthTried;

    [FieldOffset(56)]
    public int Attempts;

    /// <summary>TCP_NODELAY is set.</summary>
    [FieldOffset(60)]
    public bool NoDelay;

    public ChannelKind Kind
    {
        readonly get => (ChannelKind)(_kindAndPhase & 3);
        set => _kindAndPhase = (byte)((_kindAndPhase & ~3) | (byte)value);
    }

    public ChannelPhase Phase
    {
        readonly get => (ChannelPhase)(_kindAndPhase >> 2);
        set => _kindAndPhase = (byte)((_kindAndPhase & 3) | ((byte)value << 2));
    }

    public readonly bool Has(ChannelFlags flag) => (Flags & flag) != ChannelFlags.None;
}
