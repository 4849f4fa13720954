using Mooring.Gateway.Hub.Queues;

namespace Mooring.Gateway.Hub.Delivery;

/// <summary>Where the gateways of a fleet meet: channels, their streams, and who is present in them.</summary>
/// <remarks>
/// Thread-safe; called by all event loops, so no call blocks. A result that is there at once comes as a completed
/// <see cref="ValueTask{T}"/>, which the Hub goes on with in the same turn; any other may complete on any thread, within the broker's own
/// deadline (5 s at most, since clients wait no longer), and the Hub posts to the connection's loop. No call throws for what can happen to
/// a broker. Payloads, presence info and control messages are the Hub's own encoding, which a broker does not look into. Memory that is passed in stays untouched
/// until the call completes and may be kept. Channel names are 1 to 255 bytes of UTF-8 without control characters.
/// Deltas are no business of a broker: each gateway makes them from what it delivers.
/// </remarks>
internal interface IHubBroker : IAsyncDisposable
{
    /// <summary>Begins, before any other call: connections are made, and what comes goes to <paramref name="receiver"/>.</summary>
    void Start(IHubReceiver receiver);

    /// <summary>Whether it can be used at present, for metrics and health.</summary>
    bool IsAvailable { get; }

    /// <summary>Queues of jobs, which are where the channels are. A gateway hears of a queue while it is subscribed to its channel.</summary>
    IHubQueues Queues { get; }

    /// <summary>Publishes, with history as the options say: the offset, the entry in the stream and the message to subscribers are one step.</summary>
    /// <remarks>
    /// While the broker cannot be reached, a publication without history and key is handed to this gateway's own receiver, so that local delivery goes
    /// on, and the result is <see cref="BrokerStatus.Ok"/> all the same; one with history gets <see cref="BrokerStatus.Unavailable"/>.
    /// </remarks>
    ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, PublishOptions options);

    /// <summary>Tells subscribers that somebody joined or left: like a publication without history.</summary>
    ValueTask<BrokerStatus> PublishPresenceAsync(string channel, bool joined, ReadOnlyMemory<byte> info);

    /// <summary>
    /// Receives a channel's messages: every one that is published after this completed. The Hub counts references and asks once per channel and
    /// gateway; calls for one channel take effect in the order in which they were made. Subscribing twice is one subscription.
    /// One that fails is wanted all the same, until it is unsubscribed: once the broker can, it begins, and is said to have been interrupted.
    /// </summary>
    ValueTask<BrokerStatus> SubscribeAsync(string channel);

    /// <summary>Receives them no more; late ones may still come.</summary>
    void Unsubscribe(string channel);

    /// <summary>Reads a channel's stream.</summary>
    ValueTask<HistoryResult> HistoryAsync(string channel, HistoryQuery query);

    /// <summary>Drops a channel's publications; its epoch and top offset stay, so that whoever was behind sees that he missed some.</summary>
    ValueTask<BrokerStatus> RemoveHistoryAsync(string channel);

    /// <summary>Notes that a connection is in a channel, or still is, until <paramref name="ttl"/> has passed without another call.</summary>
    ValueTask<BrokerStatus> AddPresenceAsync(string channel, PresenceEntry entry, TimeSpan ttl);

    /// <summary>Notes that it is in there no more. Unknown: nothing happens.</summary>
    ValueTask<BrokerStatus> RemovePresenceAsync(string channel, string client, string user);

    /// <summary>Who is in a channel.</summary>
    ValueTask<PresenceResult> PresenceAsync(string channel);

    /// <summary>How many are in a channel.</summary>
    ValueTask<PresenceStats> PresenceStatsAsync(string channel);

    /// <summary>Sends a message to every gateway of the fleet, this one included; a few KB at most. None is kept for those that are away.</summary>
    ValueTask<BrokerStatus> SendControlAsync(ReadOnlyMemory<byte> message);
}
