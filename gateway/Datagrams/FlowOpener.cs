// Hot path: per flow. See tests/benchmarks.
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

/// <summary>Opens flows within the limits, moves them off endpoints that are gone, and closes them.</summary>
internal sealed unsafe class FlowOpener(RelayLoop loop, DatagramLoop owner)
{
    /// <summary>A flow whose client has sent one datagram only gives way to a new one when it is this old. In microseconds.</summary>
    private const long EvictableAfter = 1_000_000;

    /// <summary>The endpoint that the hash says and two others.</summary>
    private const int MaxAttempts = 3;

    /// <summary>Of a flow's socket; the kernel gives no more than net.core.rmem_max, and takes memory only as datagrams wait.</summary>
    private const int ReceiveBytes = 1024 * 1024;

    /// <summary>Unconfirmed flows looked at for one of the listener that is full.</summary>
    private const int EvictionTries = 16;

    /// <summary>Of flows that outlive their listener's config: 60 s.</summary>
    private const uint DefaultSessionTicks = 60_000 / TimerWheel.TickMilliseconds;

    private readonly List<int> _ended = [];
    private bool _exhausted;

    public uint SessionTicks(int listener) => loop.Engine.Listeners[listener].Setup?.Config.IdleTicks ?? DefaultSessionTicks;

    /// <summary>A new flow for a client; 0, counted, where it is refused.</summary>
    public int Open(Shard shard, in FlowKey key, byte* name)
    {
        var engine = loop.Engine;
        var listener = engine.Listeners[shard.Listener];
        var setup = listener.Setup;
        var refusal = loop.Admission.TakeFlow(listener, setup, key.Client);
        if (
            refusal is RefusalReason.Capacity or RefusalReason.FleetCapacity or RefusalReason.ListenerCapacity
            && Evict(refusal == RefusalReason.ListenerCapacity ? key.Listener : -1)
        )
        {
            refusal = loop.Admission.TakeFlow(listener, setup, key.Client);
        }

        if (refusal is not null)
        {
            listener.CountRefusal(refusal.Value);
            return 0;
        }

        var handle = owner.Flows.Add(key);
        var flow = owner.Flows[handle];
        flow->Client = KernelAddress.Copy(name);
        flow->Shard = shard.Number;
        flow->Started = loop.Now;
        flow->LastActive = loop.Tick;
        flow->Country = loop.Countries.IsOn ? loop.Countries.Entered(key.Client, isNew: true) : (ushort)0;
        flow->Upstream = -1;
        flow->Endpoint = flow->FirstTried = flow->SecondTried = -1;
        if (!Connect(handle, flow, setup!.Backend!))
        {
            listener.CountRefusal(
                _exhausted ? RefusalReason.Resources
                : flow->FirstTried >= 0 ? RefusalReason.ConnectFailed
                : Array.Exists(setup.Backend!.Set.Endpoints, e => !e.Target.Draining) ? RefusalReason.BackendCapacity
                : RefusalReason.NoBackend
            );
            Release(flow);
            owner.Flows.Remove(handle);
            return 0;
        }

        loop.Counters[key.Listener]->Traffic.Connections++;
        return handle;
    }

    /// <summary>Moves a flow whose endpoint is gone to another one. False: there is none, and the flow is closed.</summary>
    /// <remarks>The endpoint's passive health is told. What the client sends from here on goes to the other.</remarks>
    public bool Reopen(int handle)
    {
        var flow = owner.Flows[handle];
        Unreachable(flow);
        var backend = loop.Engine.Listeners[flow->Listener].Setup?.Backend;
        if (backend is null || flow->SecondTried >= 0 || !Connect(handle, flow, backend))
        {
            Close(handle, CloseReason.BackendReset);
            return false;
        }

        return true;
    }

    /// <summary>Lets go of an endpoint that is gone, and counts its failure. The flow has none then.</summary>
    public void Unreachable(Flow* flow)
    {
        if (flow->Endpoint < 0)
        {
            return;
        }

        var endpoint = loop.Engine.Endpoints[flow->Endpoint];
        endpoint.ConnectFailed(loop.Now);
        Tried(flow, flow->Endpoint);
        Disconnect(flow);
    }

    /// <summary>The first answer of the endpoint at hand: it lives.</summary>
    public void Answered(Flow* flow)
    {
        if (flow->Answers == 0)
        {
            FlowTraffic.FirstAnswer(loop, flow);
        }

        flow->State |= FlowState.Answered;
        flow->FirstTried = flow->SecondTried = -1;
        loop.Engine.Endpoints[flow->Endpoint].ConnectSucceeded(loop.Now);
    }

    /// <summary>Ends the flow after this turn where its listener says that it has had its answers.</summary>
    public void CountAnswers(int handle, Flow* flow)
    {
        var responses = loop.Engine.Listeners[flow->Listener].Setup?.Config.Udp?.Responses ?? 0;
        if (responses > 0 && flow->Answers >= responses * flow->Requests && (flow->State & FlowState.Ended) == FlowState.None)
        {
            flow->State |= FlowState.Ended;
            _ended.Add(handle);
        }
    }

    /// <summary>Closes the flows that have had their answers. Nothing of theirs may wait to be sent.</summary>
    public void CloseEnded()
    {
        foreach (var handle in _ended)
        {
            var flow = owner.Flows[handle];
            // It may have been closed for another reason meanwhile, and the place be another flow's.
            if ((flow->State & FlowState.Ended) == FlowState.None)
            {
                continue;
            }

            flow->State &= ~FlowState.Ended;
            var responses = loop.Engine.Listeners[flow->Listener].Setup?.Config.Udp?.Responses ?? 0;
            if (responses > 0 && flow->Answers >= responses * flow->Requests)
            {
                Close(handle, CloseReason.BackendClosed);
            }
        }

        _ended.Clear();
    }

    /// <summary>Ends a flow. What was gathered of its answers goes out first.</summary>
    public void Close(int handle, CloseReason reason)
    {
        owner.Answers.Flush();
        var flow = owner.Flows[handle];
        var endpoint = flow->Endpoint >= 0 ? flow->Endpoint : flow->FirstTried;
        loop.Engine.AccessLog?.Offer(
            new AccessRecord
            {
                Listener = loop.Engine.Listeners[flow->Listener],
                Endpoint = endpoint >= 0 ? loop.Engine.Endpoints[endpoint] : null,
                ClientAddress = flow->Key.Client,
                ClientPort = flow->Key.Port,
                Started = flow->Started,
                DurationMicroseconds = loop.Now - flow->Started,
                Received = flow->Received,
                Sent = flow->Sent,
                Reason = reason,
            }
        );
        FlowTraffic.Closed(loop, flow, reason);
        Disconnect(flow);
        Release(flow);
        owner.Shards.OnClosed(flow);
        flow->State = FlowState.None;
        owner.Flows.Remove(handle);
    }

    private void Release(Flow* flow)
    {
        loop.Countries.Left(flow->Country);
        loop.Admission.Release(flow->Listener, flow->Key.Client);
    }

    /// <summary>Makes room: the oldest flow whose client never sent a second datagram goes. False: there is none.</summary>
    /// <param name="listener">Whose flow it must be; -1: any.</param>
    private bool Evict(int listener)
    {
        var handle = owner.Flows.OldestUnconfirmed;
        for (var i = 0; i < EvictionTries && handle != 0; i++)
        {
            var flow = owner.Flows[handle];
            if (loop.Now - flow->Started < EvictableAfter)
            {
                return false;
            }

            if (listener < 0 || flow->Listener == listener)
            {
                Close(handle, CloseReason.Evicted);
                return true;
            }

            handle = flow->Newer;
        }

        return false;
    }

    /// <summary>Chooses an endpoint and connects a socket to it. False: none would do.</summary>
    private bool Connect(int handle, Flow* flow, BackendState backend)
    {
        _exhausted = false;
        for (var attempt = 0; attempt < MaxAttempts && !_exhausted; attempt++)
        {
            var endpoint = backend.Set.Acquire(
                BalancingPolicy.ConsistentHash,
                flow->Key.Client.ClientKey,
                loop.NextRandom(),
                loop.Now,
                new Tried(flow->FirstTried, flow->SecondTried)
            );
            if (endpoint is null)
            {
                return false;
            }

            if (TryConnect(handle, flow, endpoint))
            {
                return true;
            }

            endpoint.Release();
            Tried(flow, endpoint.Index);
        }

        return false;
    }

    private bool TryConnect(int handle, Flow* flow, EndpointState endpoint)
    {
        var address = endpoint.Target.Address;
        var socket = DatagramSockets.Open(address.Family);
        var channel = socket < 0 ? null : loop.Table.Claim(socket, ChannelKind.Datagram, ChannelPhase.Flow);
        if (channel == null)
        {
            _exhausted = true;
            return Discard(socket);
        }

        // A burst of answers waits here while the loop is busy.
        Libc.SetOption(socket, SocketLevel.Socket, SocketOption.ReceiveBuffer, ReceiveBytes);
        // Unreachable hosts are told too, not only closed ports.
        Libc.SetOption(
            socket,
            address.Family == SocketFlag.Inet ? UdpLevel.Ip : UdpLevel.IPv6,
            address.Family == SocketFlag.Inet ? UdpOption.ReceiveErrors : UdpOption.ReceiveErrors6,
            1
        );
        if (loop.Engine.Datagrams.Coalescing)
        {
            Libc.SetOption(socket, UdpLevel.Udp, UdpOption.Gro, 1);
        }

        if (Libc.Connect(socket, &address, address.Length) < 0)
        {
            var error = Libc.LastError;
            _exhausted = error is Errno.EAGAIN or Errno.EADDRNOTAVAIL or Errno.ENOBUFS or Errno.ENOMEM;
            if (!_exhausted)
            {
                endpoint.ConnectFailed(loop.Now);
            }

            channel->Kind = ChannelKind.None;
            return Discard(socket);
        }

        if (!loop.RegisterInput(socket, edge: true))
        {
            _exhausted = true;
            channel->Kind = ChannelKind.None;
            return Discard(socket);
        }

        channel->Peer = handle;
        channel->Loop = loop.Owner;
        channel->Started = flow->Started;
        channel->Listener = flow->Listener;
        flow->Upstream = socket;
        flow->Endpoint = endpoint.Index;
        flow->Backend = endpoint.BackendIndex;
        loop.Counters.Backend(flow->Backend)->Connections++;
        flow->State &= ~FlowState.Answered;
        loop.Timers.Arm(socket, loop.Tick + SessionTicks(flow->Listener));
        return true;
    }

    private void Disconnect(Flow* flow)
    {
        if (flow->Upstream < 0)
        {
            return;
        }

        loop.Timers.Disarm(flow->Upstream);
        loop.CloseLater(flow->Upstream);
        loop.Engine.Endpoints[flow->Endpoint].Release();
        flow->Upstream = flow->Endpoint = -1;
    }

    private static void Tried(Flow* flow, int endpoint)
    {
        var tried = new Tried(flow->FirstTried, flow->SecondTried).With(endpoint);
        (flow->FirstTried, flow->SecondTried) = (tried.First, tried.Second);
    }

    private static bool Discard(int socket)
    {
        if (socket >= 0)
        {
            _ = Libc.Close(socket);
        }

        return false;
    }
}
