using Mooring.Gateway.Registry;
using static Mooring.Gateway.Telemetry.MetricKind;

namespace Mooring.Gateway.Telemetry;

/// <summary>The registry's part of <see cref="GatewayMetrics"/>.</summary>
internal static class RegistryMetrics
{
    private static readonly string[] None = [];
    private static readonly string[] Result = ["result"];

    public static IReadOnlyList<MetricDefinition> All { get; } =
    [
        new(
            "mooring_gateway_registry_up",
            Gauge,
            "1 while the gateway is registered in Redis; absent without Redis.",
            None,
            s => Shared(s, r => new(r.Problem is null ? 1 : 0))
        ),
        new(
            "mooring_gateway_registry_breaker_state",
            Gauge,
            "1 for the state of the breaker before Redis, 0 for the others.",
            ["state"],
            s =>
                s.Registry is { IsShared: true } r
                    ? Enum.GetValues<BreakerState>().Select(state => new MetricSample(state == r.Breaker ? 1 : 0, state.ToString()))
                    : []
        ),
        new(
            "mooring_gateway_registry_breaker_opened_total",
            Counter,
            "Times the breaker has opened.",
            None,
            s => Shared(s, r => new(r.BreakerOpened))
        ),
        new(
            "mooring_gateway_registry_calls_total",
            Counter,
            "Calls to Redis; refused ones were not made, the breaker being open.",
            Result,
            s =>
                s.Registry is { IsShared: true, Counters: var c }
                    ? [new(c.Answered, "answered"), new(c.Failed, "failed"), new(c.Refused, "refused")]
                    : []
        ),
        new(
            "mooring_gateway_registry_call_seconds_total",
            Counter,
            "Time of the answered calls together.",
            None,
            s => Shared(s, r => new(r.Counters.AnsweredSeconds))
        ),
        new(
            "mooring_gateway_registry_call_slowest_seconds",
            Gauge,
            "The slowest answered call since the last scrape.",
            None,
            s => Shared(s, r => new(r.Counters.TakeSlowest()))
        ),
        new(
            "mooring_gateway_registry_connects_total",
            Counter,
            "Connections made to Redis.",
            None,
            s => Shared(s, r => new(r.Counters.Connects))
        ),
        new(
            "mooring_gateway_registry_registrations_total",
            Counter,
            "Times this gateway was registered after not having been: more than once means that it was away.",
            None,
            s => Shared(s, r => new(r.Counters.Registrations))
        ),
        new(
            "mooring_gateway_registry_gateways",
            Gauge,
            "Gateways of the fleet that this one knows of.",
            None,
            s => Shared(s, r => new(r.Gateways.Count))
        ),
        new(
            "mooring_gateway_fleet_limit_connections",
            Gauge,
            "Connections that the whole fleet takes; absent without such a limit.",
            None,
            s => s.Registry?.Lease is { } lease ? [new(lease.Total)] : []
        ),
        new(
            "mooring_gateway_fleet_share_connections",
            Gauge,
            "Connections of those that this gateway may have; mode says whether they are leased from Redis or an even share.",
            ["mode"],
            s => s.Registry?.Lease is { } lease ? [Share(lease.Granted, lease.Afterwards, lease.IsShared, lease.ValidUntil)] : []
        ),
    ];

    private static MetricSample Share(int granted, int afterwards, bool shared, long validUntil)
    {
        var leased = shared && Transport.EventLoop.Clock() < validUntil;
        return new MetricSample(leased || !shared || validUntil == 0 ? granted : afterwards, leased ? "leased" : "even");
    }

    private static IEnumerable<MetricSample> Shared(MetricSource source, Func<RegistryView, MetricSample> sample) =>
        source.Registry is { IsShared: true } registry ? [sample(registry)] : [];
}
