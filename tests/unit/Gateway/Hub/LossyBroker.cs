using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Queues;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>A broker in memory between which and its gateway messages wait, and may be lost, as a test says.</summary>
internal sealed class LossyBroker(TimeProvider time) : IHubBroker, IHubReceiver
{
    private readonly MemoryBroker _inner = new(time);
    private readonly Queue<(string Channel, StreamPosition Position, ReadOnlyMemory<byte> Payload)> _waiting = new();
    private readonly List<(TaskCompletionSource<HistoryResult> Done, HistoryResult Result)> _reads = [];
    private IHubReceiver? _receiver;

    /// <summary>Answers to reads of history come when <see cref="AnswerReads"/> says so, with what there was when they were asked for.</summary>
    public bool HoldsReads { get; set; }

    /// <summary>Reads of history get no answer.</summary>
    public bool IsAway { get; set; }

    /// <summary>What a read of history waits for; null: nothing.</summary>
    public Func<Task>? OnRead { get; set; }

    /// <summary>What a publication waits for; null: nothing.</summary>
    public Func<string, Task>? OnPublish { get; set; }

    /// <summary>Called while the broker is asked for a channel's messages, or for no more of them; null: nothing is.</summary>
    public Action<string>? OnChange { get; set; }

    public int Waiting => _waiting.Count;

    /// <summary>Reads of history that wait for their answers.</summary>
    public int Reads => _reads.Count;

    public bool IsAvailable => true;

    public IHubQueues Queues => _inner.Queues;

    public void Start(IHubReceiver receiver)
    {
        _receiver = receiver;
        _inner.Start(this);
    }

    public void Deliver(int count)
    {
        for (; count > 0 && _waiting.TryDequeue(out var next); count--)
        {
            _receiver!.OnPublication(next.Channel, next.Position, next.Payload);
        }
    }

    public void Lose() => _waiting.TryDequeue(out _);

    public void AnswerReads()
    {
        foreach (var (done, result) in _reads.ToList())
        {
            done.SetResult(result);
        }

        _reads.Clear();
    }

    public async ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, PublishOptions options)
    {
        if (OnPublish is { } onPublish)
        {
            await onPublish(channel);
        }

        return await _inner.PublishAsync(channel, payload, options);
    }

    public ValueTask<BrokerStatus> PublishPresenceAsync(string channel, bool joined, ReadOnlyMemory<byte> info) =>
        _inner.PublishPresenceAsync(channel, joined, info);

    public ValueTask<BrokerStatus> SubscribeAsync(string channel)
    {
        OnChange?.Invoke(channel);
        return _inner.SubscribeAsync(channel);
    }

    public void Unsubscribe(string channel)
    {
        OnChange?.Invoke(channel);
        _inner.Unsubscribe(channel);
    }

    public async ValueTask<HistoryResult> HistoryAsync(string channel, HistoryQuery query)
    {
        if (OnRead is { } onRead)
        {
            await onRead();
        }

        if (IsAway)
        {
            return HistoryResult.Failed(BrokerStatus.Unavailable);
        }

        // What is held back is what was true when it was asked for.
        var answer = await _inner.HistoryAsync(channel, query);
        if (!HoldsReads)
        {
            return answer;
        }

        var done = new TaskCompletionSource<HistoryResult>();
        _reads.Add((done, answer));
        return await done.Task;
    }

    public ValueTask<BrokerStatus> RemoveHistoryAsync(string channel) => _inner.RemoveHistoryAsync(channel);

    public ValueTask<BrokerStatus> AddPresenceAsync(string channel, PresenceEntry entry, TimeSpan ttl) =>
        _inner.AddPresenceAsync(channel, entry, ttl);

    public ValueTask<BrokerStatus> RemovePresenceAsync(string channel, string client, string user) =>
        _inner.RemovePresenceAsync(channel, client, user);

    public ValueTask<PresenceResult> PresenceAsync(string channel) => _inner.PresenceAsync(channel);

    public ValueTask<PresenceStats> PresenceStatsAsync(string channel) => _inner.PresenceStatsAsync(channel);

    public ValueTask<BrokerStatus> SendControlAsync(ReadOnlyMemory<byte> message) => _inner.SendControlAsync(message);

    public ValueTask DisposeAsync() => _inner.DisposeAsync();

    public void OnPublication(string channel, StreamPosition position, ReadOnlyMemory<byte> payload) =>
        _waiting.Enqueue((channel, position, payload));

    public void OnPresence(string channel, bool joined, ReadOnlyMemory<byte> info) => _receiver!.OnPresence(channel, joined, info);

    public void OnControl(ReadOnlyMemory<byte> message) => _receiver!.OnControl(message);

    public void OnInterrupted(IReadOnlyCollection<string>? channels) => _receiver!.OnInterrupted(channels);
}
