// Hot path: per flow. See tests/benchmarks.
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

/// <summary>A flow's way to its endpoint, and to another one.</summary>
internal sealed unsafe partial class FlowOpener
{
    /// <summary>The endpoint that the hash says and two others: as many as a flow remembers, and the backend's <c>retry</c> may say fewer.</summary>
    public const int MaxAttempts = 3;

    /// <summary>Of a flow's socket; the kernel gives no more than net.core.rmem_max, and takes memory only as datagrams wait.</summary>
    private const int ReceiveBytes = 1024 * 1024;

    private bool _exhausted;

    /// <summary>And it was a local port that was wanting.</summary>
    private bool _portless;

    /// <summary>Moves a flow whose endpoint is gone to another one. False: there is none, and the flow is closed.</summary>
    /// <remarks>The endpoint's passive health is told. What the client sends from here on goes to the other.</remarks>
    public bool Reopen(int handle)
    {
        var flow = owner.Flows[handle];
        Unreachable(flow);
        var backend = SetupOf(flow->Listener)?.Backend;
        if (backend is null || !Connect(handle, flow, backend))
        {
            Close(handle, CloseReason.BackendReset);
            return false;
        }

        return true;
    }

    /// <summary>Moves a flow whose endpoint is lost without a word of the network, where another can be used. No failure is counted.</summary>
    /// <remarks>For each flow once an epoch. Where there is no other, to stay is better than to end: checks and breakers may be wrong.</remarks>
    public void Review(int handle)
    {
        var flow = owner.Flows[handle];
        flow->Reviewed = owner.Epoch;
        var endpoint = loop.Engine.Endpoints[flow->Endpoint];
        var isElsewhere = endpoint.HasMoved && IsElsewhere(flow, endpoint);
        if (!isElsewhere && !endpoint.IsLost(loop.Now))
        {
            return;
        }

        var socket = flow->Upstream;
        var (tried, failures) = (new Tried(flow->FirstTried, flow->SecondTried), flow->Failures);
        if (SetupOf(flow->Listener)?.Backend is not { } backend || !Connect(handle, flow, backend, isElsewhere ? null : endpoint))
        {
            (flow->FirstTried, flow->SecondTried, flow->Failures) = (tried.First, tried.Second, failures);
            owner.ReviewSoon();
            return;
        }

        loop.Timers.Disarm(socket);
        loop.CloseLater(socket);
        endpoint.Release();
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

    /// <summary>Chooses an endpoint and connects a socket to it. False, and nothing has changed: none would do.</summary>
    /// <param name="handle">The flow's.</param>
    /// <param name="flow">The flow.</param>
    /// <param name="backend">What to choose from.</param>
    /// <param name="lost">Where the flow is, and which will not do; null: none.</param>
    private bool Connect(int handle, Flow* flow, BackendState backend, EndpointState? lost = null)
    {
        (_exhausted, _portless) = (false, false);
        var attempts = Math.Min(backend.Config.Features.Retry.Attempts, MaxAttempts);
        while (flow->Failures < attempts && !_exhausted)
        {
            var endpoint = backend.Acquire(
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

            if (endpoint == lost)
            {
                // It has come back just now.
                endpoint.Release();
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
            // EAGAIN: inet_autobind of net/ipv4/af_inet.c found none.
            _portless = error is Errno.EADDRNOTAVAIL or Errno.EAGAIN;
            _exhausted = _portless || error is Errno.ENOBUFS or Errno.ENOMEM;
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

    /// <summary>The endpoint has another address than the flow's socket is connected to.</summary>
    public static bool IsElsewhere(Flow* flow, EndpointState endpoint)
    {
        var known = endpoint.Target.Address;
        var bytes = stackalloc byte[KernelAddress.MaxBytes];
        uint length = KernelAddress.MaxBytes;
        return Libc.GetPeerName(flow->Upstream, bytes, &length) == 0 && KernelAddress.Read(bytes) != KernelAddress.Read((byte*)&known);
    }

    private static void Tried(Flow* flow, int endpoint)
    {
        var tried = new Tried(flow->FirstTried, flow->SecondTried).With(endpoint);
        (flow->FirstTried, flow->SecondTried) = (tried.First, tried.Second);
        flow->Failures++;
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
