using System.Text.Json.Serialization;

namespace Mooring.Contracts.Configuration;

/// <summary>What a listener does with TLS.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TlsMode>))]
public enum TlsMode
{
    /// <summary>The gateway is the TLS server; the backend gets what is inside.</summary>
    Terminate,

    /// <summary>The gateway reads the server name off the ClientHello and passes everything on as it is. TCP only.</summary>
    Passthrough,
}

/// <summary>The least version of TLS that is spoken.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TlsVersion>))]
public enum TlsVersion
{
    Tls12,
    Tls13,
}

/// <summary>TLS on a listener.</summary>
public sealed record TlsListenerConfig
{
    public TlsMode Mode { get; set; } = TlsMode.Terminate;

    /// <summary>
    /// Of <see cref="TlsMode.Terminate"/>: 1 to 100. Each is for the DNS names in it, one with <c>*.</c> for one label; a client that
    /// names none of them gets the first.
    /// </summary>
    public IReadOnlyList<CertificateConfig> Certificates { get; set; } = [];

    public TlsVersion MinVersion { get; set; } = TlsVersion.Tls12;

    /// <summary>
    /// ALPN protocols in order of preference, at most 8 of 1 to 32 characters; a client that offers others only is refused (RFC 7301
    /// §3.2). Empty: ALPN is passed over on TCP, and is <c>http/1.1</c> on WebSocket, where nothing else may stand.
    /// </summary>
    public IReadOnlyList<string> Alpn { get; set; } = [];

    /// <summary>Null: clients are not asked for a certificate.</summary>
    public ClientCertificateConfig? ClientCertificates { get; init; }

    /// <summary>The handshake, or the ClientHello of <see cref="TlsMode.Passthrough"/>, must be over within this. Default 10 s.</summary>
    public TimeSpan HandshakeTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Of <see cref="TlsMode.Passthrough"/>: the backend by server name, exact names first. At most 64. A connection that none takes goes to
    /// the listener's backend, or is refused where there is none.
    /// </summary>
    public IReadOnlyList<ServerNameRouteConfig> Routes { get; set; } = [];
}

/// <summary>A certificate with its key, in PEM files that are read again when they change.</summary>
public sealed record CertificateConfig
{
    /// <summary>What the user calls it, for messages: the Secret's name.</summary>
    public required string Name { get; init; }

    /// <summary>The certificate and then its chain.</summary>
    public required string CertificateFile { get; init; }

    /// <summary>The private key, not encrypted.</summary>
    public required string KeyFile { get; init; }
}

/// <summary>Client certificates (mutual TLS).</summary>
public sealed record ClientCertificateConfig
{
    /// <summary>What the user calls it, for messages.</summary>
    public required string Name { get; init; }

    /// <summary>PEM file with the CAs that may have issued them.</summary>
    public required string CaFile { get; init; }

    /// <summary>What the user calls the revocation list, for messages.</summary>
    public string? CrlName { get; init; }

    /// <summary>
    /// PEM file with revocation lists (RFC 5280 §5), 100 at most, one for each CA in a chain. A certificate that is in one, or whose CA has
    /// none that is good now, is refused. Null: none is asked.
    /// </summary>
    public string? CrlFile { get; init; }

    /// <summary>False: a client without one is served too, but never one with a bad one. Default true.</summary>
    public bool Required { get; set; } = true;

    /// <summary>Intermediate CAs at most between a certificate and the CA. 0 to 10; default 4.</summary>
    public int Depth { get; set; } = 4;
}

public sealed record ServerNameRouteConfig
{
    /// <summary>Host names, case-insensitive; <c>*.example.com</c> matches one label or more. 1 to 16.</summary>
    public IReadOnlyList<string> ServerNames { get; set; } = [];

    public required string Backend { get; init; }
}
