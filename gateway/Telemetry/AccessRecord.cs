using Mooring.Gateway.Backends;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Telemetry;

/// <summary>One connection that has ended.</summary>
internal readonly record struct AccessRecord
{
    public ListenerState Listener { get; init; }

    /// <summary>Null where the connection ended before it had one.</summary>
    public EndpointState? Endpoint { get; init; }

    public NetworkAddress ClientAddress { get; init; }

    public int ClientPort { get; init; }

    /// <summary>Microseconds of the monotonic clock at accept; with <see cref="ClientPort"/> what names the connection.</summary>
    public long Started { get; init; }

    public long DurationMicroseconds { get; init; }

    /// <summary>Bytes from the client.</summary>
    public long Received { get; init; }

    /// <summary>Bytes from the backend.</summary>
    public long Sent { get; init; }

    public CloseReason Reason { get; init; }

    /// <summary>What the client's PROXY header said; null: it had none.</summary>
    public ProxyLog? Proxy { get; init; }

    /// <summary>What its own TLS says of it; null: it has none, or none was seen.</summary>
    public TlsLog? Tls { get; init; }
}
