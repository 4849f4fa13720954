namespace Mooring.Contracts.Configuration;

/// <summary>TLS from the gateway to a backend's endpoints. The certificate is verified unless that is switched off in so many words.</summary>
public sealed record BackendTlsConfig
{
    /// <summary>Sent as SNI, and what the certificate must be for. Null: the host of each address, or of the Service's DNS name.</summary>
    public string? ServerName { get; init; }

    /// <summary>What the user calls the CA, for messages.</summary>
    public string? CaName { get; init; }

    /// <summary>PEM file with the CAs to trust. Null: the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>What the user calls the revocation list, for messages.</summary>
    public string? CrlName { get; init; }

    /// <summary>
    /// PEM file with revocation lists (RFC 5280 §5), 100 at most, one for each CA in a chain. An endpoint whose certificate is in one, or whose CA
    /// has none that is good now, is not connected to. Null: none is asked.
    /// </summary>
    public string? CrlFile { get; init; }

    /// <summary>Takes any certificate: anybody on the way can read and change everything. Default false.</summary>
    public bool InsecureSkipVerify { get; init; }

    /// <summary>Shown to a backend that asks for one.</summary>
    public CertificateConfig? ClientCertificate { get; init; }
}
