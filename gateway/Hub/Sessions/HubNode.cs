// Hot path: per publication. See tests/benchmarks.
using System.Collections.Concurrent;
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

    private readonly ConcurrentDictionary<string, NodeChannel> _channels = new(StringComparer.Ordinal);
    private readonly Lock[] _stripes = [.. Enumerable.Range(0, Stripes).Select(static _ => new Lock())];
    private readonly TimeProvider _time;
    private HubLoop[] _loops = [];
    private HubOptions _options;
    private TokenChecker? _tokens;
    private IRpcBackend? _rpc;
    private HubApi? _api;

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
        set => Volatile.Write(ref _options, value);
    }

    /// <summary>Null: there are no tokens.</summary>
    public TokenChecker? Tokens
    {
        get => Volatile.Read(ref _tokens);
        set => Volatile.Write(ref _tokens, value);
    }

    /// <summary>Null: there is nobody to answer RPCs.</summary>
    public IRpcBackend? Rpc
    {
        get => Volatile.Read(ref _rpc);
        set => Volatile.Write(ref _rpc, value);
    }

    /// <summary>Null: it is off.</summary>
    public HubApi? Api
    {
        get => Volatile.Read(ref _api);
        set => Volatile.Write(ref _api, value);
    }

    public IReadOnlyList<HubLoop> Loops => Volatile.Read(ref _loops);

    public long UnixMilliseconds => _time.GetUtcNow().ToUnixTimeMilliseconds();

    public long UnixSeconds => _time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Channels with subscribers here.</summary>
    public int ChannelCount => _channels.Count;

    public IEnumerable<string> Channels => _channels.Keys;

    public void Add(HubLoop loop)
    {
        lock (_stripes[0])
        {
            Volatile.Write(ref _loops, [.. _loops, loop]);
        }
    }

    /// <summary>Messages of a channel are to come to a loop. Asked again for the same, it says the same.</summary>
    public ValueTask<BrokerStatus> SubscribeAsync(HubLoop loop, string name)
    {
        lock (StripeOf(name))
        {
            if (!_channels.TryGetValue(name, out var channel))
            {
                // In the table first, so that a message that comes at once is not lost.
                channel = _channels[name] = new NodeChannel(name) { Ready = null!, Loops = [loop] };
                channel.Ready = Broker.SubscribeAsync(name).AsTask();
                if (Options.Find(name) is { IsPositioned: true })
                {
                    Positions.Watch(channel);
                }
            }
            else if (!channel.Loops.Contains(loop))
            {
                channel.Loops = [.. channel.Loops, loop];
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

    /// <summary>A loop has no subscriber of the channel any more.</summary>
    public void Unsubscribe(HubLoop loop, string name)
    {
        lock (StripeOf(name))
        {
            if (!_channels.TryGetValue(name, out var channel))
            {
                return;
            }

            channel.Loops = [.. channel.Loops.Where(one => one != loop)];
            if (channel.Loops.Length == 0)
            {
                _channels.TryRemove(name, out _);
                Broker.Unsubscribe(name);
            }
        }
    }

    /// <summary>Whether it is still the channel of its name.</summary>
    public bool IsCurrent(NodeChannel channel) => _channels.TryGetValue(channel.Name, out var known) && known == channel;

    public void OnPublication(string channel, StreamPosition position, ReadOnlyMemory<byte> payload)
    {
        if (!_channels.TryGetValue(channel, out var known))
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
        if (_channels.TryGetValue(channel, out var known) && PublicationParts.TryDecodeInfo(info, out var decoded))
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
            if (_channels.TryGetValue(name, out var channel))
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
        (Rpc as IDisposable)?.Dispose();
    }

    private Lock StripeOf(string name) => _stripes[(uint)name.GetHashCode(StringComparison.Ordinal) % Stripes];
}
