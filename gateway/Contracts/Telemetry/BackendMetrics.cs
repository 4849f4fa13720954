using Mooring.Contracts.Stream;

namespace Mooring.Contracts.Telemetry;

/// <summary>A metric of backends, which a gateway shows of itself and a supervisor of its gateways, from the same report.</summary>
/// <param name="Name">With its unit, as Prometheus's naming asks; a counter's ends with <c>_total</c>.</param>
/// <param name="IsCounter">Only rises; else a gauge.</param>
/// <param name="Help">One sentence.</param>
/// <param name="Labels">Names of its labels; the first is <c>backend</c>.</param>
/// <param name="Read">Its values for one backend, each with the values of the labels behind the first.</param>
public sealed record BackendMetric(
    string Name,
    bool IsCounter,
    string Help,
    IReadOnlyList<string> Labels,
    Func<BackendLoad, IEnumerable<(double Value, string[] Labels)>> Read
);

/// <summary>Metrics of health checks, circuit breakers, retries and queues.</summary>
public static class BackendMetrics
{
    private static readonly string[] Backend = ["backend"];
    private static readonly string[] Endpoint = ["backend", "endpoint"];

    public static IReadOnlyList<BackendMetric> All { get; } =
    [
        new(
            "mooring_gateway_endpoint_checks_total",
            true,
            "Active checks of an endpoint.",
            ["backend", "endpoint", "result"],
            backend =>
                from endpoint in backend.Endpoints
                where endpoint.Check is not null
                from sample in new[] { (endpoint.Check!.PassedTotal, "passed"), (endpoint.Check!.FailedTotal, "failed") }
                select ((double)sample.Item1, new[] { endpoint.Id, sample.Item2 })
        ),
        new(
            "mooring_gateway_endpoint_up",
            false,
            "1 while active checks let the endpoint take connections.",
            Endpoint,
            backend =>
                from endpoint in backend.Endpoints
                where endpoint.Check is not null
                select (endpoint.Check!.Up ? 1.0 : 0, new[] { endpoint.Id })
        ),
        new(
            "mooring_gateway_breaker_state",
            false,
            "1 for the state the circuit breaker is in, 0 for the others; endpoint is empty where the backend has one for all.",
            ["backend", "endpoint", "state"],
            backend =>
                from breaker in Breakers(backend)
                from state in Enum.GetValues<BreakerStateName>()
                select (breaker.Load.State == state ? 1.0 : 0, new[] { breaker.Endpoint, state.ToString() })
        ),
        new(
            "mooring_gateway_breaker_failures_total",
            true,
            "Failures that the circuit breaker saw.",
            Endpoint,
            backend => Breakers(backend).Select(one => ((double)one.Load.FailuresTotal, new[] { one.Endpoint }))
        ),
        new(
            "mooring_gateway_breaker_opened_total",
            true,
            "Times the circuit breaker opened.",
            Endpoint,
            backend => Breakers(backend).Select(one => ((double)one.Load.OpenedTotal, new[] { one.Endpoint }))
        ),
        new(
            "mooring_gateway_breaker_rejected_total",
            true,
            "Connections that found the circuit breaker open and nowhere else to go.",
            Endpoint,
            backend => Breakers(backend).Select(one => ((double)one.Load.RejectedTotal, new[] { one.Endpoint }))
        ),
        new(
            "mooring_gateway_backend_retries_total",
            true,
            "Connects tried at another endpoint after one had failed, and those that the retry budget did not allow.",
            ["backend", "result"],
            backend => [(backend.RetriesTotal, ["made"]), (backend.RetriesDeniedTotal, ["denied"])]
        ),
        new(
            "mooring_gateway_backend_queue_length",
            false,
            "Connections that wait for a place at the backend.",
            Backend,
            backend => backend.Queue is { } queue ? [(queue.Length, [])] : []
        ),
        new(
            "mooring_gateway_backend_queue_total",
            true,
            "Connections that had to wait, by how it ended: served, timed_out, left (the client did), overflowed (never let in).",
            ["backend", "result"],
            backend =>
                backend.Queue is { } queue
                    ?
                    [
                        (queue.ServedTotal, ["served"]),
                        (queue.TimedOutTotal, ["timed_out"]),
                        (queue.LeftTotal, ["left"]),
                        (queue.OverflowedTotal, ["overflowed"]),
                    ]
                    : []
        ),
    ];

    private static IEnumerable<(string Endpoint, BreakerLoad Load)> Breakers(BackendLoad backend) =>
        backend
            .Endpoints.Where(endpoint => endpoint.Breaker is not null)
            .Select(endpoint => (endpoint.Id, endpoint.Breaker!))
            .Concat(backend.Breaker is { } shared ? [("", shared)] : []);
}
