using Mooring.Gateway.Registry.Leases;

namespace Mooring.Gateway.Registry;

/// <summary>The registry as this gateway sees it, at one moment. Immutable.</summary>
internal sealed record RegistryView
{
    /// <summary>It is in Redis; else in this process's memory.</summary>
    public required bool IsShared { get; init; }

    /// <summary>Why the gateway works on its own at present; null: it does not.</summary>
    public required string? Problem { get; init; }

    public required BreakerState Breaker { get; init; }

    /// <summary>Times the breaker has opened.</summary>
    public required long BreakerOpened { get; init; }

    public required RegistryCounters Counters { get; init; }

    /// <summary>This gateway in the registry; generation 0: it is not registered.</summary>
    public required GatewayId Gateway { get; init; }

    /// <summary>Every gateway, by the last answer; once that is older than the registry's TTL, this one alone.</summary>
    public required IReadOnlyList<GatewayRecord> Gateways { get; init; }

    /// <summary>How old <see cref="Gateways"/> is; null: there was no answer yet.</summary>
    public required TimeSpan? Age { get; init; }

    /// <summary>Null without a fleet-wide limit.</summary>
    public required LeaseView? Lease { get; init; }

    /// <summary>Share of each gateway's capacity that is kept free, percent.</summary>
    public required int ReservedPercent { get; init; }

    /// <summary>Bits per second that the whole fleet is there for; 0: no limit.</summary>
    public long TotalBandwidth { get; init; }
}
