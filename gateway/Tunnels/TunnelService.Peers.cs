using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Serving;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels;

/// <summary>What gateways know of each other's tunnels: where they are reached, and which ports are whose.</summary>
internal sealed partial class TunnelService
{
    /// <summary>Owners that are remembered as they were found.</summary>
    private const int MaxLocated = 8192;

    /// <summary>Between two answers to those who have an id that is nobody's: each is a list of all gateways, and anybody can make ids up.</summary>
    private static readonly TimeSpan RefreshPause = TimeSpan.FromMilliseconds(250);

    private readonly string _peerKey = RandomNumberGenerator.GetHexString(64, lowercase: true);
    private readonly Dictionary<OwnedThing, int> _foreign = [];
    private readonly Dictionary<OwnedThing, DatagramPort> _foreignDatagrams = [];
    private ListenSocket? _peerSocket;

    /// <summary>What was last told; null: it is not true any more.</summary>
    private PeerRecord? _peerRecord;
    private string _peerAddress = "";
    private IReadOnlyDictionary<OwnedThing, GatewayRecord> _owners = new Dictionary<OwnedThing, GatewayRecord>();

    /// <summary>Things that several gateways say they have: one that is silent says so until it is not registered any more. The registry knows.</summary>
    private IReadOnlySet<OwnedThing> _contested = new HashSet<OwnedThing>();
    private readonly ConcurrentDictionary<OwnedThing, GatewayRecord> _located = new();
    private IReadOnlyDictionary<uint, GatewayRecord> _byNumber = new Dictionary<uint, GatewayRecord>();
    private long _listedAt;
    private long _lists;

    /// <summary>Number of the list that is known: one that was asked for before it, and comes after it, is older.</summary>
    private long _known;

    /// <summary>Those who wait for the next list.</summary>
    private List<Action> _refreshers = [];
    private bool _refreshes;

    /// <summary>Told when the ports that others are to know of have changed.</summary>
    public Action? PortsChanged { get; set; }

    /// <summary>What stands for the other gateways as clients here.</summary>
    public TunnelListener? Peers { get; private set; }

    /// <summary>Ports of others that are listened on here.</summary>
    public int ForeignPorts
    {
        get
        {
            lock (_gate)
            {
                return _foreign.Count + _foreignDatagrams.Count;
            }
        }
    }

    /// <summary>What others need to reach the tunnels here; null: nobody else can.</summary>
    public PeerRecord? Peer
    {
        get
        {
            if (_peerSocket is null)
            {
                return null;
            }

            lock (_gate)
            {
                if (_peerRecord is not null)
                {
                    return _peerRecord;
                }

                var things = _ports.Where(static entry => entry.Value is not null).Select(static entry => entry.Value!).ToList();
                return _peerRecord = new PeerRecord
                {
                    Address = _peerAddress,
                    Key = _peerKey,
                    Number = OwnerNumber,
                    Site = Site,
                    Tcp = PortSet.Write([
                        .. things.Where(static port => port.Protocol == TunnelProtocol.Tcp).Select(static port => port.Number),
                    ]),
                    Udp = PortSet.Write([
                        .. things.Where(static port => port.Protocol == TunnelProtocol.Udp).Select(static port => port.Number),
                    ]),
                    Tunnels = _sessions.Count,
                };
            }
        }
    }

    /// <summary>The network namespace and the address that ports bind there.</summary>
    private string Site => field ??= $"{new FileInfo("/proc/self/ns/net").LinkTarget}@{Environment.MachineName}/{_bind}";

    /// <summary>Others are to know.</summary>
    private void Changed()
    {
        lock (_gate)
        {
            _peerRecord = null;
        }

        PortsChanged?.Invoke();
    }

    /// <summary>The gateway whose visitors have a number; null: nobody knows it.</summary>
    public GatewayRecord? OwnerOf(uint number) => Volatile.Read(ref _byNumber).GetValueOrDefault(number);

    /// <summary>Whether visitors may come here for a gateway that is reached there: it has tunnels, and is not about to lose them.</summary>
    public bool HasTunnels(string address) =>
        Volatile
            .Read(ref _byNumber)
            .Values.Any(gateway => gateway is { State: GatewayState.Serving, Peer.Tunnels: > 0 } && gateway.Peer.Address == address);

    /// <summary>Finds who has a thing, and tells it: a port of this gateway, or another gateway, or nobody. On any thread.</summary>
    /// <param name="thing">What.</param>
    /// <param name="ask">Ask the registry rather than go by what was known a moment ago.</param>
    /// <param name="done">Told, perhaps at once; and whether nobody having it is the registry's word.</param>
    public void Locate(OwnedThing thing, bool ask, Action<TunnelPort?, GatewayRecord?, bool> done)
    {
        if (Find(thing) is { } own)
        {
            done(own, null, true);
        }
        else if (!ask && !Volatile.Read(ref _contested).Contains(thing) && Volatile.Read(ref _owners).TryGetValue(thing, out var known))
        {
            done(null, known, true);
        }
        else
        {
            _ = Task.Run(() => LocateAsync(thing, done));
        }
    }

    /// <summary>The open tunnel's port here; null: there is none.</summary>
    public TunnelPort? Find(OwnedThing thing)
    {
        lock (_gate)
        {
            return _ports.GetValueOrDefault(thing);
        }
    }

    private async Task LocateAsync(OwnedThing thing, Action<TunnelPort?, GatewayRecord?, bool> done)
    {
        GatewayRecord? owner = null;
        var isKnown = true;
        await _questions.WaitAsync();
        try
        {
            var registry = await RegistryAsync();
            if (await registry.Registry.FindAsync(thing) is { } ownership && ownership.Gateway.Name != registry.Gateway.Name)
            {
                owner = Reachable(registry.Gateways, ownership.Gateway.Name);
                if (owner is null)
                {
                    await ListAsync(registry);
                    owner = Volatile.Read(ref _byNumber).Values.FirstOrDefault(gateway => gateway.Name == ownership.Gateway.Name);
                    // It may be on its way: somebody has it.
                    isKnown = owner is not null;
                }
            }

            Remember(thing, owner);
        }
        catch (Exception error) when (error is RegistryUnavailableException or ObjectDisposedException)
        {
            // What was known last is better than nothing.
            isKnown = false;
            owner = Volatile.Read(ref _owners).GetValueOrDefault(thing) ?? _located.GetValueOrDefault(thing);
        }
        finally
        {
            _questions.Release();
        }

        done(Find(thing), owner, isKnown);
    }

    /// <summary>What was found last, for when the registry is away: names are in nobody's entry. Only what there is is kept, so visitors cannot fill it.</summary>
    private void Remember(OwnedThing thing, GatewayRecord? owner)
    {
        if (owner is null)
        {
            _located.TryRemove(thing, out _);
            return;
        }

        if (_located.Count >= MaxLocated)
        {
            _located.Clear();
        }

        _located[thing] = owner;
    }

    private static GatewayRecord? Reachable(IReadOnlyList<GatewayRecord> gateways, string name) =>
        gateways.FirstOrDefault(gateway => gateway.Name == name && gateway.Peer is not null);

    /// <summary>Listens for the other gateways, once there are tunnels and a registry that others see.</summary>
    private async Task ListenForPeersAsync()
    {
        if (_peerSocket is not null)
        {
            return;
        }

        var any = _bind.Equals(IPAddress.Any) || _bind.Equals(IPAddress.IPv6Any);
        var socket = ListenSocket.Bind(_bind, 0);
        _peerAddress = new IPEndPoint(any ? RegistrySource.MachineAddress() : _bind, socket.Port).ToString();
        lock (_gate)
        {
            Peers = new TunnelListener("(gateways)", _listeners.Values.First().Endpoint);
        }

        Peers.Configure(new TunnelListenerConfig(), new TunnelCapacityConfig(), [("", TunnelKey.Of(_peerKey))]);
        await Task.WhenAll(
            _engine.Loops.Select(loop => loop.InvokeAsync(() => loop.RegisterListener(socket.Descriptor, TunnelDesk.PeerNumber)))
        );
        _peerSocket = socket;
        PeerDescriptor = socket.Descriptor;
        Changed();
    }

    /// <summary>The listening socket for the other gateways; -1: none.</summary>
    public int PeerDescriptor { get; private set; } = -1;

    /// <summary>Learns what the others have, and listens on their ports where their visitors may come here.</summary>
    private async Task SyncAsync(TunnelRegistry registry)
    {
        if (!registry.IsShared)
        {
            return;
        }

        await ListenForPeersAsync();
        // Each answer lists them all: a big fleet asks less often.
        var interval = TimeSpan.FromMilliseconds(Math.Max(1000, 20 * registry.Gateways.Count));
        if (_listedAt != 0 && _time.GetElapsedTime(_listedAt) < interval)
        {
            return;
        }

        await ListAsync(registry);
        await FollowAsync();
    }

    /// <summary>Asks who is there, and calls back, on any thread. Those who come while it asks for others share the next answer.</summary>
    public void Refresh(Action then)
    {
        lock (_gate)
        {
            _refreshers.Add(then);
            if (_refreshes)
            {
                return;
            }

            _refreshes = true;
        }

        _ = Task.Run(RefreshAsync);
    }

    private async Task RefreshAsync()
    {
        var guard = new FaultGuard("looking for gateways", _time);
        while (TakeRefreshers() is { Count: > 0 } waiting)
        {
            await guard.RunAsync(async () =>
            {
                try
                {
                    await ListAsync(await RegistryAsync());
                }
                catch (Exception error) when (error is RegistryUnavailableException or ObjectDisposedException)
                {
                    // Then it is what was known before.
                }
            });
            waiting.ForEach(static then => then());
            // At the gateway's end nobody need wait.
            await Task.Delay(RefreshPause, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Whoever waits for the next list. Nobody: the one who comes next has to see to it.</summary>
    private List<Action> TakeRefreshers()
    {
        lock (_gate)
        {
            var waiting = _refreshers;
            _refreshers = [];
            _refreshes = waiting.Count > 0;
            return waiting;
        }
    }

    private async Task ListAsync(TunnelRegistry registry)
    {
        var number = Interlocked.Increment(ref _lists);
        var gateways = await registry.Registry.ListAsync();
        _listedAt = _time.GetTimestamp();
        var others = gateways.Where(gateway => gateway.Name != registry.Gateway.Name && gateway.Peer is not null).ToList();
        var owners = new Dictionary<OwnedThing, GatewayRecord>();
        var contested = new HashSet<OwnedThing>();
        foreach (var gateway in others)
        {
            var things = PortSet
                .Read(gateway.Peer!.Tcp)
                .Select(static port => Thing("tcp", port))
                .Concat(PortSet.Read(gateway.Peer.Udp).Select(static port => Thing("udp", port)));
            foreach (var thing in things)
            {
                if (!owners.TryAdd(thing, gateway))
                {
                    contested.Add(thing);
                }
            }
        }

        lock (_gate)
        {
            if (number < _known)
            {
                return;
            }

            _known = number;
            Volatile.Write(
                ref _byNumber,
                others.DistinctBy(static gateway => gateway.Peer!.Number).ToDictionary(static gateway => gateway.Peer!.Number)
            );
            Volatile.Write(ref _contested, contested);
            Volatile.Write(ref _owners, owners);
        }
    }

    /// <summary>Listens on the ports of tunnels of gateways elsewhere, and on no others.</summary>
    private async Task FollowAsync()
    {
        var wanted = Volatile
            .Read(ref _owners)
            .Where(entry => !_givesWay && entry.Value.Peer!.Site != Site && ListenerOf(PortOf(entry.Key)) is not null)
            .Select(static entry => entry.Key)
            .ToHashSet();
        List<OwnedThing> gone,
            come;
        lock (_gate)
        {
            gone = [.. _foreign.Keys.Concat(_foreignDatagrams.Keys).Where(thing => !wanted.Contains(thing))];
            come =
            [
                .. wanted.Where(thing =>
                    !_foreign.ContainsKey(thing) && !_foreignDatagrams.ContainsKey(thing) && !_ports.ContainsKey(thing)
                ),
            ];
        }

        foreach (var thing in gone)
        {
            CloseSocket(await TakeForeignAsync(thing));
            await CloseForeignDatagramsAsync(thing);
        }

        foreach (var thing in come)
        {
            if (ListenerOf(PortOf(thing)) is not { } listener)
            {
                continue;
            }

            if (thing.Id.StartsWith("udp:", StringComparison.Ordinal))
            {
                OpenForeignDatagrams(thing, listener);
                continue;
            }

            var (socket, problem) = Bind(PortOf(thing));
            if (problem is not null)
            {
                // A stranger has it, or the owner of a moment ago is letting go of it: the next round tries again.
                continue;
            }

            var loop = LoopOf(thing);
            lock (_gate)
            {
                _foreign[thing] = socket;
            }

            await loop.InvokeAsync(() => loop.Tunnels.WatchForeign(thing, socket, listener));
        }
    }

    private void OpenForeignDatagrams(OwnedThing thing, ushort listener)
    {
        var loop = LoopOf(thing);
        try
        {
            var port = new DatagramPort(
                DatagramPort.Bind(_bind, PortOf(thing)),
                (stream, address, from) => loop.Post(() => loop.Tunnels.ForwardStream(stream, thing, listener, address, from)),
                _time
            );
            lock (_gate)
            {
                _foreignDatagrams[thing] = port;
            }

            port.Start();
        }
        catch (System.Net.Sockets.SocketException)
        {
            // As with TCP: the next round tries again.
        }
    }

    private async Task CloseForeignDatagramsAsync(OwnedThing thing)
    {
        DatagramPort? port;
        lock (_gate)
        {
            _foreignDatagrams.Remove(thing, out port);
        }

        await (port?.DisposeAsync() ?? ValueTask.CompletedTask);
    }

    /// <summary>This gateway listens on the port for another one's visitors.</summary>
    private bool IsForeign(OwnedThing thing)
    {
        lock (_gate)
        {
            return _foreign.ContainsKey(thing) || _foreignDatagrams.ContainsKey(thing);
        }
    }

    /// <summary>Stops to listen for somebody else's tunnel; the socket, which is the caller's now; -1: there was none.</summary>
    private async Task<int> TakeForeignAsync(OwnedThing thing)
    {
        int socket;
        lock (_gate)
        {
            if (!_foreign.Remove(thing, out socket))
            {
                return -1;
            }
        }

        var loop = LoopOf(thing);
        await loop.InvokeAsync(() => loop.Tunnels.LeaveForeign(thing));
        return socket;
    }

    private async Task CloseForeignAsync()
    {
        await CloseForeignPortsAsync();
        if (_peerSocket is { } socket)
        {
            await Task.WhenAll(_engine.Loops.Select(loop => loop.InvokeAsync(() => loop.Tunnels.LeavePeers(socket.Descriptor))));
            PeerDescriptor = -1;
            _peerSocket = null;
            socket.Close();
        }
    }

    private async Task CloseForeignPortsAsync()
    {
        List<OwnedThing> things;
        lock (_gate)
        {
            things = [.. _foreign.Keys, .. _foreignDatagrams.Keys];
        }

        foreach (var thing in things)
        {
            CloseSocket(await TakeForeignAsync(thing));
            await CloseForeignDatagramsAsync(thing);
        }
    }

    private RelayLoop LoopOf(OwnedThing thing) => _engine.Loops[PortOf(thing) % _engine.Loops.Length];

    /// <summary>Index of the Tunnel listener of a public port; null: none here has it in its range.</summary>
    private ushort? ListenerOf(int port) =>
        _engine
            .Listeners.FirstOrDefault(state =>
                state.Setup?.Config.Tunnel?.PortRange is { } range && port >= range.Start && port <= range.End
            )
            ?.Index;

    private static int PortOf(OwnedThing thing) => int.Parse(thing.Id.AsSpan(4), CultureInfo.InvariantCulture);

    private static OwnedThing Thing(string kind, int port) => new($"{kind}:{port.ToString(CultureInfo.InvariantCulture)}");
}
