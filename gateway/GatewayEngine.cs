using System.Net;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Backends.Checks;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Datagrams;
using Mooring.Gateway.Handover;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Limits.Overload;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Registry.Leases;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Telemetry.Geo;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.Tls;
using Mooring.Gateway.WebSockets;

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
            Sides = new DescriptorTable<ConnectionSide>(OpenFiles),
            Tls = new DescriptorTable<TlsState>(OpenFiles),
        };
        _tls = new TlsStore(options.Time);
        _table = new ChannelTable(OpenFiles);
        _host = new ListenerHost(options.BindAddress, options.BindsListeners);
        var count = options.Loops > 0 ? options.Loops : Environment.ProcessorCount;
        _datagrams = new DatagramHost(options.BindAddress, options.BindsListeners, count);
        _loops = [.. Enumerable.Range(0, count).Select(i => new RelayLoop(i, _state, _table, Math.Max(1, options.MaxPipes / count)))];
        _state.Loops = _loops;
        foreach (var loop in _loops)
        {
            loop.Start();
        }

        Arrivals = new ArrivalDesk(_state, _table, _loops, _endpoints, name => HasRoomForBackend(name) ? BackendIndex(name) : null);
        _geo = new GeoKeeper(_loops, options.GeoDatabaseOpened);
        _geoWatching = _geo.RunAsync(GeoKeeper.Interval, TimeProvider.System, _stop.Token);
        _resolving = Task.Run(() => ResolveAsync(_stop.Token));
        var keeper = new BackendKeeper(
            () => _state.Backends.Values,
            Leaving,
            endpoint => CloseToAsync(endpoint),
            new ActiveChecker(options.EndpointTurned, Random.Shared),
            TimeProvider.System
        );
        _keeping = Task.Run(() => keeper.RunAsync(_stop.Token));
        _overload = new OverloadKeeper(options.Memory ?? new MemoryGauge("/sys/fs/cgroup", "/proc/self").Read, _state);
        _overloadWatching = Task.Run(() => _overload.RunAsync(TimeProvider.System, _stop.Token));
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

    /// <summary>Checks a config and puts it in force; on any error everything stays as it was.</summary>
    /// <remarks>
    /// Connections stay open whatever changes: those of a removed listener or endpoint until they end by themselves. Limits hold for
    /// new connections from now on. A config with the hash of the one in force changes nothing.
    /// </remarks>
    public async Task<ApplyResult> ApplyConfigAsync(GatewayConfig config)
    {
        await _applying.WaitAsync();
        try
        {
            var compiled = ConfigCompiler.Compile(config, ProcessLimits.ConnectionsFor(OpenFiles));
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
            TlsPlan? plan = null;
            if (errors.Count == 0)
            {
                (plan, errors) = _tls.Prepare(snapshot);
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
            SetListeners(snapshot, plan!);
            _state.AddressRates ??= snapshot.NewPerAddress.IsSet ? new AddressRates() : null;
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

    /// <summary>Replaces a pushed backend's endpoints. False when the config in force has no such backend that is pushed.</summary>
    public async Task<bool> ApplyEndpointsAsync(EndpointsMessage message)
    {
        var resolved = await _options.Resolver.ResolveAsync(message.Endpoints, _stop.Token);
        lock (_endpoints)
        {
            if (!_state.Backends.TryGetValue(message.Backend, out var backend) || backend.Config.Source != EndpointSource.Pushed)
            {
                return false;
            }

            backend.Replace(resolved, pushed: true, EventLoop.Clock());
            return true;
        }
    }

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

    /// <summary>
    /// Looks at the files of certificates again. New connections get what has changed; open ones keep what they have. A file that is no
    /// good any more changes nothing. Returns what is wrong with the files now.
    /// </summary>
    public async Task<CertificateReload> ReloadCertificatesAsync()
    {
        await _applying.WaitAsync();
        try
        {
            if (_state.Snapshot is not { } snapshot)
            {
                return new CertificateReload(false, []);
            }

            _tls.RotateTickets();
            var (plan, errors) = _tls.Prepare(snapshot);
            if (plan is null)
            {
                return new CertificateReload(false, errors);
            }

            _tls.Commit(plan);
            var changed = false;
            foreach (var config in snapshot.Backends)
            {
                var tls = _state.Backends[config.Name].Tls;
                changed |= tls.Client != plan.Of(config);
                tls.Client = plan.Of(config);
            }

            foreach (var config in snapshot.Listeners.Where(listener => listener.Tls is not null))
            {
                var state = _state.Listeners.First(listener => listener.Name == config.Name);
                var tls = plan.Of(config)!;
                if (state.Setup is { } setup && setup.Tls?.Server != tls.Server)
                {
                    changed = true;
                    state.Setup = setup with { Tls = tls };
                }
            }

            return new CertificateReload(changed, plan.Problems);
        }
        finally
        {
            _applying.Release();
        }
    }

    /// <summary>Files of certificates that are no good at present, while their last good content serves on.</summary>
    public IReadOnlyList<string> CertificateProblems => _tls.Problems;

    /// <summary>When each certificate in force expires, by its name.</summary>
    public IReadOnlyDictionary<string, DateTimeOffset> CertificateExpiries => _tls.Expiries;

    /// <summary>Names of listeners whose socket was not handed over yet.</summary>
    public IReadOnlyList<string> WaitingListeners =>
        [.. _state.Snapshot?.Listeners.Where(listener => !HasSocket(listener)).Select(listener => listener.Name) ?? []];

    /// <summary>Names of backends that live on pushes, have no DNS name to go by meanwhile, and have had no push yet.</summary>
    public IReadOnlyList<string> WaitingBackends =>
        [
            .. _state
                .Backends.Values.Where(backend => backend is { Pushed: false, Config: { Source: EndpointSource.Pushed, DnsName: null } })
                .Select(backend => backend.Name),
        ];

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
    public IReadOnlyList<BackendLoad> BackendLoads() => LoadReader.Backends(_state, _loops);

    /// <summary>Closes every connection at once, then the listening sockets, and ends the loops.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _resolving;
        await _geoWatching;
        await _keeping;
        await _overloadWatching;

        _ending = true;
        await SetModeAsync(AcceptMode.Pause);
        var open = await ListConnectionsAsync();
        await CloseAsync(open, new CloseOrder(CloseReason.DrainDeadline, null));
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

    private void SetBackends(GatewaySnapshot snapshot, TlsPlan tls)
    {
        var now = EventLoop.Clock();
        lock (_endpoints)
        {
            var before = _state.Backends;
            var after = new Dictionary<string, BackendState>();
            foreach (var config in snapshot.Backends)
            {
                var backend = before.TryGetValue(config.Name, out var known)
                    ? known
                    : new BackendState(config.Name, _state.Endpoints) { Index = BackendIndex(config.Name) };
                backend.Tls.Client = tls.Of(config);
                backend.Configure(config, PoliciesOf(snapshot, config.Name), now);
                if (config.Source == EndpointSource.Static && EndpointResolver.WithoutDns(config) is { } endpoints)
                {
                    backend.Replace(endpoints, pushed: false, now);
                }

                after.Add(config.Name, backend);
            }

            foreach (var backend in after.Values)
            {
                backend.Backup = backend.Config.Features.Backup is { } backup ? after[backup] : null;
            }

            _state.Backends = after;
            foreach (var gone in before.Values.Where(backend => !after.ContainsKey(backend.Name)))
            {
                gone.Retire(now);
            }
        }
    }

    private ushort BackendIndex(string name)
    {
        if (!_backendIndexes.TryGetValue(name, out var index))
        {
            _backendIndexes.Add(name, index = (ushort)_backendIndexes.Count);
        }

        return index;
    }

    private static HashSet<BalancingPolicy> PoliciesOf(GatewaySnapshot snapshot, string backend) =>
        [.. snapshot.Listeners.Where(listener => listener.BackendNames.Contains(backend)).Select(listener => listener.Balancing)];

    private void SetListeners(GatewaySnapshot snapshot, TlsPlan tls)
    {
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
            state.Setup = new ListenerSetup
            {
                Config = config,
                Backend = config.Backend is null ? null : _state.Backends[config.Backend],
                Upgrade = config.Protocol == ListenerProtocol.WebSocket ? _options.Upgrades!(config) : null,
                Tls = tls.Of(config),
            };
            byName.Remove(config.Name);
        }

        foreach (var gone in byName.Values)
        {
            gone.Setup = null;
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
                socket.Configure(setup.Config.Socket);
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

    /// <summary>Endpoints that drain or are gone, where connections to them are to be closed some time.</summary>
    private List<EndpointState> Leaving()
    {
        lock (_endpoints)
        {
            return
            [
                .. _state
                    .Backends.Values.SelectMany(backend => backend.Set.Endpoints)
                    .Where(endpoint => endpoint.LeavingSince != 0)
                    .Concat(_state.Endpoints.Leaving)
                    .Where(endpoint => endpoint.Target.Features.DrainMicroseconds > 0),
            ];
        }
    }

    private Task CloseToAsync(EndpointState endpoint) =>
        Task.WhenAll(
            _loops.Select(loop =>
                loop.InvokeAsync(() =>
                {
                    loop.Connections.CloseTo(endpoint);
                    return true;
                })
            )
        );

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

    /// <summary>Keeps the endpoints that come from DNS up to date.</summary>
    private async Task ResolveAsync(CancellationToken cancel)
    {
        try
        {
            while (true)
            {
                await _resolveNow.WaitAsync(EndpointResolver.Interval, cancel);
                foreach (var backend in _state.Backends.Values.Where(NeedsDns))
                {
                    var config = backend.Config;
                    var resolved = await _options.Resolver.ResolveAsync(config, cancel);
                    lock (_endpoints)
                    {
                        // A reload or a push may have come meanwhile.
                        if (resolved is not null && backend.Config == config && NeedsDns(backend))
                        {
                            backend.Replace(resolved, pushed: false, EventLoop.Clock());
                        }
                    }
                }
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The engine ends.
        }
    }

    private static bool NeedsDns(BackendState backend) =>
        !backend.Pushed && backend.Config is var config && EndpointResolver.WithoutDns(config) is null;
}

/// <summary>What an engine is made with.</summary>
internal sealed record EngineOptions
{
    /// <summary>Loops, each a thread. 0: one per processor.</summary>
    public int Loops { get; init; }

    /// <summary>Pipes for bulk transfer at most, 1 MiB of kernel memory each while full; the kernel lets an unprivileged user have 64 of that size.</summary>
    public int MaxPipes { get; init; } = 64;

    /// <summary>Where listeners bind. Default: every address, IPv6 and IPv4.</summary>
    public IPAddress BindAddress { get; init; } = IPAddress.IPv6Any;

    /// <summary>False where a supervisor hands over every listening socket.</summary>
    public bool BindsListeners { get; init; } = true;

    /// <summary>Makes the handshake's side of a WebSocket listener. Null: such listeners are refused.</summary>
    public Func<ListenerSnapshot, IUpgradeHandler>? Upgrades { get; init; }

    public EndpointResolver Resolver { get; init; } = EndpointResolver.System;

    /// <summary>Told of each attempt to open a country database: its path, and why it failed (null: it did not).</summary>
    public Action<string, string?>? GeoDatabaseOpened { get; init; }

    /// <summary>Told when active checks put an endpoint out (with why) or back (null). On any thread.</summary>
    public Action<EndpointState, string?>? EndpointTurned { get; init; }

    /// <summary>For what goes by the wall clock: ticket keys.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Reads the memory against a limit in bytes (0: the cgroup's). Null: as this process really has it.</summary>
    public Func<long, MemoryReading>? Memory { get; init; }

    /// <summary>Gets every ended connection; null: none. Not disposed by the engine.</summary>
    public AccessLog? AccessLog { get; init; }
}

/// <param name="Changed">Something was replaced.</param>
/// <param name="Problems">What is wrong with the files, each with where it is named.</param>
internal sealed record CertificateReload(bool Changed, IReadOnlyList<string> Problems);

/// <param name="Hash">Of the config in force now; null where it was refused.</param>
/// <param name="Errors">Why, each with its path; empty where it was accepted.</param>
internal sealed record ApplyResult(string? Hash, IReadOnlyList<string> Errors)
{
    public bool Accepted => Hash is not null;
}
