// Hot path: per publication. See tests/benchmarks.
using System.Security.Cryptography;
using Mooring.Gateway.Hub.Queues;

namespace Mooring.Gateway.Hub.Delivery;

/// <summary>The broker of a fleet that is one gateway: everything is in this process's memory, and ends with it.</summary>
/// <remarks>
/// Thread-safe. Every call is done when it returns. History is bounded in bytes over all channels: the oldest publications make room, so that who would have
/// recovered with them is told that he cannot. Channels are bounded in number: for a new one over it others go that nobody uses and that have no publications; where
/// there are none, it gets <see cref="BrokerStatus.Overloaded"/>.
/// </remarks>
/// <param name="time">Ages.</param>
/// <param name="maxBytes">Bytes of history over all channels.</param>
/// <param name="maxChannels">Channels that have subscribers, history or presence.</param>
internal sealed class MemoryBroker(TimeProvider time, long maxBytes = MemoryBroker.DefaultMaxBytes, int maxChannels = 1_000_000)
    : IHubBroker
{
    public const long DefaultMaxBytes = 256L * 1024 * 1024;

    /// <summary>Idempotency keys that one channel knows at a time; with more, the newest are not noted.</summary>
    private const int MaxKeys = 65_536;

    private const int Stripes = 32;
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(10);

    private readonly MemoryStripe[] _stripes = [.. Enumerable.Range(0, Stripes).Select(static _ => new MemoryStripe())];
    private readonly Lock _control = new();
    private IHubReceiver? _receiver;
    private ITimer? _sweeper;
    private long _bytes;
    private int _channels;

    public bool IsAvailable => true;

    public IHubQueues Queues { get; } = new MemoryQueues(time);

    /// <summary>Bytes of history held.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    private long Now => time.GetTimestamp() / (time.TimestampFrequency / 1000);

    private IHubReceiver Receiver => _receiver ?? throw new InvalidOperationException("The broker was not started.");

    public void Start(IHubReceiver receiver)
    {
        _receiver = receiver;
        _sweeper = time.CreateTimer(_ => Sweep(), null, SweepInterval, SweepInterval);
    }

    public ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, PublishOptions options)
    {
        var stripe = StripeOf(channel);
        lock (stripe.Gate)
        {
            var known = stripe.Find(channel);
            if (!options.KeepsHistory && options.IdempotencyKey is null)
            {
                if (known is { Subscribed: true })
                {
                    Receiver.OnPublication(channel, default, payload);
                }

                return ValueTask.FromResult(new PublishResult(BrokerStatus.Ok, default));
            }

            if (Ensure(stripe, channel, known) is not { } entry)
            {
                return ValueTask.FromResult(new PublishResult(BrokerStatus.Overloaded, default));
            }

            var now = Now;
            if (options.IdempotencyKey is { } key && entry.Keys?.TryGetValue(key, out var before) == true && before.Expires > now)
            {
                return ValueTask.FromResult(new PublishResult(BrokerStatus.Ok, before.Position, Suppressed: true));
            }

            var position = options.KeepsHistory ? Store(stripe, entry, payload, options, now) : default;
            if (options.IdempotencyKey is { } fresh && (entry.Keys ??= []).Count < MaxKeys)
            {
                entry.Keys[fresh] = (position, now + Milliseconds(options.IdempotencyTtl));
            }

            if (entry.Subscribed)
            {
                Receiver.OnPublication(channel, position, payload);
            }

            return ValueTask.FromResult(new PublishResult(BrokerStatus.Ok, position));
        }
    }

    public ValueTask<BrokerStatus> PublishPresenceAsync(string channel, bool joined, ReadOnlyMemory<byte> info)
    {
        var stripe = StripeOf(channel);
        lock (stripe.Gate)
        {
            if (stripe.Find(channel) is { Subscribed: true })
            {
                Receiver.OnPresence(channel, joined, info);
            }
        }

        return ValueTask.FromResult(BrokerStatus.Ok);
    }

    public ValueTask<BrokerStatus> SubscribeAsync(string channel)
    {
        var stripe = StripeOf(channel);
        lock (stripe.Gate)
        {
            if (Ensure(stripe, channel, stripe.Find(channel)) is not { } entry)
            {
                return ValueTask.FromResult(BrokerStatus.Overloaded);
            }

            entry.Subscribed = true;
            return ValueTask.FromResult(BrokerStatus.Ok);
        }
    }

    public void Unsubscribe(string channel)
    {
        var stripe = StripeOf(channel);
        lock (stripe.Gate)
        {
            if (stripe.Find(channel) is { } entry)
            {
                entry.Subscribed = false;
                DropIfEmpty(stripe, channel, entry);
            }
        }
    }

    public ValueTask<HistoryResult> HistoryAsync(string channel, HistoryQuery query)
    {
        var stripe = StripeOf(channel);
        lock (stripe.Gate)
        {
            if (Ensure(stripe, channel, stripe.Find(channel)) is not { } entry)
            {
                return ValueTask.FromResult(HistoryResult.Failed(BrokerStatus.Overloaded));
            }

            var now = Now;
            var stream = StreamOf(stripe, entry, now);
            stream.MetaExpires = Math.Max(stream.MetaExpires, now + Milliseconds(query.MetaTtl));
            if (query.Since is { Epoch: { Length: > 0 } epoch } && epoch != stream.Epoch)
            {
                return ValueTask.FromResult(new HistoryResult(BrokerStatus.WrongEpoch, stream.Position, []));
            }

            var read = stream.Read(query.Since, query.Limit, query.Reverse);
            return ValueTask.FromResult(new HistoryResult(BrokerStatus.Ok, stream.Position, read));
        }
    }

    public ValueTask<BrokerStatus> RemoveHistoryAsync(string channel)
    {
        var stripe = StripeOf(channel);
        lock (stripe.Gate)
        {
            if (stripe.Find(channel)?.Stream is { } stream)
            {
                Interlocked.Add(ref _bytes, -stream.Bytes);
                stream.Clear();
            }
        }

        return ValueTask.FromResult(BrokerStatus.Ok);
    }

    public ValueTask<BrokerStatus> AddPresenceAsync(string channel, PresenceEntry entry, TimeSpan ttl)
    {
        var stripe = StripeOf(channel);
        lock (stripe.Gate)
        {
            if (Ensure(stripe, channel, stripe.Find(channel)) is not { } known)
            {
                return ValueTask.FromResult(BrokerStatus.Overloaded);
            }

            (known.Present ??= [])[entry.Client] = (entry, Now + Milliseconds(ttl));
            return ValueTask.FromResult(BrokerStatus.Ok);
        }
    }

    public ValueTask<BrokerStatus> RemovePresenceAsync(string channel, string client, string user)
    {
        var stripe = StripeOf(channel);
        lock (stripe.Gate)
        {
            if (stripe.Find(channel) is { Present: { } present } entry && present.Remove(client))
            {
                DropIfEmpty(stripe, channel, entry);
            }
        }

        return ValueTask.FromResult(BrokerStatus.Ok);
    }

    public ValueTask<PresenceResult> PresenceAsync(string channel) =>
        ValueTask.FromResult(
            Present(channel) is var present
            && present.Count <= PresenceResult.MaxEntries
            && present.Sum(static one => (long)one.Info.Length) <= PresenceResult.MaxBytes
                ? new PresenceResult(BrokerStatus.Ok, present)
                : new PresenceResult(BrokerStatus.TooMany, [])
        );

    public ValueTask<PresenceStats> PresenceStatsAsync(string channel)
    {
        var present = Present(channel);
        var users = present.Select(static entry => entry.User).Distinct(StringComparer.Ordinal).Count();
        return ValueTask.FromResult(new PresenceStats(BrokerStatus.Ok, present.Count, users));
    }

    public ValueTask<BrokerStatus> SendControlAsync(ReadOnlyMemory<byte> message)
    {
        lock (_control)
        {
            Receiver.OnControl(message);
        }

        return ValueTask.FromResult(BrokerStatus.Ok);
    }

    public async ValueTask DisposeAsync()
    {
        if (_sweeper is { } sweeper)
        {
            await sweeper.DisposeAsync();
        }

        foreach (var stripe in _stripes)
        {
            lock (stripe.Gate)
            {
                // As if all time had gone by; channels stay for whoever asks late.
                foreach (var channel in stripe.Channels.Values)
                {
                    Interlocked.Add(ref _bytes, -channel.ExpireStream(long.MaxValue));
                }
            }
        }
    }

    private static long Milliseconds(TimeSpan time) => (long)Math.Ceiling(time.TotalMilliseconds);

    private StreamPosition Store(MemoryStripe stripe, MemoryChannel entry, ReadOnlyMemory<byte> payload, PublishOptions options, long now)
    {
        var stream = StreamOf(stripe, entry, now);
        var before = stream.Bytes;
        stream.Add(payload.Span, options.HistorySize, now);
        stream.Expires = now + Milliseconds(options.HistoryTtl);
        stream.MetaExpires = Math.Max(stream.MetaExpires, now + Math.Max(Milliseconds(options.MetaTtl), Milliseconds(options.HistoryTtl)));
        var over = Interlocked.Add(ref _bytes, stream.Bytes - before) - maxBytes;
        if (over > 0)
        {
            Trim(stripe, over);
        }

        return stream.Position;
    }

    /// <summary>Drops what is oldest over all stripes, until that many bytes are free. One that somebody is just using is passed over: the own one never is.</summary>
    private void Trim(MemoryStripe own, long bytes)
    {
        while (bytes > 0)
        {
            var oldest = own;
            foreach (var stripe in _stripes)
            {
                oldest = stripe.Log.OldestAt < oldest.Log.OldestAt ? stripe : oldest;
            }

            var freed = oldest == own ? own.DropOldest() : TryDrop(oldest);
            freed = freed == 0 && oldest != own ? own.DropOldest() : freed;
            if (freed == 0)
            {
                return;
            }

            Interlocked.Add(ref _bytes, -freed);
            bytes -= freed;
        }
    }

    private static long TryDrop(MemoryStripe stripe)
    {
        // Never waited for: whoever has it may wait for this one.
        if (!stripe.Gate.TryEnter())
        {
            return 0;
        }

        try
        {
            return stripe.DropOldest();
        }
        finally
        {
            stripe.Gate.Exit();
        }
    }

    private ChannelStream StreamOf(MemoryStripe stripe, MemoryChannel entry, long now)
    {
        var freed = entry.ExpireStream(now);
        if (freed != 0)
        {
            Interlocked.Add(ref _bytes, -freed);
        }

        return entry.Stream ??= new ChannelStream(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6)), stripe.Log);
    }

    private IReadOnlyList<PresenceEntry> Present(string channel)
    {
        var stripe = StripeOf(channel);
        lock (stripe.Gate)
        {
            var now = Now;
            return stripe.Find(channel)?.Present is { } present
                ? [.. present.Values.Where(one => one.Expires > now).Select(static one => one.Entry)]
                : [];
        }
    }

    /// <summary>The channel, made where it is new; null: there are too many.</summary>
    private MemoryChannel? Ensure(MemoryStripe stripe, string channel, MemoryChannel? known)
    {
        if (known is not null)
        {
            return known;
        }

        if (Interlocked.Increment(ref _channels) > maxChannels)
        {
            DropIdle(stripe);
            if (Volatile.Read(ref _channels) > maxChannels)
            {
                Interlocked.Decrement(ref _channels);
                return null;
            }
        }

        return stripe.Channels[channel] = new MemoryChannel();
    }

    /// <summary>Makes room for at least one channel, if any stripe has one that nobody would miss. One that somebody is just using is passed over.</summary>
    private void DropIdle(MemoryStripe own)
    {
        var now = Now;
        var dropped = own.DropIdle(now);
        for (var i = 0; i < Stripes && dropped == 0; i++)
        {
            if (_stripes[i] == own || !_stripes[i].Gate.TryEnter())
            {
                continue;
            }

            try
            {
                dropped = _stripes[i].DropIdle(now);
            }
            finally
            {
                _stripes[i].Gate.Exit();
            }
        }

        Interlocked.Add(ref _channels, -dropped);
    }

    private void DropIfEmpty(MemoryStripe stripe, string channel, MemoryChannel entry)
    {
        if (entry.IsEmpty && stripe.Channels.Remove(channel))
        {
            Interlocked.Decrement(ref _channels);
        }
    }

    private void Sweep()
    {
        foreach (var stripe in _stripes)
        {
            lock (stripe.Gate)
            {
                var before = stripe.Channels.Count;
                Interlocked.Add(ref _bytes, -stripe.Expire(Now));
                Interlocked.Add(ref _channels, stripe.Channels.Count - before);
            }
        }
    }

    private MemoryStripe StripeOf(string channel) => _stripes[(uint)channel.GetHashCode(StringComparison.Ordinal) % Stripes];
}
