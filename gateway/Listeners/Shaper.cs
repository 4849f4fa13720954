// Hot path: per read of limited connections.
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>Limits of bandwidth of one loop's connections: how much a read may take, and when reading goes on.</summary>
/// <remarks>
/// Only reading is held up: what is not read waits with its sender, by TCP's own window, and costs nothing here. A connection without
/// such limits has no state for them. Limits are looked up at each read, so a reload holds for the buckets of open connections at once.
/// </remarks>
internal sealed unsafe class Shaper : IDisposable
{
    private const int FromClient = 0;
    private const int FromUpstream = 1;

    private readonly RelayLoop _loop;
    private readonly NativeSlab<Shape> _shapes = new();
    private readonly NativeSlab<TunnelShape> _tunnels = new();
    private readonly PauseWheel _pauses;
    private readonly Action<int> _resume;

    // What the read that is about to be made may take of a listener's bucket.
    private ListenerState? _reservedOf;
    private bool _reservedFromClient;
    private ByteRate _reservedAt;
    private int _reserved;

    public Shaper(RelayLoop loop)
    {
        _loop = loop;
        _pauses = new PauseWheel(NodeOf);
        _resume = Resume;
    }

    /// <summary>Connections with limits.</summary>
    public int Count => _shapes.Count;

    /// <summary>Gives limits to connections of this loop that were open before their listener had any.</summary>
    public void Attach()
    {
        foreach (var client in _loop.Table.ClientsOf(_loop.Owner))
        {
            var channel = _loop.Table[client];
            var carries = channel->Phase is ChannelPhase.Relaying or ChannelPhase.WebSocket;
            if (carries && _loop.ConfigOf(channel)?.Limits.IsShaped == true)
            {
                Attach(client, channel);
            }
        }
    }

    /// <summary>From now on the connection has limits, if its listener has.</summary>
    public void Attach(int client, Channel* channel)
    {
        if (channel->Peer < 0 || channel->Has(ChannelFlags.Shaped))
        {
            return;
        }

        var handle = _shapes.Rent();
        _shapes[handle]->Client = client;
        _loop.Sides.Claim(client, channel)->Shape = handle;
        channel->Flags |= ChannelFlags.Shaped;
        _loop.Table[channel->Peer]->Flags |= ChannelFlags.Shaped;
    }

    /// <summary>A limit of bandwidth for all visitors of a tunnel together, in each direction.</summary>
    public int NewTunnel(long bytesPerSecond)
    {
        var handle = _tunnels.Rent();
        *_tunnels[handle] = new TunnelShape { Rate = ByteRate.Of(bytesPerSecond) };
        return handle;
    }

    /// <summary>Changes the limit of a tunnel; 0: none. Its connections follow at their next read.</summary>
    public void SetTunnel(int handle, long bytesPerSecond)
    {
        var tunnel = _tunnels[handle];
        if (tunnel->Rate.IsSet != (bytesPerSecond != 0))
        {
            // What was taken under another limit long ago is nobody's debt.
            (tunnel->Receive, tunnel->Send) = (0, 0);
        }

        tunnel->Rate = ByteRate.Of(bytesPerSecond);
    }

    /// <summary>No connection has it any more.</summary>
    public void ForgetTunnel(int handle) => _tunnels.Return(handle);

    /// <summary>From now on the connection has its tunnel's limit too.</summary>
    public void AttachTunnel(int client, Channel* channel, int tunnel)
    {
        Attach(client, channel);
        _shapes[_loop.Engine.Sides[client]->Shape]->Tunnel = tunnel;
    }

    /// <summary>The buckets of a connection, for another process to go on with; null: it has none.</summary>
    public (long Receive, long Send)? Read(int client, Channel* channel)
    {
        if (!channel->Has(ChannelFlags.Shaped))
        {
            return null;
        }

        var shape = _shapes[_loop.Engine.Sides[client]->Shape];
        return (shape->Receive, shape->Send);
    }

    /// <summary>As <see cref="Attach(int, Channel*)"/>, where the listener has limits, with the buckets as they were in another process.</summary>
    public void Resume(int client, Channel* channel, (long Receive, long Send)? buckets)
    {
        if (_loop.ConfigOf(channel)?.Limits.IsShaped != true)
        {
            return;
        }

        Attach(client, channel);
        if (buckets is { } levels)
        {
            var shape = _shapes[_loop.Engine.Sides[client]->Shape];
            (shape->Receive, shape->Send) = levels;
        }
    }

    /// <summary>Bytes that may be read from a side now, at most <paramref name="wanted"/>; 0: not now, reading goes on by itself.</summary>
    /// <remarks>They are reserved of the listener's bucket until <see cref="Charge"/> says how many came, or somebody else reads, or the turn ends.</remarks>
    public int Allow(int descriptor, Channel* source, int wanted)
    {
        GiveBack();
        var fromClient = source->Kind == ChannelKind.Client;
        var client = fromClient ? descriptor : source->Peer;
        var handle = _loop.Engine.Sides[client]->Shape;
        var shape = _shapes[handle];
        var state = _loop.Engine.Listeners[_loop.Table[client]->Listener];
        var limits = _loop.ConfigOf(_loop.Table[client])?.Limits ?? LimitsSnapshot.None;
        var now = _loop.Now;
        long wait = 0;
        Ask(fromClient ? limits.ConnectionReceive : limits.ConnectionSend, fromClient ? shape->Receive : shape->Send);
        if (shape->Tunnel != 0)
        {
            var tunnel = _tunnels[shape->Tunnel];
            Ask(tunnel->Rate, fromClient ? tunnel->Receive : tunnel->Send);
        }

        // Last, since it is reserved: by as much as the others allow.
        var shared = fromClient ? limits.ListenerReceive : limits.ListenerSend;
        if (shared.IsSet && wait == 0)
        {
            ref var bucket = ref BucketOf(state, fromClient);
            wanted = shared.ReserveShared(ref bucket, now, wanted);
            if (wanted == 0)
            {
                wait = shared.Wait(Volatile.Read(ref bucket), now);
            }
            else
            {
                (_reservedOf, _reservedFromClient, _reservedAt, _reserved) = (state, fromClient, shared, wanted);
            }
        }

        if (wait > 0)
        {
            Pause((handle * 2) + (fromClient ? FromClient : FromUpstream), wait);
            _loop.Counters[state.Index]->Pauses++;
            return 0;
        }

        return wanted;

        void Ask(ByteRate rate, long bucket)
        {
            if (!rate.IsSet)
            {
                return;
            }

            wanted = Math.Min(wanted, rate.Available(bucket, now));
            wait = wanted == 0 ? Math.Max(wait, rate.Wait(bucket, now)) : wait;
        }
    }

    /// <summary>Bytes were read from a side.</summary>
    public void Charge(Channel* source, int count)
    {
        var fromClient = source->Kind == ChannelKind.Client;
        var client = fromClient ? _loop.Table[source->Peer]->Peer : source->Peer;
        var shape = _shapes[_loop.Engine.Sides[client]->Shape];
        var state = _loop.Engine.Listeners[_loop.Table[client]->Listener];
        var limits = _loop.ConfigOf(_loop.Table[client])?.Limits ?? LimitsSnapshot.None;
        var own = fromClient ? limits.ConnectionReceive : limits.ConnectionSend;
        if (own.IsSet)
        {
            own.Charge(ref fromClient ? ref shape->Receive : ref shape->Send, _loop.Now, count);
        }

        if (shape->Tunnel != 0 && _tunnels[shape->Tunnel]->Rate.IsSet)
        {
            var tunnel = _tunnels[shape->Tunnel];
            tunnel->Rate.Charge(ref fromClient ? ref tunnel->Receive : ref tunnel->Send, _loop.Now, count);
        }

        if (_reserved > 0 && _reservedOf == state && _reservedFromClient == fromClient)
        {
            var taken = Math.Min(_reserved, count);
            _reserved -= taken;
            count -= taken;
        }

        GiveBack();
        var shared = fromClient ? limits.ListenerReceive : limits.ListenerSend;
        if (shared.IsSet && count > 0)
        {
            shared.ChargeShared(ref BucketOf(state, fromClient), _loop.Now, count);
        }
    }

    /// <summary>Resumes what is due, and makes sure that the loop wakes for the next.</summary>
    public void OnTurnEnd()
    {
        GiveBack();
        if (_pauses.Count == 0)
        {
            return;
        }

        _pauses.Advance(_loop.Tick, _resume);
        if (_pauses.TicksToNext(_loop.Tick) is >= 0 and var ticks)
        {
            _loop.WakeAfter(Math.Max(1, ticks) * TimerWheel.TickMilliseconds * 1000L);
        }
    }

    /// <summary>The connection has ended.</summary>
    public void Forget(int handle)
    {
        _pauses.Remove((handle * 2) + FromClient);
        _pauses.Remove((handle * 2) + FromUpstream);
        _shapes.Return(handle);
    }

    public void Dispose()
    {
        _shapes.Dispose();
        _tunnels.Dispose();
    }

    private static ref long BucketOf(ListenerState state, bool fromClient) =>
        ref fromClient ? ref state.Buckets.Receive : ref state.Buckets.Send;

    /// <summary>What was reserved and not read is the listener's again.</summary>
    private void GiveBack()
    {
        if (_reserved > 0)
        {
            _reservedAt.ReturnShared(ref BucketOf(_reservedOf!, _reservedFromClient), _reserved);
            _reserved = 0;
        }
    }

    private void Pause(int index, long microseconds)
    {
        if (!NodeOf(index)->IsWaiting)
        {
            const long Tick = TimerWheel.TickMilliseconds * 1000;
            _pauses.Add(index, _loop.Tick, (int)Math.Min(PauseWheel.MaxTicks, (microseconds + Tick - 1) / Tick));
        }
    }

    /// <summary>As if it had become readable: in the next turn, to its end.</summary>
    private void Resume(int index)
    {
        var client = _shapes[index / 2]->Client;
        _loop.Queue(index % 2 == FromClient ? client : _loop.Table[client]->Peer);
    }

    private PauseNode* NodeOf(int index)
    {
        var shape = _shapes[index / 2];
        return index % 2 == FromClient ? &shape->ClientPause : &shape->UpstreamPause;
    }
}

/// <summary>A connection's limits of bandwidth, in native memory.</summary>
internal struct Shape
{
    /// <summary>Buckets of what comes from the client, and of what goes to it.</summary>
    public long Receive;
    public long Send;
    public PauseNode ClientPause;
    public PauseNode UpstreamPause;
    public int Client;

    /// <summary>Handle of its tunnel's limit; 0: none.</summary>
    public int Tunnel;
}

/// <summary>A tunnel's limit of bandwidth, in native memory.</summary>
internal struct TunnelShape
{
    public ByteRate Rate;
    public long Receive;
    public long Send;
}
