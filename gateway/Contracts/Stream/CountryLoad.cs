namespace Mooring.Contracts.Stream;

/// <summary>Traffic of one country's clients (connections, WebSockets and UDP flows) on one gateway. Totals count from the process's start.</summary>
public sealed record CountryLoad
{
    /// <summary>Two upper-case letters (ISO 3166-1), or <c>unknown</c>.</summary>
    public required string Country { get; init; }

    /// <summary>Open now.</summary>
    public long Connections { get; init; }

    public long AcceptedTotal { get; init; }

    /// <summary>Bytes from clients, from the moment that an endpoint is connected.</summary>
    public long ReceivedBytesTotal { get; init; }

    /// <summary>Bytes to clients.</summary>
    public long SentBytesTotal { get; init; }
}
