using Mooring.Contracts.Stream;
using Mooring.Gateway.Hub;
using static Mooring.Gateway.Telemetry.MetricKind;

namespace Mooring.Gateway.Telemetry;

/// <summary>Metrics of WebSocket listeners in Hub mode.</summary>
internal static class HubMetrics
{
    private static readonly string[] Listener = ["listener"];
    private static readonly string[] ByReason = ["listener", "reason"];
    private static readonly string[] ByStage = ["listener", "direction", "stage"];
    private static readonly string[] ByResult = ["listener", "result"];

    public static IReadOnlyList<MetricDefinition> All { get; } =
    [
        One("clients", Gauge, "Clients connected to a Hub.", hub => hub.Clients),
        One("subscriptions", Gauge, "Subscriptions of a Hub's clients.", hub => hub.Subscriptions),
        One("channels", Gauge, "Channels with subscribers at this gateway.", hub => hub.Channels),
        One("backlog_messages", Gauge, "Messages of the broker that wait for the event loops.", hub => hub.Backlog),
        One("waiting_clients", Gauge, "Clients that have not taken yet what was sent to them.", hub => hub.Waiting),
        One(
            "queued_frames",
            Gauge,
            "Frames that wait for those clients, as they did when this was looked at before.",
            hub => hub.Queued.Frames
        ),
        One("queued_bytes", Gauge, "Their bytes.", hub => hub.Queued.Bytes),
        One("oldest_queued_seconds", Gauge, "Age of the oldest of them.", hub => hub.Queued.Oldest / 1000.0),
        One("commands_total", Counter, "Commands of clients.", hub => hub.Commands),
        One("errors_total", Counter, "Error replies to clients.", hub => hub.Errors),
        One(
            "publications_received_total",
            Counter,
            "Publications that came from the broker, once for each event loop.",
            hub => hub.Received
        ),
        One("deliveries_total", Counter, "Publications queued for clients.", hub => hub.Delivered),
        new(
            "mooring_gateway_hub_drops_total",
            Counter,
            "Publications not delivered: the oldest or the newest of a full queue, or the event loops were behind.",
            ByReason,
            s => s.Hubs.SelectMany(hub => hub.Drops.Select(drop => new MetricSample(drop.Value, hub.Listener, drop.Key)))
        ),
        One("slow_disconnects_total", Counter, "Clients disconnected because they did not read.", hub => hub.Slow),
        new(
            "mooring_gateway_hub_recoveries_total",
            Counter,
            "Subscriptions of clients that came again: those that got all they had missed, and those that could not.",
            ByResult,
            s => s.Hubs.SelectMany(hub => Two(hub, "recovered", hub.Recovered, "unrecovered", hub.Unrecovered))
        ),
        One("gaps_total", Counter, "Subscriptions that had missed something and were told so.", hub => hub.Insufficient),
        One(
            "reconnects_total",
            Counter,
            "Connections of clients that said where they were before, at their connect or with their first channel.",
            hub => hub.Reconnects
        ),
        One("held_connects_total", Counter, "Connects that waited for their turn.", hub => hub.Held),
        new(
            "mooring_gateway_hub_compression_bytes_total",
            Counter,
            "Bytes of messages that went compressed, by direction (sent, received), before compression and after it.",
            ByStage,
            s =>
                s.Hubs.SelectMany(hub =>
                    new MetricSample[]
                    {
                        new(hub.Compression.SentBefore, hub.Listener, "sent", "before"),
                        new(hub.Compression.SentAfter, hub.Listener, "sent", "after"),
                        new(hub.Compression.ReceivedBefore, hub.Listener, "received", "before"),
                        new(hub.Compression.ReceivedAfter, hub.Listener, "received", "after"),
                    }
                )
        ),
        new(
            "mooring_gateway_hub_response_seconds",
            Histogram,
            "From a client's command to its reply.",
            Listener,
            s => s.Hubs.SelectMany(hub => DurationSamples.Of(hub.Responses, DurationLoad.LatencyBounds, hub.Listener))
        ),
        Redis("up", Gauge, "1 while the Hub's Redis can be used; absent without Redis.", redis => redis.Problem is null ? 1 : 0),
        new(
            "mooring_gateway_hub_redis_calls_total",
            Counter,
            "Calls to the Hub's Redis; refused ones were not sent.",
            ByResult,
            s =>
                s.Hubs.Where(hub => hub.Redis is not null)
                    .SelectMany(hub =>
                    {
                        var calls = hub.Redis!.Counters;
                        return Two(hub, "answered", calls.Answers, "failed", calls.Failures)
                            .Concat(Two(hub, "timed_out", calls.Timeouts, "refused", calls.Refused));
                    })
        ),
        Redis("call_seconds_total", Counter, "Time of the answered calls together.", redis => redis.Counters.CallTime.TotalSeconds),
        Redis("calls_in_flight", Gauge, "Calls that wait for an answer.", redis => redis.InFlight),
        Redis("unsent_bytes", Gauge, "Bytes that wait to be sent to Redis.", redis => redis.Unsent),
        Redis("connects_total", Counter, "Connections made to Redis.", redis => redis.Counters.Connects),
        Redis("failed_connects_total", Counter, "Connections to Redis that could not be made.", redis => redis.Counters.FailedConnects),
        Redis(
            "failovers_total",
            Counter,
            "Times that a connection found the master elsewhere than before.",
            redis => redis.Counters.Failovers
        ),
        Redis("redirects_total", Counter, "Calls that a cluster sent to another node.", redis => redis.Counters.Redirects),
        Redis("messages_total", Counter, "Messages received from channels of Redis.", redis => redis.Counters.Messages),
        Redis("sent_bytes_total", Counter, "Bytes sent to Redis.", redis => redis.Counters.SentBytes),
        Redis("received_bytes_total", Counter, "Bytes received from Redis.", redis => redis.Counters.ReceivedBytes),
        Redis("subscriptions", Gauge, "Channels of Redis that are subscribed to.", redis => redis.Subscriptions),
        Redis(
            "local_publications_total",
            Counter,
            "Publications delivered by this gateway alone because Redis did not answer.",
            redis => redis.DeliveredLocally
        ),
        One("workers", Gauge, "Workers of queues, each counted once a queue.", hub => hub.Workers),
        One("jobs_held", Gauge, "Jobs that workers at this gateway have.", hub => hub.JobsHeld),
        new(
            "mooring_gateway_hub_jobs_total",
            Counter,
            "What became of jobs: delivered (redelivered counts those that had been before), acknowledged, rejected, timed_out, abandoned.",
            ByResult,
            s =>
                s.Hubs.SelectMany(hub =>
                    Two(hub, "delivered", hub.Jobs.Delivered, "redelivered", hub.Jobs.Redelivered)
                        .Concat(Two(hub, "acknowledged", hub.Jobs.Acknowledged, "rejected", hub.Jobs.Rejected))
                        .Concat(Two(hub, "timed_out", hub.Jobs.TimedOut, "abandoned", hub.Jobs.Abandoned))
                )
        ),
    ];

    private static MetricDefinition One(string name, MetricKind kind, string help, Func<HubLoad, double> value) =>
        new($"mooring_gateway_hub_{name}", kind, help, Listener, s => s.Hubs.Select(hub => new MetricSample(value(hub), hub.Listener)));

    private static MetricDefinition Redis(string name, MetricKind kind, string help, Func<HubRedisLoad, double> value) =>
        new(
            $"mooring_gateway_hub_redis_{name}",
            kind,
            help,
            Listener,
            s => s.Hubs.Where(hub => hub.Redis is not null).Select(hub => new MetricSample(value(hub.Redis!), hub.Listener))
        );

    private static IEnumerable<MetricSample> Two(HubLoad hub, string first, long one, string second, long two) =>
        [new(one, hub.Listener, first), new(two, hub.Listener, second)];
}
