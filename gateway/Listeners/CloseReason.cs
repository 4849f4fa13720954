namespace Mooring.Gateway.Listeners;

/// <summary>Why a served connection ended.</summary>
internal enum CloseReason : byte
{
    /// <summary>Both ends closed, the client first.</summary>
    ClientClosed,

    /// <summary>Both ends closed, the backend first.</summary>
    BackendClosed,

    /// <summary>The client's socket failed: a reset, mostly.</summary>
    ClientReset,

    /// <summary>The backend's socket failed: a reset, mostly.</summary>
    BackendReset,

    /// <summary>No byte in either direction for the listener's idle time.</summary>
    IdleTimeout,

    /// <summary>It lived as long as the listener lets connections live.</summary>
    MaxDuration,

    /// <summary>Its endpoint was removed or drains, and its time to end by itself is over.</summary>
    EndpointDrained,

    /// <summary>No endpoint took the connection.</summary>
    NoBackend,

    /// <summary>Endpoints were tried and none could be connected.</summary>
    ConnectFailed,

    /// <summary>The request head, or the answer's, did not come whole in time.</summary>
    HandshakeTimeout,

    /// <summary>An HTTP answer was given instead of an upgrade: the gateway's own or the backend's.</summary>
    Answered,

    /// <summary>The WebSocket framing was broken by one of the ends.</summary>
    ProtocolError,

    /// <summary>Closed by a drain or a shed.</summary>
    Drained,

    /// <summary>Closed at the drain's deadline, or because the process ends.</summary>
    DrainDeadline,

    /// <summary>A UDP flow of one datagram only made room for another: the gateway or the listener was full.</summary>
    Evicted,

    /// <summary>Descriptors or memory ran out.</summary>
    Resources,

    /// <summary>A trusted peer sent no PROXY header, or a broken one.</summary>
    ProxyHeader,

    /// <summary>Over a limit, which showed only once the client was known.</summary>
    Refused,

    /// <summary>The TLS handshake with the client failed.</summary>
    TlsFailed,

    /// <summary>The TLS handshake with the client was not over in time.</summary>
    TlsTimeout,

    /// <summary>Memory ran short, and this one held much of it for long.</summary>
    MemoryPressure,

    /// <summary>There is no such tunnel, or no more.</summary>
    TunnelGone,

    /// <summary>A tunnel's client was silent for too long.</summary>
    TunnelTimeout,

    /// <summary>The client sent too many messages, or too long a one.</summary>
    MessageLimit,

    /// <summary>The client did not answer a ping.</summary>
    PingTimeout,

    /// <summary>A bug in the gateway; standard error says which.</summary>
    Fault,

    /// <summary>The Hub has closed it, with a code of its protocol: a bad token, no pong, an order by its API.</summary>
    HubClosed,

    /// <summary>Both ends closed, the client by FIN without TLS's close_notify.</summary>
    ClientTruncated,

    /// <summary>Both ends closed, the backend by FIN without TLS's close_notify.</summary>
    BackendTruncated,

    /// <summary>Its listener was removed or replaced by a config, and it had not ended by itself at the drain's deadline; a WebSocket was told so at the drain's pace.</summary>
    ListenerRemoved,

    /// <summary>There was no local port, or no local address, left to connect to an endpoint from.</summary>
    LocalPorts,
}
