namespace Mooring.Contracts.Stream;

/// <summary>What happened to the connections of one listener, or to one backend. Totals count from the process's start.</summary>
public sealed record TrafficLoad
{
    /// <summary>Ended connections by reason, as in the access log (<c>client_closed</c>, <c>backend_reset</c>, <c>connect_failed</c>, …).</summary>
    public IReadOnlyDictionary<string, long> ClosedTotal { get; set; } = new Dictionary<string, long>();

    /// <summary>From the start of a connect to an endpoint to its success.</summary>
    public DurationLoad Connect { get; set; } = new();

    /// <summary>From the start of the connect to the first byte that the endpoint sent.</summary>
    public DurationLoad FirstByte { get; set; } = new();

    /// <summary>From a connection's accept to its end.</summary>
    public DurationLoad Session { get; set; } = new();

    /// <summary>Connections per second, over the last 10 to 20 s.</summary>
    public double ConnectionsPerSecond { get; init; }

    /// <summary>Bits per second from clients (listener) or from the backend, over the last 10 to 20 s.</summary>
    public double ReceivedBitsPerSecond { get; init; }

    /// <summary>Bits per second to clients (listener) or to the backend, over the last 10 to 20 s.</summary>
    public double SentBitsPerSecond { get; init; }
}
