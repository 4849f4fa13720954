using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Backends.Checks;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Datagrams;
using Mooring.Gateway.Handover;
using Mooring.Gateway.Hub.Listening;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Limits.Identities;
using Mooring.Gateway.Limits.Overload;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Registry.Leases;
using Mooring.Gateway.Telemetry.Geo;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.Tls;
using Mooring.Gateway.Tunnels;

namespace Mooring.Gateway;

/// <summary>A running data plane: loops, listeners and backends, and everything that may be asked of them from outside.</summary>
/// <remarks>
/// Thread-safe. Starts empty; a config makes it serve. Configs and endpoints are applied one after the other; the loops never wait for
/// them, nor for DNS.
/// </remarks>
internal sealed partial class GatewayEngine : IAsyncDisposable
{
    private readonly EngineOptions _options;
    private readonly EngineState _state;
    private readonly ChannelTable _table;
    private readonly RelayLoop[] _loops;
    private readonly ListenerHost _host;
    private readonly TlsStore _tls;
    private readonly DatagramHost _datagrams;
    private readonly SemaphoreSlim _applying = new(1);
    private readonly Lock _endpoints = new();
    private readonly Dictionary<string, ushort> _backendIndexes = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _resolving;
    private readonly GeoKeeper _geo;
    private readonly Task _geoWatching;
    private readonly Task _keeping;
    private readonly OverloadKeeper _overload;
    private readonly Task _overloadWatching;
    private readonly SemaphoreSlim _resolveNow = new(0);
    private bool _ending;
    private bool _waitsForDatagrams;

    /// <summary>Starts the loops.</summary>
    /// <exception cref="IOException">The kernel refuses what a loop needs.</exception>
    public GatewayEngine(EngineOptions options)
    {
        _options = options;
        OpenFiles = ProcessLimits.RaiseOpenFiles();
        _state = new EngineState
        {
            AccessLog = options.AccessLog,
            Echoes = options.Echoes,
            EchoDeflate = options.EchoDeflate,
            Datagrams = options.Datagrams,
            Board = options.Board,
            Sides = new DescriptorTable<ConnectionSide>(OpenFiles),
            Tls = new DescriptorTable<TlsState>(OpenFiles),
        };
        _tls = new TlsStore(options.Time);
        _table = new ChannelTable(OpenFiles);
        _host = new ListenerHost(options.BindAddress, options.BindsListeners);
        var count = options.Loops > 0 ? options.Loops : Environment.ProcessorCount;
        _datagrams = new DatagramHost(options.BindAddress, options.BindsListeners, count, options.Datagrams);
        _loops = [.. Enumerable.Range(0, count).Select(i => new RelayLoop(i, _state, _table, Math.Max(1, options.MaxPipes / count)))];
        _state.Loops = _loops;
        _state.Tunnels = new TunnelService(_state, options.TunnelBind ?? options.BindAddress, options.Time);
        foreach (var loop in _loops)
        {
            loop.Start();
        }

        Arrivals = new ArrivalDesk(_state, _table, _loops, _endpoints, name => HasRoomForBackend(name) ? BackendIndex(name) : null);
        _geo = new GeoKeeper(_loops, options.GeoDatabaseOpened);
        _geoWatching = _geo.RunAsync(GeoKeeper.Interval, options.Timers, _stop.Token);
        _resolving = Task.Run(() => ResolveAsync(_stop.Token));
        var keeper = new BackendKeeper(
            () => _state.Backends.Values,
            Leaving,
            endpoint => CloseToAsync(endpoint),
            new ActiveChecker(options.EndpointTurned, Random.Shared),
            new EndpointDrainer(SendAwayAsync, static () => TimeSpan.FromMicroseconds(EventLoop.Clock()), Random.Shared),
            () => Snapshot?.Config.Drain.Jitter ?? TimeSpan.Zero,
            options.Timers
        );
        _keeping = Task.Run(() => keeper.RunAsync(_stop.Token));
        _overload = new OverloadKeeper(options.Memory ?? new MemoryGauge("/sys/fs/cgroup", "/proc/self").Read, _state);
        _overloadWatching = Task.Run(() => _overload.RunAsync(options.Timers, _stop.Token));
    }

    /// <summary>RLIMIT_NOFILE in force.</summary>
    public long OpenFiles { get; }

    /// <summary>The config in force; null before the first.</summary>
    public GatewaySnapshot? Snapshot => _state.Snapshot;

    /// <summary>For counters; what else a loop owns is its thread's.</summary>
    public IReadOnlyList<RelayLoop> Loops => _loops;

    /// <summary>Open client connections.</summary>
    public int Connections => _state.Connections.InUse;

    /// <summary>What this gateway may have of the fleet's limit; the registry sets it.</summary>
    public FleetShare Share => _state.Share;

    /// <summary>What gateways that accept from the same sockets tell one another; null: there are none.</summary>
    public HostBoard? Board => _state.Board;

    /// <summary>Open WebSockets by user and device.</summary>
    public IdentityTable Identities => _state.Identities;

    /// <summary>Checks a config and puts it in force; on any error everything stays as it was.</summary>
    /// <remarks>
    /// Connections stay open whatever changes: those of a removed endpoint until they end by themselves, those of a removed or replaced listener
    /// until <see cref="Draining.DrainController"/> closes them. Limits hold for new connections from now on. A config with the hash of the one in
    /// force changes nothing.
    /// </remarks>
    public async Task<ApplyResult> ApplyConfigAsync(GatewayConfig config)
    {
        await _applying.WaitAsync();
        try
        {
            var compiled = ConfigCompiler.Compile(config, ProcessLimits.ConnectionsFor(OpenFiles, HubOnly(config) ? 1 : 2));
            if (compiled.Snapshot is not { } snapshot)
            {
                return new ApplyResult(null, compiled.Errors);
            }

            if (snapshot.Hash == _state.Snapshot?.Hash)
            {
                return new ApplyResult(snapshot.Hash, []);
            }

            var errors = _options.Upgrades is null ? WithoutUpgrades(snapshot) : [];
            errors = errors.Count > 0 ? errors : TooManyNames(snapshot);
            errors = errors.Count > 0 ? errors : TunnelService.Prepare(snapshot);
            TlsPlan? plan = null;
            if (errors.Count == 0)
            {
                (plan, errors) = _tls.Prepare(snapshot);
            }

            Dictionary<string, HubSecrets> secrets = [];
            if (errors.Count == 0)
            {
                (secrets, errors) = HubListeners.Prepare(snapshot);
            }

            errors = errors.Count > 0 ? errors : _host.Open(snapshot.Listeners);
            errors = errors.Count > 0 ? errors : _datagrams.Open(snapshot.Listeners);
            if (errors.Count > 0)
            {
                // What was opened for nothing.
                _host.CloseUnused(Ports(_state.Snapshot, udp: false));
                return new ApplyResult(null, errors);
            }

            _state.Share.Begin(config.Capacity.Fleet);
            _tls.Commit(plan!);
            SetBackends(snapshot, plan!);
            Hub.Commit(snapshot, secrets);
            SetListeners(snapshot, plan!);
            _state.AddressRates ??= snapshot.NewPerAddress.IsSet ? new AddressRates() : null;
            snapshot = Fit(snapshot);
            _state.Snapshot = snapshot;
            await LimitAsync(snapshot);
            await _geo.UseAsync(config.Geo?.DatabasePath);
            await WatchAsync();
            _resolveNow.Release();
            return new ApplyResult(snapshot.Hash, []);
        }
        finally
        {
            _applying.Release();
        }
    }

    /// <summary>Every open connection, oldest first.</summary>
    public async Task<IReadOnlyList<OpenConnection>> ListConnectionsAsync()
    {
        var lists = await Task.WhenAll(_loops.Select(loop => loop.InvokeAsync(loop.Connections.List)));
        return [.. lists.SelectMany(list => list).OrderBy(connection => connection.Started)];
    }

    /// <summary>Closes connections; those that have ended meanwhile are left out. Returns how many were closed or, for a WebSocket, told to.</summary>
    public async Task<int> CloseAsync(IReadOnlyCollection<OpenConnection> connections, CloseOrder order)
    {
        var counts = await Task.WhenAll(
            connections
                .GroupBy(connection => connection.Loop)
                .Select(group => _loops[group.Key].InvokeAsync(() => _loops[group.Key].Connections.Close(group, order)))
        );
        return counts.Sum();
    }

    /// <summary>Load of each listener in the config. Reads no lock that a loop takes.</summary>
    public IReadOnlyList<ListenerLoad> ListenerLoads() => LoadReader.Listeners(_state, _loops, _datagrams.ReceiveDrops);

    /// <summary>Traffic by country, where it is counted.</summary>
    public IReadOnlyList<CountryLoad> CountryLoads() => CountryReader.Read(_loops);

    /// <summary>How short it is of memory and descriptors.</summary>
    public OverloadLoad OverloadLoad() => _overload.Load();

    /// <summary>Load of each backend in the config.</summary>
    public IReadOnlyList<BackendLoad> BackendLoads()
    {
        lock (_endpoints)
        {
            return LoadReader.Backends(_state, _loops);
        }
    }

    /// <summary>Closes every connection at once, then the listening sockets, and ends the loops.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _resolving;
        await _geoWatching;
        await _keeping;
        await _overloadWatching;

        _ending = true;
        await Tunnels.DisposeAsync();
        await SetModeAsync(AcceptMode.Pause);
        var open = await ListConnectionsAsync();
        await CloseAsync(open, new CloseOrder(CloseReason.DrainDeadline, null));
        await Hub.DisposeAsync();
        foreach (var loop in _loops)
        {
            loop.Dispose();
        }

        _host.Dispose();
        _datagrams.Dispose();
        _geo.Dispose();
        _table.Dispose();
        _state.Sides.Dispose();
        _state.Tls.Dispose();
        _applying.Dispose();
        _resolveNow.Dispose();
        _stop.Dispose();
    }

    /// <summary>Listeners and backends keep their counts by name for as long as the process lives, so there is an end to names.</summary>
    private IReadOnlyList<string> TooManyNames(GatewaySnapshot snapshot)
    {
        var listeners = _state.Listeners.Select(state => state.Name).Union(snapshot.Listeners.Select(listener => listener.Name)).Count();
        var backends = _backendIndexes.Keys.Union(snapshot.Backends.Select(backend => backend.Name)).Count();
        return
        [
            .. from names in new[] { (Path: "listeners", Count: listeners), (Path: "backends", Count: backends) }
            where names.Count > LoopCounters.MaxNames
            select $"{names.Path}: more than {LoopCounters.MaxNames} names since this gateway started; restart it",
        ];
    }

    private static IReadOnlyList<string> WithoutUpgrades(GatewaySnapshot snapshot) =>
        [
            .. snapshot
                .Listeners.Select((listener, i) => (listener, i))
                .Where(item => item.listener.Protocol == ListenerProtocol.WebSocket)
                .Select(item => $"listeners[{item.i}].protocol: WebSocket is not served here"),
        ];
}
