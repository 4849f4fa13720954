using Mooring.Contracts.Stream;
using Mooring.Gateway.Hub;
using Mooring.Gateway.Registry;

namespace Mooring.Gateway.Telemetry;

/// <summary>All that a scrape shows, taken at one time.</summary>
internal sealed record MetricSource
{
    public required string Version { get; init; }

    public required string Fleet { get; init; }

    public required string Gateway { get; init; }

    /// <summary>Null before the first config.</summary>
    public string? ConfigHash { get; init; }

    public long ReloadsAccepted { get; init; }

    public long ReloadsRejected { get; init; }

    /// <summary>Null where the gateway has no stream.</summary>
    public bool? StreamConnected { get; init; }

    public long LogLinesDropped { get; init; }

    /// <summary>Of the process, as <see cref="FaultGuard.Total"/> counts.</summary>
    public long Faults { get; init; }

    /// <summary>Null before the first config.</summary>
    public RegistryView? Registry { get; init; }

    /// <summary>By the name that the user gave the certificate.</summary>
    public IReadOnlyDictionary<string, DateTimeOffset> CertificateExpiries { get; init; } = new Dictionary<string, DateTimeOffset>();

    /// <summary>By the name that the user gave the revocation list.</summary>
    public IReadOnlyDictionary<string, DateTimeOffset> RevocationExpiries { get; init; } = new Dictionary<string, DateTimeOffset>();

    /// <summary>Open connections taken over from another gateway.</summary>
    public long HandedIn { get; init; }

    /// <summary>Open connections handed over to another gateway.</summary>
    public long HandedOut { get; init; }

    /// <summary>Of each listener in Hub mode.</summary>
    public IReadOnlyList<HubLoad> Hubs { get; init; } = [];

    public required ReportMessage Report { get; init; }

    public required ProcessUsage Process { get; init; }
}
