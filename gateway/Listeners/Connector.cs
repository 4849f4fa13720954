// Hot path: per connection. See tests/benchmarks.
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>Connects an accepted client to an endpoint, trying others while nothing was sent.</summary>
/// <remarks>
/// The client is not watched before its upstream stands, or while it waits for a place: what it sends meanwhile waits in the kernel, and the
/// connection is spared events that nothing could be done about. A client that leaves meanwhile is noticed then, after the connect timeouts at the latest.
/// </remarks>
internal sealed unsafe class Connector(RelayLoop loop)
{
    /// <summary>The last attempt failed for want of descriptors or memory here: another endpoint would not help.</summary>
    private bool _exhausted;

    /// <summary>The last attempt failed for want of a local port: it was nobody's fault but this host's.</summary>
    private bool _portless;

    /// <summary>
    /// Clients for whose upstream there was no descriptor, oldest first. The spare one of each loop is no promise: another thread may get
    /// it between its release and its use, and a client may come from another loop. Bounded by the descriptors that there are.
    /// </summary>
    private readonly List<int> _starved = [];

    /// <summary>Backends of the connects under way that are not the listener's own.</summary>
    private readonly Dictionary<int, BackendState> _routed = [];

    /// <summary>What endpoints are chosen by, of the connects under way that are not balanced as their listener says.</summary>
    private readonly Dictionary<int, ulong> _hashed = [];

    /// <summary>Chooses an endpoint for a client and starts to connect to it. The client may be gone when this returns.</summary>
    /// <param name="client">The client's descriptor.</param>
    /// <param name="channel">Its channel; its peer must be none.</param>
    /// <param name="backend">Where it is to go.</param>
    /// <param name="affinityKey">The endpoint to prefer, or null.</param>
    /// <param name="hashKey">What to choose by, by consistent hash; 0: as the listener balances.</param>
    public void Start(int client, Channel* channel, BackendState backend, string? affinityKey = null, ulong hashKey = 0)
    {
        if (hashKey != 0)
        {
            _hashed[client] = hashKey;
        }

        channel->Phase = ChannelPhase.Connecting;
        var setup = loop.Engine.Listeners[channel->Listener].Setup;
        if (setup?.Backend != backend)
        {
            _routed[client] = backend;
        }

        // Whoever waits for a place goes first.
        var preferred = affinityKey is null || !backend.Queue.IsEmpty ? null : backend.Set.AcquireByAffinity(affinityKey, loop.Now);
        loop.Timers.Arm(client, loop.Tick + backend.Config.ConnectTicks);
        Attempt(client, channel, backend, preferred, Tried.None, 0);
    }

    /// <summary>The upstream's socket says how the connect went.</summary>
    public void OnEvent(int descriptor, Channel* upstream, uint events)
    {
        if ((events & (Epoll.Error | Epoll.HangUp)) != 0)
        {
            // An error is the connect's own. A hang-up alone would be of a connection that stood and ended already.
            if (Libc.TakeError(descriptor) != 0 || (events & Epoll.Out) == 0)
            {
                OnFailure(descriptor, upstream);
                return;
            }
        }
        else if ((events & Epoll.Out) == 0 && !upstream->Has(ChannelFlags.Tls))
        {
            return;
        }

        var client = upstream->Peer;
        var channel = loop.Table[client];
        var endpoint = loop.Engine.Endpoints[upstream->Endpoint];
        // Before TLS, and so once only.
        if (
            !upstream->Has(ChannelFlags.Tls)
            && endpoint.Target.ProxyOut is { } proxy
            && !loop.Greeting.Send(proxy, client, channel, descriptor, upstream)
        )
        {
            OnFailure(descriptor, upstream);
            return;
        }

        if (endpoint.Target.Tls.Client is not null || upstream->Has(ChannelFlags.Tls))
        {
            var progress = loop.TlsConnector.Advance(descriptor, upstream, endpoint);
            if (progress != TlsProgress.Done)
            {
                if (progress == TlsProgress.Failed)
                {
                    OnFailure(descriptor, upstream);
                }

                return;
            }

            // What came behind the handshake may be in OpenSSL's hands already.
            events |= Epoll.In;
        }

        loop.Traffic.Connected(channel, upstream);
        _routed.Remove(client);
        _ = _hashed.Count > 0 && _hashed.Remove(client);
        var isUpgrade = loop.Upgrader.OnConnected(client, channel, descriptor, upstream);
        endpoint.ConnectSucceeded(loop.Now, handshake: !isUpgrade);
        if (isUpgrade)
        {
            if (upstream->Kind != ChannelKind.None && (events & (Epoll.In | Epoll.ReadHangUp | Epoll.HangUp)) != 0)
            {
                // It has spoken or ended before it was asked: the edge of that is this one.
                loop.Upgrader.OnEvent(descriptor, upstream, events & ~Epoll.Out);
            }

            return;
        }

        channel->Phase = upstream->Phase = ChannelPhase.Relaying;
        // An event that came meanwhile, after TLS, has set it; it is read in the next turn, and nothing keeps it from that.
        channel->Flags &= ~ChannelFlags.ReadPaused;
        loop.StartIdleTimer(client, channel);
        if (!loop.Watch(client, channel))
        {
            loop.Closer.Close(client, CloseReason.Resources, reset: true);
            return;
        }

        if ((events & (Epoll.In | Epoll.ReadHangUp)) != 0)
        {
            // A server that speaks first: the edge of what it sent is this one.
            loop.Pump.OnEvent(descriptor, upstream, events & ~Epoll.Out);
        }
    }

    /// <summary>A client that is watched already speaks or ends before its upstream stands: it is read then.</summary>
    public void OnClientEvent(int client, Channel* channel, uint events)
    {
        if (loop.Waiting.OnEvent(client, events))
        {
            return;
        }

        if ((events & Epoll.Error) != 0)
        {
            loop.Closer.Close(client, CloseReason.ClientReset, reset: true);
            return;
        }

        channel->Flags |= ChannelFlags.ReadPaused;
    }

    /// <summary>The connect took too long.</summary>
    public void OnTimeout(int client, Channel* channel)
    {
        if (channel->Peer >= 0)
        {
            OnFailure(channel->Peer, loop.Table[channel->Peer]);
        }
        else if (_starved.Remove(client))
        {
            GiveUp(client, channel, 0, RefusalReason.Resources);
        }
        else if (loop.Waiting.TryGiveUp(client))
        {
            GiveUp(client, channel, 0, RefusalReason.QueueTimeout);
        }
    }

    /// <summary>Gives those who wait for a descriptor another try. True when nobody waits any more.</summary>
    public bool FeedStarved()
    {
        // Each at most once: whoever finds none goes to the end of the line.
        for (var left = _starved.Count; left > 0 && _starved.Count > 0; left--)
        {
            var client = _starved[0];
            _starved.RemoveAt(0);
            var channel = loop.Table[client];
            if (BackendOf(client, channel) is not { } backend)
            {
                GiveUp(client, channel, 0);
                continue;
            }

            Attempt(client, channel, backend, null, Tried.None, 0);
            if (_exhausted)
            {
                return false;
            }
        }

        return _starved.Count == 0;
    }

    /// <summary>A client that waited has got a place.</summary>
    public void Resume(int client, Channel* channel, BackendState backend, EndpointState endpoint)
    {
        loop.Timers.Arm(client, loop.Tick + backend.Config.ConnectTicks);
        Attempt(client, channel, backend, endpoint, Tried.None, 0);
    }

    /// <summary>The client's connection ends.</summary>
    public void Forget(int client)
    {
        _routed.Remove(client);
        _ = _hashed.Count > 0 && _hashed.Remove(client);
        _ = _starved.Count > 0 && _starved.Remove(client);
        loop.Waiting.Forget(client);
    }

    private void OnFailure(int descriptor, Channel* upstream)
    {
        var client = upstream->Peer;
        var channel = loop.Table[client];
        var endpoint = loop.Engine.Endpoints[upstream->Endpoint];
        endpoint.ConnectFailed(loop.Now);
        var tried = new Tried(upstream->FirstTried, upstream->SecondTried, upstream->ThirdTried, upstream->FourthTried).With(
            upstream->Endpoint
        );
        var attempts = upstream->Attempts;
        channel->Peer = -1;
        loop.Closer.CloseUpstream(descriptor, upstream, reset: true);

        var backend = BackendOf(client, channel);
        if (backend is null)
        {
            GiveUp(client, channel, attempts);
            return;
        }

        loop.Timers.Arm(client, loop.Tick + backend.Config.ConnectTicks);
        Attempt(client, channel, backend, null, tried, attempts);
    }

    private BackendState? BackendOf(int client, Channel* channel) =>
        _routed.TryGetValue(client, out var backend) ? backend : loop.Engine.Listeners[channel->Listener].Setup?.Backend;

    private void Attempt(int client, Channel* channel, BackendState backend, EndpointState? endpoint, Tried tried, int attempts)
    {
        var policy = loop.Engine.Listeners[channel->Listener].Setup?.Config.Balancing ?? default;
        var key = channel->Address.ClientKey;
        if (_hashed.Count > 0 && _hashed.TryGetValue(client, out var hashed))
        {
            (policy, key) = (BalancingPolicy.ConsistentHash, hashed);
        }

        (_exhausted, _portless) = (false, false);
        while (!_exhausted && (attempts == 0 || MayRetry(backend, attempts)))
        {
            // Nobody overtakes those who wait.
            endpoint ??= attempts == 0 && !backend.Queue.IsEmpty ? null : backend.Acquire(policy, key, loop.NextRandom(), loop.Now, tried);
            if (endpoint is null)
            {
                if (attempts == 0 && backend.Config.Features.Queue is { } limits)
                {
                    Wait(client, channel, backend, policy, key, limits);
                    return;
                }

                if (attempts > 0)
                {
                    // There is no other to try.
                    backend.Retries.GiveBack();
                }

                break;
            }

            attempts++;
            _portless = false;
            if (TryConnect(client, channel, endpoint, tried, attempts))
            {
                return;
            }

            endpoint.Release();
            tried = tried.With(endpoint.Index);
            endpoint = null;
        }

        if (_exhausted)
        {
            // Its timer runs on.
            _starved.Add(client);
            return;
        }

        GiveUp(client, channel, attempts, _portless ? RefusalReason.LocalPorts : null);
    }

    private bool MayRetry(BackendState backend, int attempts) =>
        attempts < backend.Config.Features.Retry.Attempts && backend.TryRetry(loop.Now);

    /// <summary>No endpoint has room: waits where some would serve the client if they had.</summary>
    private void Wait(int client, Channel* channel, BackendState backend, BalancingPolicy policy, ulong key, QueueLimits limits)
    {
        if (backend.Queue.IsEmpty && backend.WhyNone(loop.Now) is var reason and not RefusalReason.BackendCapacity)
        {
            GiveUp(client, channel, 0, reason);
        }
        else if (!loop.Waiting.TryJoin(client, channel, backend, policy, key, limits))
        {
            GiveUp(client, channel, 0, RefusalReason.QueueFull);
        }
    }

    /// <summary>False when the connect failed at once; the place on the endpoint is the caller's then.</summary>
    private bool TryConnect(int client, Channel* channel, EndpointState endpoint, Tried tried, int attempts)
    {
        var address = endpoint.Target.Address;
        var socket = Libc.Socket(address.Family, SocketFlag.Stream | SocketFlag.NonBlocking | SocketFlag.CloseOnExec, 0);
        if (socket < 0 && loop.Acceptor.OnNoUpstream(Libc.LastError))
        {
            socket = Libc.Socket(address.Family, SocketFlag.Stream | SocketFlag.NonBlocking | SocketFlag.CloseOnExec, 0);
        }

        if (socket < 0)
        {
            // Anything else is of this address: a family that the kernel lacks.
            _exhausted = loop.Acceptor.IsExhausted;
            return false;
        }

        var upstream = loop.Table.Claim(socket, ChannelKind.Upstream, ChannelPhase.Connecting);
        if (upstream == null)
        {
            _ = Libc.Close(socket);
            return false;
        }

        endpoint.Target.Features.Socket?.Apply(socket);
        if (Libc.Connect(socket, &address, address.Length) < 0 && Libc.LastError is var error and not Errno.EINPROGRESS)
        {
            _portless = error == Errno.EADDRNOTAVAIL;
            // No port or no memory here says nothing about the endpoint.
            if (error is not (Errno.EADDRNOTAVAIL or Errno.EAGAIN or Errno.ENOBUFS or Errno.ENOMEM))
            {
                endpoint.ConnectFailed(loop.Now);
            }

            upstream->Kind = ChannelKind.None;
            _ = Libc.Close(socket);
            return false;
        }

        upstream->Peer = client;
        upstream->Started = loop.Now;
        upstream->Endpoint = endpoint.Index;
        upstream->Backend = endpoint.BackendIndex;
        upstream->FirstTried = tried.First;
        upstream->SecondTried = tried.Second;
        upstream->ThirdTried = tried.Third;
        upstream->FourthTried = tried.Fourth;
        upstream->Attempts = attempts;
        if (!loop.Register(socket))
        {
            upstream->Kind = ChannelKind.None;
            _ = Libc.Close(socket);
            return false;
        }

        channel->Peer = socket;
        return true;
    }

    /// <param name="client">The client's descriptor.</param>
    /// <param name="channel">Its channel.</param>
    /// <param name="attempts">Endpoints that were tried.</param>
    /// <param name="known">Why, where it is known already.</param>
    private void GiveUp(int client, Channel* channel, int attempts, RefusalReason? known = null)
    {
        var listener = loop.Engine.Listeners[channel->Listener];
        var backend = BackendOf(client, channel);
        _routed.Remove(client);
        var reason =
            known is { } given ? given
            : attempts > 0 ? RefusalReason.ConnectFailed
            : backend?.WhyNone(loop.Now) ?? RefusalReason.NoBackend;
        listener.CountRefusal(reason);
        var tried =
            reason == RefusalReason.LocalPorts ? CloseReason.LocalPorts
            : attempts > 0 ? CloseReason.ConnectFailed
            : CloseReason.NoBackend;
        if (!loop.Upgrader.OnNoUpstream(client, channel, tried))
        {
            loop.Refuser.TurnAway(
                client,
                listener.Setup?.Config,
                reason,
                reason switch
                {
                    RefusalReason.Resources => CloseReason.Resources,
                    RefusalReason.ConnectFailed => CloseReason.ConnectFailed,
                    RefusalReason.LocalPorts => CloseReason.LocalPorts,
                    _ => CloseReason.NoBackend,
                }
            );
        }
    }
}
