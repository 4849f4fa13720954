using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Datagrams;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway;

/// <summary>What the loops watch: listeners, their sockets and the limits that need state of their own.</summary>
internal sealed partial class GatewayEngine
{
    /// <summary>
    /// Takes over listening sockets: each serves the listener with its port, now or once there is one. They replace all that were
    /// handed over before, so a socket that is missing is let go, and nothing but this process's copy of it is closed.
    /// </summary>
    /// <exception cref="IOException">One is no listening socket. The descriptors are the engine's to close even then.</exception>
    public async Task AdoptAsync(IReadOnlyCollection<int> descriptors)
    {
        await _applying.WaitAsync();
        try
        {
            var datagrams = descriptors.Where(DatagramSocket.Is).ToList();
            _datagrams.Adopt(datagrams);
            _host.Adopt([.. descriptors.Except(datagrams)]);
            await WatchAsync();
        }
        finally
        {
            _applying.Release();
        }
    }

    /// <summary>Names of listeners whose socket was not handed over yet.</summary>
    public IReadOnlyList<string> WaitingListeners =>
        [.. _state.Snapshot?.Listeners.Where(listener => !HasSocket(listener)).Select(listener => listener.Name) ?? []];

    /// <summary>Listeners that are gone and have open connections, and those that others of their names have replaced.</summary>
    public IReadOnlyList<GoneListener> GoneListeners()
    {
        List<GoneListener>? gone = null;
        foreach (var state in _state.Listeners)
        {
            if (state.Setup is null ? state.Connections.InUse > 0 : state.ReplacedAt > 0)
            {
                (gone ??= []).Add(new GoneListener(state.Index, state.Setup is null ? long.MaxValue : state.ReplacedAt));
            }
        }

        return gone ?? (IReadOnlyList<GoneListener>)[];
    }

    /// <summary>No connection is left of a listener that is gone.</summary>
    public void Settle(GoneListener gone) => _state.Listeners[gone.Index].Settle(gone.Before);

    /// <summary>What to do with new connections from now on.</summary>
    public async Task SetModeAsync(AcceptMode mode)
    {
        await _applying.WaitAsync();
        try
        {
            _state.Mode = mode;
            await WatchAsync();
        }
        finally
        {
            _applying.Release();
        }
    }

    private void SetListeners(GatewaySnapshot snapshot, TlsPlan tls)
    {
        var now = EventLoop.Clock();
        var states = _state.Listeners.ToList();
        var byName = states.ToDictionary(state => state.Name);
        foreach (var config in snapshot.Listeners)
        {
            if (!byName.TryGetValue(config.Name, out var state))
            {
                state = new ListenerState(config.Name, (ushort)states.Count);
                states.Add(state);
            }

            // The array first: a loop finds a listener's state as soon as it watches the socket.
            _state.Listeners = [.. states];
            state.Use(
                new ListenerSetup
                {
                    Config = config,
                    Backend = config.Backend is null ? null : _state.Backends[config.Backend],
                    Upgrade = config.Protocol == ListenerProtocol.WebSocket ? _options.Upgrades!(config) : null,
                    Hub = Hub.Find(config.Name),
                    Tls = tls.Of(config),
                    Tunnel = Tunnels.Use(config, snapshot.Config.Capacity, () => TunnelEndpoint(config.Name)),
                },
                now
            );
            byName.Remove(config.Name);
        }

        foreach (var gone in byName.Values)
        {
            gone.Use(null, now);
        }
    }

    /// <summary>Lets limits that need state of their own hold for the connections that are open too.</summary>
    private Task LimitAsync(GatewaySnapshot snapshot)
    {
        if (snapshot.PerPrefix is null || _state.Prefixes?.Matches(snapshot.PerPrefix) != true)
        {
            _state.Prefixes = snapshot.PerPrefix is { } limit ? new PrefixTable(limit.Ipv4Bits, limit.Ipv6Bits) : null;
        }

        return Task.WhenAll(
            _loops.Select(loop =>
                loop.InvokeAsync(() =>
                {
                    loop.Admission.UsePrefixes(_state.Prefixes);
                    loop.Shaper.Attach();
                    loop.Tunnels.LimitBandwidth();
                    return true;
                })
            )
        );
    }

    /// <summary>Brings what the loops watch in line with the listeners, and closes sockets that no listener needs.</summary>
    private async Task WatchAsync()
    {
        var snapshot = _state.Snapshot;
        var wanted = new Dictionary<ushort, Watch>();
        var sockets = _loops.Select(_ => new Dictionary<DatagramSocket, ushort>()).ToList();
        foreach (var state in _state.Listeners)
        {
            if (state.Setup?.Config is { Protocol: ListenerProtocol.UDP } udp)
            {
                foreach (var datagrams in _state.Mode == AcceptMode.Pause || _waitsForDatagrams ? [] : _datagrams[udp.BindPort])
                {
                    sockets[datagrams.Loop].Add(datagrams, state.Index);
                }

                continue;
            }

            if (state.Setup is { } setup && _state.Mode != AcceptMode.Pause && _host[setup.Config.BindPort] is { } socket)
            {
                socket.Configure(setup.Config.Socket, setup.ClientSpeaksFirst);
                wanted.Add(state.Index, new Watch(socket.Descriptor, socket.Adopted || _loops.Length > 1));
            }
        }

        await Task.WhenAll(
            _loops.Select(
                (loop, i) =>
                    loop.InvokeAsync(() =>
                    {
                        loop.Acceptor.Watch(wanted);
                        var datagrams = sockets[i].Count > 0 ? loop.StartDatagrams() : loop.Datagrams;
                        datagrams?.Shards.Watch(sockets[i], keepFlows: !_ending);
                        return true;
                    })
            )
        );
        // What was handed over is kept for a listener that may come.
        _host.CloseUnused(Ports(snapshot, udp: false));
        _datagrams.CloseUnused(Ports(snapshot, udp: true));
    }

    private bool HasSocket(ListenerSnapshot listener) =>
        // Of a UDP port a gateway on a host may rightly have no socket: there are some for each port, and they are shared out.
        listener.Protocol == ListenerProtocol.UDP
            ? !_options.BindsListeners || _datagrams[listener.BindPort].Count > 0
            : _host[listener.BindPort] is not null;

    private static HashSet<int> Ports(GatewaySnapshot? snapshot, bool udp) =>
        [
            .. (snapshot?.Listeners ?? [])
                .Where(listener => (listener.Protocol == ListenerProtocol.UDP) == udp)
                .Select(listener => listener.BindPort),
        ];
}
