using Mooring.Gateway.Limits;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets.Framing;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.WebSockets;

/// <summary>What the relay asks about one WebSocket listener's handshakes. Made once per listener and config.</summary>
/// <remarks>
/// The seam between the relay, which owns sockets, buffers, timers and the connection's phases, and the HTTP side, which is pure: no
/// IO, no clock, no state but in the objects it hands out. Called by all loops at once, so implementations are immutable.
/// The relay's order: <see cref="ReadRequest"/> whenever more of the head has come, until it is more than <see cref="HeadVerdict.More"/>
/// → an endpoint is chosen and connected → the rewritten head and what followed it are sent → <see cref="ReadResponse"/> likewise →
/// frames both ways, each direction followed by a <see cref="FrameTracker"/>.
/// </remarks>
internal interface IUpgradeHandler
{
    /// <summary>Longest request or response head, in bytes; a longer one is refused by the handler or, at this size, by the relay.</summary>
    const int MaxHeadBytes = 16 * 1024;

    /// <summary>Size of what rewritten heads are written to: the longest head and room for what is added.</summary>
    const int RewriteBytes = MaxHeadBytes + 2048;

    /// <summary>Looks at what has come of the request so far, from its first byte.</summary>
    /// <param name="received">At most <see cref="MaxHeadBytes"/>.</param>
    /// <param name="client">Who asks.</param>
    /// <param name="rewritten">Where the head for the backend is written; of <see cref="RewriteBytes"/>.</param>
    UpgradeRequest ReadRequest(ReadOnlySpan<byte> received, in UpgradeClient client, Span<byte> rewritten);

    /// <summary>Looks at what has come of the backend's answer so far, from its first byte.</summary>
    /// <param name="request">What <see cref="ReadRequest"/> returned for this connection.</param>
    /// <param name="affinityKey"><see cref="Backends.EndpointState.AffinityKey"/> of the endpoint that answers.</param>
    /// <param name="received">At most <see cref="MaxHeadBytes"/>.</param>
    /// <param name="rewritten">Where the head for the client is written; of <see cref="RewriteBytes"/>.</param>
    UpgradeResponse ReadResponse(
        in UpgradeRequest request,
        ReadOnlySpan<char> affinityKey,
        ReadOnlySpan<byte> received,
        Span<byte> rewritten
    );

    /// <summary>A complete HTTP answer, with <c>Connection: close</c>, for what goes wrong in the relay.</summary>
    ReadOnlyMemory<byte> Answer(UpgradeFailure failure);
}

/// <param name="Address">The client's.</param>
/// <param name="ListenerPort">Port that clients use.</param>
/// <param name="ConnectionId">Names the connection in logs; unique in the process.</param>
/// <param name="Secure">It came by TLS.</param>
internal readonly record struct UpgradeClient(NetworkAddress Address, int ListenerPort, long ConnectionId, bool Secure = false);

internal enum HeadVerdict : byte
{
    /// <summary>The head is not whole yet.</summary>
    More,

    /// <summary>It is whole and good: go on.</summary>
    Accept,

    /// <summary>Of a response: not an upgrade, but a final answer that the client gets.</summary>
    Decline,

    /// <summary>Not acceptable: <c>Answer</c> goes to the client, and the connection ends.</summary>
    Refuse,
}

internal readonly record struct UpgradeRequest
{
    public HeadVerdict Verdict { get; init; }

    /// <summary>On Accept: bytes of what was received that the head took. What follows is passed on as it is.</summary>
    public int HeadLength { get; init; }

    /// <summary>On Accept: bytes of the rewritten head.</summary>
    public int RewrittenLength { get; init; }

    /// <summary>On Accept: name of the backend.</summary>
    public string? Backend { get; init; }

    /// <summary>On Accept: the endpoint this client had before, as its affinity key; null: any.</summary>
    public string? AffinityKey { get; init; }

    /// <summary>On Accept: what to choose the endpoint by, by consistent hash; 0: as the listener balances.</summary>
    public ulong HashKey { get; init; }

    /// <summary>On Accept: what the user is counted by; 0: the request does not say who it is.</summary>
    public ulong User { get; init; }

    /// <summary>On Accept: the same for the device.</summary>
    public ulong Device { get; init; }

    /// <summary>On Accept: the client came by TLS.</summary>
    public bool Secure { get; init; }

    /// <summary>On Refuse: what to count it as.</summary>
    public RefusalReason Reason { get; init; }

    /// <summary>On Refuse: a complete HTTP answer.</summary>
    public ReadOnlyMemory<byte> Answer { get; init; }
}

internal readonly record struct UpgradeResponse
{
    public HeadVerdict Verdict { get; init; }

    /// <summary>On Accept and Decline: bytes of what was received that the head took. An interim (1xx) head other than 101 counts as taken, with nothing rewritten.</summary>
    public int HeadLength { get; init; }

    /// <summary>On Accept and Decline: bytes of the rewritten head.</summary>
    public int RewrittenLength { get; init; }

    /// <summary>On Accept: the extensions the two ends agreed on, for the trackers.</summary>
    public FrameExtensions Extensions { get; init; }

    /// <summary>On Decline: where the body ends.</summary>
    public BodyTracker Body { get; init; }

    /// <summary>On Refuse: a complete HTTP answer.</summary>
    public ReadOnlyMemory<byte> Answer { get; init; }
}

internal enum UpgradeFailure : byte
{
    /// <summary>The request head did not come whole in time: 408.</summary>
    RequestTimeout,

    /// <summary>The request head is too long: 431.</summary>
    RequestTooLarge,

    /// <summary>No endpoint takes a connection: 503.</summary>
    NoBackend,

    /// <summary>Every endpoint tried could not be connected: 502.</summary>
    ConnectFailed,

    /// <summary>The backend closed, reset or overlong its answer's head: 502.</summary>
    BadResponse,

    /// <summary>The backend's answer did not come in time: 504.</summary>
    ResponseTimeout,

    /// <summary>More requests than can be held until their turn: 503.</summary>
    Paced,

    /// <summary>The user has as many WebSockets as it may: 429.</summary>
    UserLimit,

    /// <summary>The device has as many WebSockets as it may: 429.</summary>
    DeviceLimit,
}
