// Hot path: per publication. See tests/benchmarks.
using Mooring.Gateway.Hub.Api;
using Mooring.Gateway.Hub.Authentication;
using Mooring.Gateway.Hub.Control;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Options;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Queues;
using Mooring.Gateway.Hub.Rpc;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>One Hub listener in this gateway: its broker, its loops, and which of them have subscribers of what. Thread-safe.</summary>
/// <remarks>A channel's subscription with the broker is counted here: it begins with the first loop that has a subscriber and ends with the last.</remarks>
internal sealed class HubNode : IHubReceiver, IAsyncDisposable
{
    private const int Stripes = 64;

    // Each is locked by itself, and for a look or a change alone: a broker may call back while it holds a lock that a call to it would wait for.
    private readonly NameTable<NodeChannel>[] _stripes = [.. Enumerable.Range(0, Stripes).Select(static _ => new NameTable<NodeChannel>())];

    // Held over a change and what the broker is told of it, so that it hears of changes in their order. Nothing that a broker calls waits for it.
    private readonly Lock[] _changes = [.. Enumerable.Range(0, Stripes).Select(static _ => new Lock())];
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private HubLoop[] _loops = [];
    private HubOptions _options;
    private TokenChecker? _tokens;
    private IRpcBackend? _rpc;
    private HubApi? _api;
    private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _isRetired;

    /// <param name="name">Of the gateway; unique in the fleet.</param>
    /// <param name="broker">Started by this, and disposed of.</param>
    /// <param name="options">What is served at first.</param>
    /// <param name="time">For positions, tokens and publications.</param>
    public HubNode(string name, IHubBroker broker, HubOptions options, TimeProvider time)
    {
        (Name, Broker, _options, _time) = (name, broker, options, time);
        Positions = new PositionChecker(this, time);
        Control = new HubControl(this, time);
        Dispatcher = new QueueDispatcher(broker.Queues, time);
        broker.Start(this);
    }

    public string Name { get; }

    public IHubBroker Broker { get; }

    public IHubQueues Queues => Broker.Queues;

    /// <summary>Gives jobs to this gateway's workers.</summary>
    public QueueDispatcher Dispatcher { get; }

    public ConnectPacer Pacer { get; } = new();

    public PositionChecker Positions { get; }

    public HubControl Control { get; }

    /// <summary>What is served at present.</summary>
    public HubOptions Options
    {
        get => Volatile.Read(ref _options);
        set
        {
            Volatile.Write(ref _options, value);
            WatchAll();
            Dispatcher.Reload(channel => value.Find(channel)?.Queue);
        }
    }

    /// <summary>Null: there are no tokens.</summary>
    public TokenChecker? Tokens
    {
        get => Volatile.Read(ref _tokens);
        set => Volatile.Write(ref _tokens, value);
    }

    /// <summary>Null: there is nobody to answer RPCs. The one before is disposed of.</summary>
    public IRpcBackend? Rpc
    {
        get => Volatile.Read(ref _rpc);
        set => (Interlocked.Exchange(ref _rpc, value) as IDisposable)?.Dispose();
    }

    /// <summary>Null: it is off.</summary>
    public HubApi? Api
    {
        get => Volatile.Read(ref _api);
        set => Volatile.Write(ref _api, value);
    }

    /// <summary>Its listener is no more, or has another in its place: no client comes to it again.</summary>
    public bool IsRetired => Volatile.Read(ref _isRetired);

    /// <summary>It is retired, and its last client has left.</summary>
    public Task Left => _left.Task;

    public IReadOnlyList<HubLoop> Loops => Volatile.Read(ref _loops);

    public TimeProvider Time => _time;

    public long UnixMilliseconds => _time.GetUtcNow().ToUnixTimeMilliseconds();

    public long UnixSeconds => _time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Channels with subscribers here.</summary>
    public int ChannelCount => _stripes.Sum(static stripe => stripe.Count);

    public void Add(HubLoop loop)
    {
        lock (_gate)
        {
            Volatile.Write(ref _loops, [.. _loops, loop]);
        }
    }

    /// <summary>A loop has no client any more, and will have none.</summary>
    public void Remove(HubLoop loop)
    {
        lock (_gate)
        {
            Volatile.Write(ref _loops, [.. _loops.Where(one => one != loop)]);
            if (_isRetired && _loops.Length == 0)
            {
                _left.TrySetResult();
            }
        }
    }

    /// <summary>No client comes to it again; those that are there stay as long as they are let.</summary>
    /// <param name="atOnce">It is as if they had left.</param>
    public void Retire(bool atOnce = false)
    {
        lock (_gate)
        {
            Volatile.Write(ref _isRetired, true);
            if (atOnce || _loops.Length == 0)
            {
                _left.TrySetResult();
            }
        }

        // So that each sees it has nobody, if it has not.
        foreach (var loop in Loops)
        {
            loop.Post((Action)(static () => { }));
        }
    }

    /// <summary>Messages of a channel are to come to a loop. Asked again for the same, it says the same.</summary>
    public ValueTask<BrokerStatus> SubscribeAsync(HubLoop loop, string name)
    {
        lock (ChangesOf(name))
        {
            if (Enter(loop, name, out var channel))
            {
                channel.Ready = Broker.SubscribeAsync(name).AsTask();
                WatchIfPositioned(channel);
            }

            if (channel.Ready is null)
            {
                return ValueTask.FromResult(BrokerStatus.Ok);
            }

            var ready = new ValueTask<BrokerStatus>(channel.Ready);
            if (ready.IsCompletedSuccessfully && ready.GetAwaiter().GetResult() != BrokerStatus.Ok)
            {
                // What failed is tried again by whoever asks next.
                channel.Ready = Broker.SubscribeAsync(name).AsTask();
                return new ValueTask<BrokerStatus>(channel.Ready);
            }

            return ready;
        }
    }

    /// <summary>A loop was told that the subscription stands: what said so is not kept.</summary>
    public void Confirmed(string name)
    {
        lock (ChangesOf(name))
        {
            if (Find(name) is not { Ready: { } task } channel)
            {
                return;
            }

            var ready = new ValueTask<BrokerStatus>(task);
            if (ready.IsCompletedSuccessfully && ready.GetAwaiter().GetResult() == BrokerStatus.Ok)
            {
                channel.Ready = null;
            }
        }
    }

    /// <summary>A loop has no subscriber of the channel any more.</summary>
    public void Unsubscribe(HubLoop loop, string name)
    {
        lock (ChangesOf(name))
        {
            if (Leave(loop, name))
            {
                Broker.Unsubscribe(name);
            }
        }
    }

    /// <summary>Whether it is still the channel of its name.</summary>
    public bool IsCurrent(NodeChannel channel) => Find(channel.Name) == channel;

    public void OnPublication(string channel, StreamPosition position, ReadOnlyMemory<byte> payload)
    {
        if (Find(channel) is not { } known)
        {
            return;
        }

        ReadOnlyMemory<byte> previous = default;
        if (position.Offset != 0 && Options.Find(channel) is { Config.Delta: true })
        {
            PublicationParts.TryDecode(payload, position.Offset, out var parts);
            previous = known.Advance(position, parts.Data);
        }

        var publication = new HubPublication(known.Name, position, payload, previous);
        foreach (var loop in known.Loops)
        {
            loop.Post(publication);
        }
    }

    public void OnPresence(string channel, bool joined, ReadOnlyMemory<byte> info)
    {
        if (Find(channel) is { } known && PublicationParts.TryDecodeInfo(info, out var decoded))
        {
            var change = new HubJoinLeave(known.Name, joined, decoded!);
            foreach (var loop in known.Loops)
            {
                loop.Post(change);
            }
        }
    }

    public void OnControl(ReadOnlyMemory<byte> message) => Control.OnMessage(message);

    public void OnInterrupted(IReadOnlyCollection<string>? channels)
    {
        if (channels is null)
        {
            Positions.CheckAll();
            return;
        }

        foreach (var name in channels)
        {
            if (Find(name) is { } channel)
            {
                Positions.CheckSoon(channel);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        Dispatcher.Dispose();
        await Positions.DisposeAsync();
        await Control.DisposeAsync();
        await Broker.DisposeAsync();
        Rpc = null;
    }

    /// <summary>A namespace may have positions now that had none: who subscribes from here on relies on them in channels that have long been there.</summary>
    private void WatchAll()
    {
        for (var i = 0; i < Stripes; i++)
        {
            lock (_changes[i])
            {
                List<NodeChannel> channels;
                lock (_stripes[i])
                {
                    channels = [.. _stripes[i].All];
                }

                channels.ForEach(WatchIfPositioned);
            }
        }
    }

    /// <summary>The lock of its changes is held.</summary>
    private void WatchIfPositioned(NodeChannel channel)
    {
        if (!channel.IsWatched && Options.Find(channel.Name) is { IsPositioned: true })
        {
            channel.IsWatched = true;
            Positions.Watch(channel);
        }
    }

    /// <summary>Notes that a loop has subscribers of a channel. True: it is the first, and the broker is to be asked.</summary>
    private bool Enter(HubLoop loop, string name, out NodeChannel channel)
    {
        var stripe = StripeOf(name);
        lock (stripe)
        {
            if (stripe.Find(name) is { } known)
            {
                channel = known;
                channel.Loops = channel.Loops.Contains(loop) ? channel.Loops : [.. channel.Loops, loop];
                return false;
            }

            // In the table before the broker is asked, so that a message that comes at once is not lost.
            channel = new NodeChannel(name) { Loops = loop.Alone };
            stripe.Add(channel);
            return true;
        }
    }

    /// <summary>Notes that a loop has none any more. True: it was the last.</summary>
    private bool Leave(HubLoop loop, string name)
    {
        var stripe = StripeOf(name);
        lock (stripe)
        {
            if (stripe.Find(name) is not { } channel)
            {
                return false;
            }

            HubLoop[] left = [.. channel.Loops.Where(one => one != loop)];
            channel.Loops = left.Length == 1 ? left[0].Alone : left;
            return left.Length == 0 && stripe.Remove(channel);
        }
    }

    private NodeChannel? Find(string name)
    {
        var stripe = StripeOf(name);
        lock (stripe)
        {
            return stripe.Find(name);
        }
    }

    private NameTable<NodeChannel> StripeOf(string name) => _stripes[IndexOf(name)];

    private Lock ChangesOf(string name) => _changes[IndexOf(name)];

    // By other bits than the table's own.
    private static uint IndexOf(string name) =>
        (uint)NameTable<NodeChannel>.HashOf(name) >> (32 - System.Numerics.BitOperations.Log2(Stripes));
}
