namespace Mooring.Gateway.Limits;

/// <summary>Why a new connection was not served. Clients get what their listener's limits say; WebSocket clients an HTTP answer where their request was read.</summary>
internal enum RefusalReason
{
    /// <summary>The gateway's own limit, less its reserve.</summary>
    Capacity,

    /// <summary>This gateway's share of the whole fleet's limit.</summary>
    FleetCapacity,

    /// <summary>The listener's limit.</summary>
    ListenerCapacity,

    /// <summary>The client's address has its limit of connections.</summary>
    PerAddress,

    /// <summary>The gateway is cordoned or draining.</summary>
    Draining,

    /// <summary>The backend has no endpoint that takes a connection.</summary>
    NoBackend,

    /// <summary>Every endpoint of the backend has its limit of connections.</summary>
    BackendCapacity,

    /// <summary>The line of those who wait for a place at the backend was full.</summary>
    QueueFull,

    /// <summary>The connection waited too long for a place at the backend.</summary>
    QueueTimeout,

    /// <summary>Circuit breakers let nothing through to the backend.</summary>
    CircuitOpen,

    /// <summary>Each endpoint that was tried refused or did not answer in time.</summary>
    ConnectFailed,

    /// <summary>The request head did not come whole in time.</summary>
    HandshakeTimeout,

    /// <summary>The request was not acceptable.</summary>
    BadRequest,

    /// <summary>Descriptors or memory ran out.</summary>
    Resources,

    /// <summary>A listener that takes PROXY headers was asked by an address that is not trusted.</summary>
    UntrustedProxy,

    /// <summary>A trusted peer sent no PROXY header, a broken one, or one of a version that is not taken.</summary>
    ProxyHeader,

    /// <summary>Not TLS, or no handshake that both ends agree on.</summary>
    TlsHandshake,

    /// <summary>The TLS handshake was not over in time.</summary>
    TlsTimeout,

    /// <summary>The client's certificate is missing or not good.</summary>
    ClientCertificate,

    /// <summary>The client's certificate is revoked.</summary>
    CertificateRevoked,

    /// <summary>Whether the client's certificate is revoked cannot be told: its CA's list has expired, or there is none.</summary>
    RevocationList,

    /// <summary>Passthrough: no route takes the server name, and the listener has no backend of its own.</summary>
    ServerName,

    /// <summary>The client's network has its limit of connections.</summary>
    PerPrefix,

    /// <summary>The client's address has made too many new connections.</summary>
    AddressRate,

    /// <summary>The listener takes no more new connections at this rate.</summary>
    ListenerRate,

    /// <summary>A tunnel's client had no secret, or not the right one.</summary>
    TunnelSecret,

    /// <summary>A tunnel was not opened: a quota, the port, or the registry stood against it.</summary>
    TunnelRefused,

    /// <summary>There is no such tunnel, or it ended while its visitor waited.</summary>
    TunnelGone,

    /// <summary>A tunnel's client brought no data connection for a visitor in time.</summary>
    TunnelTimeout,

    /// <summary>A tunnel's tenant has its limit of visitors.</summary>
    TunnelQuota,

    /// <summary>The user has its limit of WebSockets.</summary>
    PerUser,

    /// <summary>The device has its limit of WebSockets.</summary>
    PerDevice,

    /// <summary>More new WebSockets came than the listener's pace can hold.</summary>
    UpgradeRate,

    /// <summary>A browser came from an origin that is not taken.</summary>
    Origin,

    /// <summary>None of the subprotocols that were offered is taken.</summary>
    Subprotocol,

    /// <summary>There was no local port, or no local address, left to connect to an endpoint from (EADDRNOTAVAIL).</summary>
    LocalPorts,
}

internal static class RefusalReasons
{
    public static readonly int Count = Enum.GetValues<RefusalReason>().Length;

    /// <summary>As reports and metrics name it.</summary>
    public static string Name(RefusalReason reason) =>
        reason switch
        {
            RefusalReason.Capacity => "capacity",
            RefusalReason.FleetCapacity => "fleet_capacity",
            RefusalReason.ListenerCapacity => "listener_capacity",
            RefusalReason.PerAddress => "per_address",
            RefusalReason.Draining => "draining",
            RefusalReason.NoBackend => "no_backend",
            RefusalReason.BackendCapacity => "backend_capacity",
            RefusalReason.QueueFull => "queue_full",
            RefusalReason.QueueTimeout => "queue_timeout",
            RefusalReason.CircuitOpen => "circuit_open",
            RefusalReason.ConnectFailed => "connect_failed",
            RefusalReason.HandshakeTimeout => "handshake_timeout",
            RefusalReason.BadRequest => "bad_request",
            RefusalReason.Resources => "resources",
            RefusalReason.UntrustedProxy => "untrusted_proxy",
            RefusalReason.ProxyHeader => "proxy_header",
            RefusalReason.TlsHandshake => "tls_handshake",
            RefusalReason.TlsTimeout => "tls_timeout",
            RefusalReason.ClientCertificate => "client_certificate",
            RefusalReason.CertificateRevoked => "certificate_revoked",
            RefusalReason.RevocationList => "revocation_list",
            RefusalReason.ServerName => "server_name",
            RefusalReason.PerPrefix => "per_prefix",
            RefusalReason.AddressRate => "address_rate",
            RefusalReason.ListenerRate => "listener_rate",
            RefusalReason.TunnelSecret => "tunnel_secret",
            RefusalReason.TunnelRefused => "tunnel_refused",
            RefusalReason.TunnelGone => "tunnel_gone",
            RefusalReason.TunnelTimeout => "tunnel_timeout",
            RefusalReason.TunnelQuota => "tunnel_quota",
            RefusalReason.PerUser => "per_user",
            RefusalReason.PerDevice => "per_device",
            RefusalReason.UpgradeRate => "upgrade_rate",
            RefusalReason.Origin => "origin",
            RefusalReason.Subprotocol => "subprotocol",
            RefusalReason.LocalPorts => "local_ports",
            _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, null),
        };
}
