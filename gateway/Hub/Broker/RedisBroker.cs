using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Queues;
using Mooring.Gateway.Hub.Resp;

namespace Mooring.Gateway.Hub.Broker;

/// <summary>The broker of a fleet: streams, presence and channels are in Redis, and every gateway subscribes to what its clients do.</summary>
/// <remarks>
/// Thread-safe. A stream that has gone back behind what was delivered of it, as after a failover to a replica that lacked the last moments, gets a new
/// epoch: who followed it is told that he has missed something. So does one that is published to for the first time in another life of the server, be
/// that a restart or a replica that took over: whoever was where that life began goes on, and whoever was farther has publications that are lost. Offset and epoch travel with each publication, so that each gateway sees by itself what it has missed; after a time without
/// its subscription a channel is said to be interrupted. Publications without history are delivered by this gateway itself while Redis is away.
/// </remarks>
internal sealed class RedisBroker : IHubBroker, IRespChannelSink
{
    /// <summary>An answer that takes longer is none.</summary>
    private static readonly TimeSpan DefaultDeadline = TimeSpan.FromSeconds(1);

    /// <summary>With no connection: it may come at any moment, but nobody counts on it.</summary>
    private static readonly TimeSpan ShortDeadline = TimeSpan.FromMilliseconds(100);

    private readonly TimeSpan _deadline;
    private readonly BrokerKeys _keys;
    private readonly RespClient _client;
    private readonly RespChannels _channels;
    private readonly LocalDeliveries _local = new();
    private readonly ulong _sender = BinaryPrimitives.ReadUInt64BigEndian(RandomNumberGenerator.GetBytes(8));
    private readonly Lock _gate = new();
    private List<string> _interrupted = [];
    private IHubReceiver? _receiver;
    private ulong _numbers;
    private bool _isTelling;

    /// <summary>Begins to connect.</summary>
    /// <param name="fleet"><c>namespace/name</c>: gateways with the same meet.</param>
    /// <param name="settings">How Redis is reached.</param>
    /// <param name="time">The clock.</param>
    /// <param name="deadline">An answer that takes longer is none; null: 1 s. Below 2.5 s, since clients wait for 5 s and some calls are two.</param>
    public RedisBroker(string fleet, RespSettings settings, TimeProvider time, TimeSpan? deadline = null)
    {
        _deadline = deadline ?? DefaultDeadline;
        _keys = new BrokerKeys(fleet);
        _client = new RespClient(settings with { Scripts = [.. BrokerScripts.All, .. RedisQueues.Scripts] }, Counters, time, Follow);
        _channels = new RespChannels(_client, Counters, time, this);
        Queues = new RedisQueues(_client, _keys, time, _deadline);
    }

    public RespCounters Counters { get; } = new();

    /// <summary>The queues, which are in the same Redis.</summary>
    public RedisQueues Queues { get; }

    IHubQueues IHubBroker.Queues => Queues;

    /// <summary>Why it cannot be used; null: it can.</summary>
    public string? Problem =>
        _client.Problem ?? _channels.Problem ?? (_channels.IsConfirmed(_keys.Control) ? null : "not subscribed to the fleet's channel yet");

    public bool IsAvailable => Problem is null;

    /// <summary>Calls that wait for an answer.</summary>
    public int InFlight => _client.InFlight;

    /// <summary>Bytes that wait to be sent.</summary>
    public int Unsent => _client.Unsent;

    /// <summary>Channels subscribed to.</summary>
    public int Subscriptions => _channels.Count;

    /// <summary>Publications delivered by this gateway itself because Redis was away.</summary>
    public long DeliveredLocally { get; private set; }

    private IHubReceiver Receiver => _receiver ?? throw new InvalidOperationException("The broker was not started.");

    public void Start(IHubReceiver receiver)
    {
        _receiver = receiver;
        _ = SubscribeToAsync(new RespSubscription(_keys.Control)).AsTask();
    }

    public async ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, PublishOptions options)
    {
        var number = Interlocked.Increment(ref _numbers);
        if (!options.KeepsHistory && options.IdempotencyKey is null)
        {
            return await PublishPlainAsync(channel, payload, number);
        }

        try
        {
            return await PublishStoredAsync(channel, payload, options, number);
        }
        catch (RespException e)
        {
            return new PublishResult(Status(e), default);
        }
    }

    public async ValueTask<BrokerStatus> PublishPresenceAsync(string channel, bool joined, ReadOnlyMemory<byte> info) =>
        await TryAsync(() => SendAsync(_keys.Channel(channel), BrokerMessage.Presence(joined, info.Span)));

    public ValueTask<BrokerStatus> SubscribeAsync(string channel) =>
        SubscribeToAsync(new SubscribedChannel(_keys.Channel(channel), channel));

    public void Unsubscribe(string channel) => _channels.Unsubscribe(_keys.Channel(channel));

    public async ValueTask<HistoryResult> HistoryAsync(string channel, HistoryQuery query)
    {
        // Before it is asked: what came by now must be in the answer.
        var seen = Find(channel)?.Seen ?? default;
        try
        {
            var history = await ReadAsync(channel, query);
            if (history.Top.Epoch == seen.Epoch && history.Top.Offset < seen.Offset)
            {
                await RenewAsync(channel, seen.Epoch);
                history = await ReadAsync(channel, query);
            }

            return history;
        }
        catch (RespException e)
        {
            return HistoryResult.Failed(Status(e));
        }
    }

    public async ValueTask<BrokerStatus> RemoveHistoryAsync(string channel)
    {
        var key = _keys.Stream(channel);
        return await TryAsync(() => _client.CallAsync(RespCommand.For(key, "DEL", key), _deadline));
    }

    public async ValueTask<BrokerStatus> AddPresenceAsync(string channel, PresenceEntry entry, TimeSpan ttl) =>
        await TryAsync(() =>
            _client.RunAsync(
                BrokerScripts.AddPresence,
                _keys.Presence(channel),
                [entry.Client, BrokerReplies.Present(entry), Milliseconds(ttl)],
                _deadline
            )
        );

    public async ValueTask<BrokerStatus> RemovePresenceAsync(string channel, string client, string user) =>
        await TryAsync(() => _client.RunAsync(BrokerScripts.RemovePresence, _keys.Presence(channel), [client], _deadline));

    public async ValueTask<PresenceResult> PresenceAsync(string channel)
    {
        try
        {
            var reply = await _client.RunAsync(
                BrokerScripts.Presence,
                _keys.Presence(channel),
                [0, PresenceResult.MaxEntries, PresenceResult.MaxBytes],
                _deadline
            );
            return BrokerReplies.Presence(reply);
        }
        catch (RespException e)
        {
            return new PresenceResult(Status(e), []);
        }
    }

    public async ValueTask<PresenceStats> PresenceStatsAsync(string channel)
    {
        try
        {
            var reply = await _client.RunAsync(BrokerScripts.Presence, _keys.Presence(channel), [1], _deadline);
            return BrokerReplies.Stats(reply);
        }
        catch (RespException e)
        {
            return new PresenceStats(Status(e), 0, 0);
        }
    }

    public async ValueTask<BrokerStatus> SendControlAsync(ReadOnlyMemory<byte> message) =>
        await TryAsync(() => SendAsync(_keys.Control, message));

    public async ValueTask DisposeAsync()
    {
        await _channels.DisposeAsync();
        await _client.DisposeAsync();
    }

    void IRespChannelSink.Message(RespSubscription subscription, ReadOnlyMemory<byte> payload)
    {
        if (subscription is not SubscribedChannel known)
        {
            Receiver.OnControl(payload);
            return;
        }

        if (BrokerMessage.Read(payload) is not { } message)
        {
            return;
        }

        var channel = known.Channel;
        switch (message.Kind)
        {
            case BrokerMessageKind.Publication:
                if (!known.TrySee(message.Position))
                {
                    _ = VerifyAsync(channel);
                }

                Receiver.OnPublication(channel, message.Position, message.Payload);
                break;
            case BrokerMessageKind.Plain when message.Sent.Sender != _sender || _local.TryReceive(message.Sent.Number):
                Receiver.OnPublication(channel, default, message.Payload);
                break;
            case BrokerMessageKind.Work:
                Queues.Ready(channel);
                break;
            case BrokerMessageKind.Joined or BrokerMessageKind.Left:
                Receiver.OnPresence(channel, message.Kind == BrokerMessageKind.Joined, message.Payload);
                break;
        }
    }

    void IRespChannelSink.Interrupted(RespSubscription subscription)
    {
        if (subscription is SubscribedChannel known)
        {
            TellInterrupted(known.Channel);
        }
    }

    private void TellInterrupted(string channel)
    {
        lock (_gate)
        {
            _interrupted.Add(channel);
            if (_isTelling)
            {
                return;
            }

            _isTelling = true;
        }

        // Not one by one: after a restart of Redis it is all of them.
        _ = Task.Run(TellInterrupted);
    }

    private static long Milliseconds(TimeSpan time) => Math.Max(1, (long)Math.Ceiling(time.TotalMilliseconds));

    private static string NewEpoch() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6));

    internal static BrokerStatus Status(RespException e) =>
        e is RespUnavailableException { IsOverload: true } or RespServerException { IsOutOfMemory: true }
            ? BrokerStatus.Overloaded
            : BrokerStatus.Unavailable;

    private static async ValueTask<BrokerStatus> TryAsync(Func<Task> call)
    {
        try
        {
            await call();
            return BrokerStatus.Ok;
        }
        catch (RespException e)
        {
            return Status(e);
        }
    }

    /// <summary>May be called before there is anything that could follow.</summary>
    private void Follow() => _channels?.Follow();

    /// <summary>A publication came that was not beyond the last: late, or the stream has gone back behind what was delivered of it.</summary>
    private async Task VerifyAsync(string channel)
    {
        var before = Find(channel)?.Seen ?? default;
        var now = await HistoryAsync(channel, new HistoryQuery(null, 0, false, TimeSpan.Zero));
        if (now.Status == BrokerStatus.Ok && now.Top.Epoch != before.Epoch)
        {
            TellInterrupted(channel);
        }
    }

    private Task RenewAsync(string channel, string epoch) =>
        _client.RunAsync(BrokerScripts.Renew, [_keys.Meta(channel), _keys.Stream(channel)], [epoch, NewEpoch()], _deadline);

    private async Task<HistoryResult> ReadAsync(string channel, HistoryQuery query)
    {
        var reply = await _client.RunAsync(
            BrokerScripts.History,
            [_keys.Meta(channel), _keys.Stream(channel)],
            [
                query.Since is { } since ? (long)since.Offset : "",
                query.Since?.Epoch ?? "",
                Math.Max(query.Limit, -1),
                query.Reverse ? 1 : 0,
                Milliseconds(query.MetaTtl),
                NewEpoch(),
                RespArgument.RunId,
                HistoryQuery.MaxBytes,
            ],
            _deadline
        );
        return BrokerReplies.History(reply);
    }

    private void TellInterrupted()
    {
        while (true)
        {
            List<string> channels;
            lock (_gate)
            {
                if (_interrupted.Count == 0)
                {
                    _isTelling = false;
                    return;
                }

                (channels, _interrupted) = (_interrupted, []);
            }

            Receiver.OnInterrupted(channels);
        }
    }

    /// <summary>Null: this gateway is not subscribed to it.</summary>
    private SubscribedChannel? Find(string channel) => (SubscribedChannel?)_channels.Find(_keys.Channel(channel));

    private async ValueTask<BrokerStatus> SubscribeToAsync(RespSubscription subscription)
    {
        try
        {
            await _channels.SubscribeAsync(subscription, _client.Problem is null ? 2 * _deadline : ShortDeadline);
            return BrokerStatus.Ok;
        }
        catch (RespException e)
        {
            return Status(e);
        }
    }

    private async Task<PublishResult> PublishPlainAsync(string channel, ReadOnlyMemory<byte> payload, ulong number)
    {
        _local.Begin(number);
        try
        {
            await SendAsync(_keys.Channel(channel), BrokerMessage.Plain(_sender, number, payload.Span));
        }
        catch (RespException e)
        {
            if (Status(e) is var status and not BrokerStatus.Unavailable)
            {
                return new PublishResult(status, default);
            }

            // Redis may have it, and have sent it, or send it at any moment.
            if (_local.TryDeliver(number) && Find(channel) is not null)
            {
                lock (_gate)
                {
                    DeliveredLocally++;
                }

                Receiver.OnPublication(channel, default, payload);
            }
        }
        finally
        {
            _local.End(number);
        }

        return new PublishResult(BrokerStatus.Ok, default);
    }

    private Task<RespValue> SendAsync(string name, ReadOnlyMemory<byte> message) =>
        _client.CallAsync(RespCommand.For(name, Verb(name), name, message), _deadline);

    private async Task<PublishResult> PublishStoredAsync(string channel, ReadOnlyMemory<byte> payload, PublishOptions options, ulong number)
    {
        var name = _keys.Channel(channel);
        var historyTtl = Milliseconds(options.HistoryTtl);
        string[] keys = options.IdempotencyKey is { } key
            ? [_keys.Meta(channel), _keys.Stream(channel), _keys.Known(channel, key)]
            : [_keys.Meta(channel), _keys.Stream(channel)];
        var reply = await _client.RunAsync(
            BrokerScripts.Publish,
            keys,
            [
                payload,
                options.HistorySize,
                historyTtl,
                Math.Max(historyTtl, Milliseconds(options.MetaTtl)),
                NewEpoch(),
                name,
                Verb(name),
                BrokerMessage.Plain(_sender, number, default),
                Milliseconds(options.IdempotencyTtl),
                RespArgument.RunId,
            ],
            _deadline
        );
        return BrokerReplies.Published(reply);
    }

    private string Verb(string name) =>
        _client.Cluster is not null && _client.UsesShardedChannels(KeySlot.Of(Encoding.UTF8.GetBytes(name))) ? "SPUBLISH" : "PUBLISH";
}
