using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Backends;

/// <summary>How one backend's endpoints are spoken to by TLS: what a reload of certificates changes, and what is counted. Thread-safe.</summary>
internal sealed class BackendTls
{
    private TlsClient? _client;

    /// <summary>Null: no TLS.</summary>
    public TlsClient? Client
    {
        get => Volatile.Read(ref _client);
        set => Volatile.Write(ref _client, value);
    }

    public TlsTotals Totals { get; } = new();
}
