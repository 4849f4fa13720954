namespace Mooring.Contracts.Stream;

/// <summary>TLS handshakes of a listener (as server) or a backend (as client) since the process's start.</summary>
public sealed record TlsLoad
{
    public long FullHandshakesTotal { get; init; }

    /// <summary>With a session ticket: no certificate, and no signature.</summary>
    public long ResumedHandshakesTotal { get; init; }

    /// <summary>Of a listener, by reason, see <see cref="ListenerLoad.RefusedTotal"/>.</summary>
    public long FailedHandshakesTotal { get; init; }

    /// <summary>Clients that named a server that no certificate has, and so got the first.</summary>
    public long UnknownServerNamesTotal { get; init; }

    /// <summary>Of a listener: clients whose handshake is under way, each with what OpenSSL holds for it, some 48 KiB.</summary>
    public int OpenHandshakes { get; init; }

    /// <summary>Of a listener: clients whose ClientHello has not come whole, or waits in the kernel for its turn. They hold next to nothing.</summary>
    public int WaitingHandshakes { get; init; }

    public IReadOnlyList<TlsCipherLoad> HandshakesByCipher { get; set; } = [];
}

/// <summary>Handshakes that ended in one version and cipher.</summary>
public sealed record TlsCipherLoad
{
    /// <summary><c>TLSv1.2</c> or <c>TLSv1.3</c>.</summary>
    public required string Version { get; init; }

    /// <summary>OpenSSL's name.</summary>
    public required string Cipher { get; init; }

    public required long HandshakesTotal { get; init; }
}
