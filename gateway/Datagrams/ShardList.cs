using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

/// <summary>The sockets that clients' datagrams come in by at one loop. For the loop's thread only.</summary>
/// <remarks>
/// A socket that is taken away (its listener is gone, or a sibling process gets it) takes no flow with it: each open flow gets a pin, a
/// socket on the same port that is connected to its client, which the kernel prefers to any other for that client's datagrams. What came
/// before waits in the socket that is left, and is read last. From then on the sibling sees new clients only.
/// </remarks>
internal sealed unsafe class ShardList(RelayLoop loop, DatagramLoop owner)
{
    /// <summary>Batches read from a socket that is left: as many as fit in its buffer, were they of small datagrams.</summary>
    private const int LastBatches = 256;

    /// <summary>Times that flows of clients who came in between are pinned too.</summary>
    private const int LastRounds = 4;

    private readonly List<Shard?> _shards = [];
    private readonly Stack<int> _free = new();

    public Shard? this[int number] => _shards[number];

    /// <summary>Receives from exactly these sockets from now on.</summary>
    /// <param name="wanted">The sockets and the listeners that they serve.</param>
    /// <param name="keepFlows">Flows of the others go on; false: they are about to be closed.</param>
    public void Watch(IReadOnlyDictionary<DatagramSocket, ushort> wanted, bool keepFlows)
    {
        var known = new HashSet<DatagramSocket>();
        foreach (var shard in _shards.Where(shard => shard is { IsPin: false }).ToList())
        {
            if (wanted.TryGetValue(shard!.Socket!, out var listener))
            {
                known.Add(shard.Socket!);
                shard.Listener = listener;
                continue;
            }

            // First no more of it is read: what waits in it is for whoever has it next.
            loop.Unregister(shard.Descriptor);
            Leave(shard, keepFlows);
            loop.Table[shard.Descriptor]->Kind = ChannelKind.None;
            Free(shard);
        }

        foreach (var (socket, listener) in wanted.Where(pair => !known.Contains(pair.Key)))
        {
            if (Add(socket.Descriptor, socket.Family, socket.Wildcard, listener, socket) is null)
            {
                loop.OnFault(
                    -1,
                    new IOException($"port {socket.Port} is not served by this loop: there is no place for descriptor {socket.Descriptor}")
                );
            }
        }
    }

    /// <summary>A flow's pin that another process made, or that was released; null, leaving the socket to the caller: the kernel refuses.</summary>
    public Shard? Attach(int descriptor, int family, ushort listener, int flow) =>
        Add(descriptor, family, wildcard: false, listener, null, flow);

    /// <summary>Lets go of a pin without closing it.</summary>
    public void Detach(Shard pin)
    {
        loop.Unqueue(pin.Descriptor);
        loop.Unregister(pin.Descriptor);
        loop.Table[pin.Descriptor]->Kind = ChannelKind.None;
        Free(pin);
    }

    /// <summary>A flow is closed, and with it its pin.</summary>
    public void OnClosed(Flow* flow)
    {
        if (flow->Shard >= 0 && _shards[flow->Shard] is { IsPin: true } pin)
        {
            loop.CloseLater(pin.Descriptor);
            Free(pin);
        }
    }

    /// <summary>Adds every open flow.</summary>
    public void List(List<OpenConnection> connections)
    {
        foreach (var handle in owner.Flows.All())
        {
            var flow = owner.Flows[handle];
            connections.Add(new OpenConnection(loop.Owner - 1, flow->Upstream, flow->Started, flow->Listener, IsWebSocket: false));
        }
    }

    /// <summary>Closes a flow that is still the one that was listed.</summary>
    public bool Close(OpenConnection connection, int handle, CloseReason reason)
    {
        var flow = owner.Flows[handle];
        if (flow->Upstream != connection.Descriptor || flow->Started != connection.Started)
        {
            return false;
        }

        owner.Opener.Close(handle, reason);
        return true;
    }

    /// <summary>Closes every flow to an endpoint.</summary>
    public void CloseTo(int endpoint, CloseReason reason)
    {
        foreach (var handle in owner.Flows.All())
        {
            if (owner.Flows[handle]->Endpoint == endpoint)
            {
                owner.Opener.Close(handle, reason);
            }
        }
    }

    private Shard? Add(int descriptor, int family, bool wildcard, ushort listener, DatagramSocket? socket, int flow = 0)
    {
        var channel = loop.Table.Claim(descriptor, ChannelKind.Datagram, ChannelPhase.Shard);
        if (channel == null)
        {
            return null;
        }

        if (socket is not null)
        {
            // Tried until the kernel watches it.
            loop.RegisterShard(descriptor);
        }
        else if (!loop.RegisterInput(descriptor, edge: false))
        {
            channel->Kind = ChannelKind.None;
            return null;
        }

        var shard = new Shard
        {
            Descriptor = descriptor,
            Number = _free.TryPop(out var number) ? number : _shards.Count,
            Family = family,
            Wildcard = wildcard,
            Listener = listener,
            Socket = socket,
            Flow = flow,
        };
        channel->Peer = shard.Number;
        if (shard.Number == _shards.Count)
        {
            _shards.Add(shard);
        }
        else
        {
            _shards[shard.Number] = shard;
        }

        return shard;
    }

    private void Free(Shard shard)
    {
        _shards[shard.Number] = null;
        _free.Push(shard.Number);
    }

    private void Leave(Shard shard, bool keepFlows)
    {
        owner.Answers.Flush();
        if (!keepFlows)
        {
            FlowsOf(shard).ForEach(handle => owner.Opener.Close(handle, CloseReason.Drained));
            return;
        }

        var pins = new List<Shard>();
        var newcomers = FlowsOf(shard);
        for (var round = 0; ; round++)
        {
            pins.AddRange(newcomers.Select(handle => Pin(handle, shard)).OfType<Shard>());
            if (round == LastRounds)
            {
                break;
            }

            // What came before the pins stood. A sibling would take it for new clients'.
            for (var i = 0; i < LastBatches && owner.Receive(shard) > 0; i++) { }

            newcomers = FlowsOf(shard);
            if (newcomers.Count == 0)
            {
                break;
            }
        }

        // In the order in which they were made, so that what one took of the others' clients comes before what these have themselves.
        foreach (var pin in pins.Where(pin => _shards[pin.Number] == pin))
        {
            owner.Receive(pin);
        }
    }

    private List<int> FlowsOf(Shard shard) => owner.Flows.All().FindAll(handle => owner.Flows[handle]->Shard == shard.Number);

    /// <summary>Null: no such socket is to be had, and the flow is closed.</summary>
    private Shard? Pin(int handle, Shard shard)
    {
        var pin = Pin(handle, owner.Flows[handle], shard);
        if (pin is null)
        {
            owner.Opener.Close(handle, CloseReason.Resources);
        }

        return pin;
    }

    private Shard? Pin(int handle, Flow* flow, Shard shard)
    {
        var port = shard.Socket!.Port;
        // Never at the very address that the port's own sockets have: it would join their group, and the kernel would share the clients out
        // anew. From the wildcard address the connect below leads to the right one, on a host whose routes go back the way they came.
        var local = shard.Wildcard ? flow->Key.Local : default;
        var expected = shard.Wildcard ? flow->Key.Local : shard.Socket.Local;
        var bind = KernelAddress.Of(local, shard.Family, port, flow->Key.Rest >> 32);
        var client = flow->Client;
        var socket = DatagramSockets.Open(shard.Family);
        if (socket < 0)
        {
            return null;
        }

        Libc.SetOption(socket, SocketLevel.Socket, UdpOption.ReusePort, 1);
        if (shard.Family == SocketFlag.Inet6)
        {
            Libc.SetOption(socket, SocketLevel.IPv6, SocketOption.IPv6Only, 0);
        }

        DatagramSocket.Prepare(socket, shard.Family, wildcard: false, loop.Engine.Datagrams.Coalescing);
        var bound = stackalloc byte[KernelAddress.MaxBytes];
        uint length = KernelAddress.MaxBytes;
        if (
            Libc.Bind(socket, &bind, bind.Length) < 0
            || Libc.Connect(socket, &client, client.Length) < 0
            || Libc.GetSocketName(socket, bound, &length) < 0
            || KernelAddress.Read(bound).Address != expected
            || Add(socket, shard.Family, wildcard: false, flow->Listener, null, handle) is not { } pin
        )
        {
            _ = Libc.Close(socket);
            return null;
        }

        flow->Shard = pin.Number;
        return pin;
    }
}
