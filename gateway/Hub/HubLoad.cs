using Mooring.Contracts.Stream;
using Mooring.Gateway.Hub.Broker;
using Mooring.Gateway.Hub.Queues;
using Mooring.Gateway.Hub.Resp;
using Mooring.Gateway.Hub.Sessions;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Hub;

/// <summary>A Hub listener's figures at one moment; totals count from the process's start.</summary>
internal sealed record HubLoad
{
    public required string Listener { get; init; }

    public required long Clients { get; init; }

    public required long Subscriptions { get; init; }

    public required int Channels { get; init; }

    /// <summary>Messages of the broker that wait for the loops.</summary>
    public required long Backlog { get; init; }

    /// <summary>Clients that have not taken yet what was sent to them.</summary>
    public required long Waiting { get; init; }

    /// <summary>What waits for those, together; the age is the oldest's.</summary>
    public required QueueDepth Queued { get; init; }

    public required long Commands { get; init; }

    public required long Errors { get; init; }

    /// <summary>Publications that came from the broker.</summary>
    public required long Received { get; init; }

    /// <summary>Publications queued for clients.</summary>
    public required long Delivered { get; init; }

    /// <summary>Publications not delivered, by reason.</summary>
    public required IReadOnlyDictionary<string, long> Drops { get; init; }

    /// <summary>Clients disconnected because they did not read.</summary>
    public required long Slow { get; init; }

    public required long Recovered { get; init; }

    public required long Unrecovered { get; init; }

    /// <summary>Subscriptions that had a gap and were told so.</summary>
    public required long Insufficient { get; init; }

    /// <summary>Connects that waited for their turn.</summary>
    public required long Held { get; init; }

    /// <summary>Connects of clients that were there before.</summary>
    public required long Reconnects { get; init; }

    /// <summary>Bytes of messages that went compressed: by direction, before compression and after it.</summary>
    public required HubCompressionLoad Compression { get; init; }

    /// <summary>From a command to its reply.</summary>
    public required DurationLoad Responses { get; init; }

    /// <summary>Null: the broker is this process's memory.</summary>
    public required HubRedisLoad? Redis { get; init; }

    public required QueueCounters Jobs { get; init; }

    public required int Workers { get; init; }

    /// <summary>Jobs that workers here have.</summary>
    public required int JobsHeld { get; init; }

    /// <summary>Of a listener. Takes no lock that a loop takes.</summary>
    public static HubLoad Of(string listener, HubNode node)
    {
        var loops = node.Loops;
        var counters = loops.Select(static loop => loop.Counters).ToList();
        var queued = loops.Select(static loop => loop.LookAtQueues()).ToList();
        return new HubLoad
        {
            Listener = listener,
            Clients = counters.Sum(static c => c.Clients),
            Subscriptions = counters.Sum(static c => c.Subscriptions),
            Channels = node.ChannelCount,
            Backlog = loops.Sum(static loop => (long)loop.Backlog),
            Waiting = counters.Sum(static c => c.Waiting),
            Queued = new QueueDepth(
                queued.Sum(static one => one.Frames),
                queued.Sum(static one => one.Bytes),
                queued.Select(static one => one.Oldest).DefaultIfEmpty().Max()
            ),
            Commands = counters.Sum(static c => c.Commands),
            Errors = counters.Sum(static c => c.Errors),
            Received = counters.Sum(static c => c.Received),
            Delivered = counters.Sum(static c => c.Delivered),
            Drops = new Dictionary<string, long>
            {
                ["oldest"] = counters.Sum(static c => c.DroppedOldest),
                ["newest"] = counters.Sum(static c => c.DroppedNewest),
                ["backlog"] = loops.Sum(static loop => loop.Overruns),
            },
            Slow = counters.Sum(static c => c.Slow),
            Recovered = counters.Sum(static c => c.Recovered),
            Unrecovered = counters.Sum(static c => c.Unrecovered),
            Insufficient = counters.Sum(static c => c.Insufficient),
            Held = counters.Sum(static c => c.Held),
            Reconnects = counters.Sum(static c => c.Resumes),
            Compression = new HubCompressionLoad(
                counters.Sum(static c => c.SentBefore),
                counters.Sum(static c => c.SentAfter),
                counters.Sum(static c => c.ReceivedBefore),
                counters.Sum(static c => c.ReceivedAfter)
            ),
            Responses = Sum(counters),
            Redis = node.Broker is RedisBroker redis ? HubRedisLoad.Of(redis) : null,
            Jobs = node.Dispatcher.Counters,
            Workers = node.Dispatcher.Workers,
            JobsHeld = node.Dispatcher.Held,
        };
    }

    private static DurationLoad Sum(List<HubCounters> counters)
    {
        var counts = new long[DurationBounds.Latency.Length + 1];
        long sum = 0;
        foreach (var one in counters)
        {
            sum += one.Responses.AddTo(counts);
        }

        return new DurationLoad { Counts = counts, SumSeconds = sum / 1e6 };
    }
}

/// <summary>What compression has saved. Bytes.</summary>
/// <param name="SentBefore">What was sent compressed, as it was.</param>
/// <param name="SentAfter">As it was sent.</param>
/// <param name="ReceivedBefore">What came compressed, once inflated.</param>
/// <param name="ReceivedAfter">As it came.</param>
internal sealed record HubCompressionLoad(long SentBefore, long SentAfter, long ReceivedBefore, long ReceivedAfter);

/// <summary>How a Hub listener's Redis fares.</summary>
/// <param name="Problem">Null: all is well.</param>
/// <param name="Counters">What the connections have done.</param>
/// <param name="InFlight">Calls that wait for an answer.</param>
/// <param name="Unsent">Bytes that wait to be sent.</param>
/// <param name="Subscriptions">Channels subscribed to.</param>
/// <param name="DeliveredLocally">Publications that went to this gateway's clients alone.</param>
internal sealed record HubRedisLoad(
    string? Problem,
    RespCounters Counters,
    int InFlight,
    int Unsent,
    int Subscriptions,
    long DeliveredLocally
)
{
    public static HubRedisLoad Of(RedisBroker broker) =>
        new(broker.Problem, broker.Counters, broker.InFlight, broker.Unsent, broker.Subscriptions, broker.DeliveredLocally);
}
