using System.Net;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Backends;

/// <summary>One backend over its life: its config at present and the endpoints that came from it, a push or DNS.</summary>
/// <remarks>Reading is for any thread; changing is for one thread at a time, under the engine's lock.</remarks>
internal sealed class BackendState
{
    private readonly EndpointRegistry _registry;
    private readonly RetryBudget _retries = new();
    private double _drainPace;
    private readonly WaitQueue _queue;
    private readonly Rotation _rotation;
    private EndpointSet _set = EndpointSet.Empty;
    private BackendSnapshot _config = BackendSnapshot.Missing;
    private IReadOnlyList<ResolvedEndpoint> _known = [];
    private BackendState? _backup;

    /// <param name="name">Unique in the config.</param>
    /// <param name="registry">Where its endpoints are kept.</param>
    /// <param name="start">Where round robin begins: at random, at least 0.</param>
    public BackendState(string name, EndpointRegistry registry, long start = 0)
    {
        Name = name;
        _rotation = new Rotation(start);
        _registry = registry;
        _queue = new WaitQueue(this);
    }

    public string Name { get; }

    /// <summary>What the counters know it by. Never used again for another name.</summary>
    public ushort Index { get; init; }

    public BackendSnapshot Config => Volatile.Read(ref _config);

    public EndpointSet Set => Volatile.Read(ref _set);

    /// <summary>Connections that wait for a place; nobody does where the config has no queue.</summary>
    public WaitQueue Queue => _queue;

    /// <summary>The breaker that the endpoints share; null: none.</summary>
    public BreakerState? Breaker { get; private set; }

    /// <summary>The backend to fall back to; null: none.</summary>
    public BackendState? Backup
    {
        get => Volatile.Read(ref _backup);
        set => Volatile.Write(ref _backup, value);
    }

    public RetryBudget Retries => _retries;
    public BackendTls Tls { get; } = new();

    /// <summary>WebSockets per second that this gateway sends away from endpoints that drain; 0: they stay. Set by one thread, read by another.</summary>
    public double DrainPace
    {
        get => Volatile.Read(ref _drainPace);
        set => Volatile.Write(ref _drainPace, value);
    }

    /// <summary>A push has come: DNS has nothing to say any more.</summary>
    public bool Pushed { get; private set; }

    /// <summary>Takes on a config, keeping the endpoints and their states.</summary>
    public void Configure(BackendSnapshot config, IReadOnlyCollection<BalancingPolicy> policies, long now)
    {
        var sourceChanged = Config.Source != config.Source;
        Volatile.Write(ref _config, config.After(Config));
        if (sourceChanged)
        {
            Pushed = false;
            _known = [];
        }

        Policies = policies;
        Breaker = config.Features is { BreakerScope: BreakerScope.Backend, Breaker: { } limits }
            ? Renewed(Breaker, limits, shared: true)
            : null;
        Rebuild(now);
    }

    /// <summary>Policies of the listeners in front.</summary>
    public IReadOnlyCollection<BalancingPolicy> Policies { get; private set; } = [];

    /// <summary>
    /// Replaces the endpoints. One with an id that was there before keeps its counts and health; so does one at the same address, unless both ids are
    /// names.
    /// </summary>
    public void Replace(IReadOnlyList<ResolvedEndpoint> endpoints, bool pushed, long now)
    {
        Pushed |= pushed;
        if (_known.SequenceEqual(endpoints))
        {
            // As every look at DNS and most pushes say.
            _registry.Sweep(now);
            return;
        }

        _known = endpoints;
        Rebuild(now);
    }

    /// <summary>Lets go of every endpoint: the backend is in the config no more.</summary>
    public void Retire(long now)
    {
        _known = [];
        Rebuild(now);
    }

    /// <summary>
    /// An endpoint with a place taken on it, or null: a healthy one of this backend, one of its backup where none is healthy, and last one of this backend
    /// that connects failed to lately.
    /// </summary>
    /// <param name="policy">How to choose.</param>
    /// <param name="clientKey">For consistent hashing.</param>
    /// <param name="random">Any 64 random bits.</param>
    /// <param name="now">For health, in microseconds.</param>
    /// <param name="tried">Endpoints that failed for this connection already.</param>
    public EndpointState? Acquire(BalancingPolicy policy, ulong clientKey, ulong random, long now, Tried tried)
    {
        var set = Set;
        return set.Acquire(policy, clientKey, random, now, tried) ?? AcquireInNeed(set, policy, clientKey, random, now, tried);
    }

    /// <summary>Asks for one more endpoint to be tried after one has failed.</summary>
    public bool TryRetry(long now)
    {
        long connects = 0;
        foreach (var endpoint in Set.Endpoints)
        {
            connects += endpoint.ConnectsTotal + endpoint.FailuresTotal;
        }

        var limits = Config.Features.Retry;
        return _retries.TryTake(limits.BudgetPercent, limits.MinRetriesPerSecond, connects, now);
    }

    /// <summary>Why there was no endpoint to be had; counts it where a breaker is why.</summary>
    public RefusalReason WhyNone(long now)
    {
        var endpoints = Set.Endpoints;
        foreach (var endpoint in endpoints)
        {
            if (!endpoint.Target.IsClosed && endpoint.IsUsable(now))
            {
                return RefusalReason.BackendCapacity;
            }
        }

        // No list of them: every datagram of a client without a flow may come by here.
        var (open, counted) = (false, false);
        foreach (var endpoint in endpoints)
        {
            if (endpoint.Breaker is not { } breaker || breaker.WouldPass(now))
            {
                continue;
            }

            open = true;
            if (!breaker.IsShared || !counted)
            {
                breaker.CountRejection();
            }

            counted |= breaker.IsShared;
        }

        return open ? RefusalReason.CircuitOpen : RefusalReason.NoBackend;
    }

    private EndpointState? AcquireInNeed(EndpointSet set, BalancingPolicy policy, ulong clientKey, ulong random, long now, Tried tried)
    {
        var backup = Backup;
        // Who can wait for a place does not go elsewhere because the good ones are full.
        var patient = Config.Features.Queue is not null;
        var full = (patient || backup is not null) && set.AnyUsable(now, tried);
        if (full && patient)
        {
            return null;
        }

        // A full backend's overflow is not for its backup.
        backup = full ? null : backup;
        return backup?.Set.Acquire(policy, clientKey, random, now, tried)
            ?? set.AcquireInDoubt(policy, clientKey, random, now, tried)
            ?? backup?.Set.AcquireInDoubt(policy, clientKey, random, now, tried);
    }

    private void Rebuild(long now)
    {
        // The first endpoints are all new alike: there is nobody to spare them.
        var isFirst = _set.Endpoints.Length == 0;
        var before = _set.Endpoints.ToDictionary(e => e.Id);
        var after = new EndpointState[_known.Count];
        var targets = new EndpointTarget[_known.Count];
        for (var i = 0; i < after.Length; i++)
        {
            targets[i] = Describe(_known[i]);
            if (before.Remove(_known[i].Id, out var endpoint))
            {
                endpoint.Target = targets[i];
                after[i] = endpoint;
            }
        }

        var renamed = Rename(before, after, targets);
        for (var i = 0; i < after.Length; i++)
        {
            var target = targets[i];
            if (after[i] is null)
            {
                after[i] = _registry.Add(_known[i].Id, target, Name, Index);
                if (!isFirst)
                {
                    after[i].BeginSlowStart(now);
                }
            }

            after[i].LeavingSince =
                !target.Draining ? 0
                : after[i].LeavingSince == 0 ? now
                : after[i].LeavingSince;
            Equip(after[i]);
        }

        var set = !renamed && _set.Matches(after) ? _set : new EndpointSet(after, _rotation);
        foreach (var policy in Policies)
        {
            set.Prepare(policy);
        }

        Volatile.Write(ref _set, set);
        foreach (var gone in before.Values)
        {
            gone.LeavingSince = gone.LeavingSince == 0 ? now : gone.LeavingSince;
            _registry.Retire(gone, now);
        }

        _registry.News.Tell();
        _registry.Sweep(now);
        if (!_queue.IsEmpty)
        {
            _queue.Serve();
        }
    }

    /// <summary>Endpoints that were known by their address, and now by a push's name, or the other way round, are the same ones.</summary>
    /// <param name="before">Those that were there and are not found yet, by id. What is found is taken out.</param>
    /// <param name="after">Those that are there now; null: not found yet.</param>
    /// <param name="targets">What these are now.</param>
    private bool Rename(Dictionary<string, EndpointState> before, EndpointState?[] after, EndpointTarget[] targets)
    {
        if (before.Count == 0 || Array.TrueForAll(after, endpoint => endpoint is not null))
        {
            return false;
        }

        var renamed = false;
        var byAddress = before.Values.DistinctBy(endpoint => endpoint.Target.Text).ToDictionary(endpoint => endpoint.Target.Text);
        for (var i = 0; i < after.Length; i++)
        {
            if (
                after[i] is null
                && byAddress.TryGetValue(targets[i].Text, out var endpoint)
                && !(endpoint.Target.Named && targets[i].Named)
            )
            {
                byAddress.Remove(targets[i].Text);
                before.Remove(endpoint.Id);
                endpoint.Rename(_known[i].Id);
                endpoint.Target = targets[i];
                after[i] = endpoint;
                renamed = true;
            }
        }

        return renamed;
    }

    private void Equip(EndpointState endpoint)
    {
        var features = Config.Features;
        endpoint.Queue = features.Queue is null && _queue.IsEmpty ? null : _queue;
        endpoint.Breaker =
            features.Breaker is not { } limits ? null
            : Breaker is not null && !endpoint.Target.Backup ? Breaker
            : Renewed(endpoint.Breaker is { IsShared: false } own ? own : null, limits);
        if (features.Check is null)
        {
            endpoint.ForgetChecks();
        }
    }

    private static BreakerState Renewed(BreakerState? breaker, BreakerLimits limits, bool shared = false)
    {
        if (breaker is null)
        {
            return new BreakerState(limits) { IsShared = shared };
        }

        breaker.Limits = limits;
        return breaker;
    }

    private EndpointTarget Describe(ResolvedEndpoint endpoint) =>
        new()
        {
            Address = KernelAddress.From(endpoint.Address, endpoint.Port),
            Text = new IPEndPoint(endpoint.Address, endpoint.Port).ToString(),
            Weight = endpoint.Weight,
            Draining = endpoint.Draining,
            BackendIsLeaving = Config.IsLeaving,
            Named = endpoint.Named,
            Backup = endpoint.Backup,
            Features = Config.Features,
            MaxConnections = Config.MaxConnectionsPerEndpoint,
            MaxFails = Config.MaxFails,
            FailTimeoutMicroseconds = Config.FailTimeoutMicroseconds,
            ProxyOut = Config.ProxyOut,
            Tls = Tls,
            TlsHost = Config.TlsHost(endpoint),
        };
}

/// <summary>An endpoint with its IP address known. Ids are unique in a list of them.</summary>
/// <param name="Id">What it is known by from list to list.</param>
/// <param name="Address">Where it is.</param>
/// <param name="Port">Where it is.</param>
/// <param name="Weight">1 to 256.</param>
/// <param name="Draining">It gets no new connections.</param>
/// <param name="Backup">Used only while no other can be.</param>
/// <param name="Named">The id is a name from a push, which says who it is: another name is another endpoint, were it at the same address.</param>
internal sealed record ResolvedEndpoint(
    string Id,
    IPAddress Address,
    int Port,
    int Weight,
    bool Draining,
    bool Backup = false,
    bool Named = false
);
