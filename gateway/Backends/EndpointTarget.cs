using Mooring.Gateway.Configuration;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Backends;

/// <summary>What an endpoint is at present.</summary>
internal sealed record EndpointTarget
{
    public required KernelAddress Address { get; init; }

    /// <summary>Address and port as text, for logs.</summary>
    public required string Text { get; init; }

    public required int Weight { get; init; }

    public required bool Draining { get; init; }

    /// <summary>See <see cref="BackendSnapshot.IsLeaving"/>.</summary>
    public bool BackendIsLeaving { get; init; }

    /// <summary>It gets no new connections.</summary>
    public bool IsClosed => Draining || BackendIsLeaving;

    /// <summary>See <see cref="ResolvedEndpoint.Named"/>.</summary>
    public bool Named { get; init; }

    /// <summary>Used only while no other endpoint can be.</summary>
    public bool Backup { get; init; }

    /// <summary>0: no limit.</summary>
    public required int MaxConnections { get; init; }

    public required int MaxFails { get; init; }

    public required long FailTimeoutMicroseconds { get; init; }

    public BackendFeatures Features { get; init; } = BackendFeatures.None;

    /// <summary>What connections begin with; null: nothing.</summary>
    public ProxyOutSnapshot? ProxyOut { get; init; }

    /// <summary>The backend's.</summary>
    public BackendTls Tls { get; init; } = new();

    /// <summary>Who the endpoint's certificate must be for where the backend's TLS does not say: host name or IP address.</summary>
    public string TlsHost { get; init; } = "";
}
