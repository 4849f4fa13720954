using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

/// <summary>The sockets that clients' datagrams come in by at one loop. For the loop's thread only.</summary>
/// <remarks>
/// A socket that is taken away (its listener is gone, or a sibling process gets it) takes no flow with it: each open flow gets a pin, a
/// socket on the same port that is connected to its client, which the kernel prefers to any other for that client's datagrams. From then
/// on the sibling sees new clients only.
/// </remarks>
internal sealed unsafe class ShardList(RelayLoop loop, DatagramLoop owner)
{
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
            Add(socket.Descriptor, socket.Family, socket.Wildcard, listener, socket);
        }
    }

    /// <summary>A flow is closed, and with it its pin.</summary>
    public void OnClosed(Flow* flow)
    {
        if (_shards[flow->Shard] is { IsPin: true } pin)
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
        if (channel == null || !loop.RegisterInput(descriptor, edge: false))
        {
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
        foreach (var handle in owner.Flows.All())
        {
            var flow = owner.Flows[handle];
            if (flow->Shard == shard.Number && (!keepFlows || !Pin(handle, flow, shard)))
            {
                owner.Opener.Close(handle, keepFlows ? CloseReason.Resources : CloseReason.Drained);
            }
        }
    }

    private bool Pin(int handle, Flow* flow, Shard shard)
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
            return false;
        }

        Libc.SetOption(socket, SocketLevel.Socket, UdpOption.ReusePort, 1);
        if (shard.Family == SocketFlag.Inet6)
        {
            Libc.SetOption(socket, SocketLevel.IPv6, SocketOption.IPv6Only, 0);
        }

        DatagramSocket.Prepare(socket, shard.Family, wildcard: false);
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
            return false;
        }

        flow->Shard = pin.Number;
        return true;
    }
}
