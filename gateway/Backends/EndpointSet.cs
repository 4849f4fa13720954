// Hot path: per connection. See tests/benchmarks.
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Balancing;

namespace Mooring.Gateway.Backends;

/// <summary>The endpoints of a backend between two changes. Immutable but for the endpoints' own states; thread-safe.</summary>
internal sealed class EndpointSet
{
    public static readonly EndpointSet Empty = new([], new Rotation(0));

    private readonly int _maxWeight;
    private readonly bool _slowStarts;
    private readonly bool _backups;
    private readonly (string Key, int Weight)[] _shares;
    private readonly Lazy<MaglevTable> _hash;
    private readonly Rotation _rotation;

    /// <param name="endpoints">As they are from now on.</param>
    /// <param name="rotation">Whose turn it is: goes on from set to set.</param>
    public EndpointSet(EndpointState[] endpoints, Rotation rotation)
    {
        Endpoints = endpoints;
        _rotation = rotation;
        // By address: some gateways know it by DNS, and others by the name that was pushed.
        _shares = [.. endpoints.Select(e => (e.Target.Text, e.Target.Weight))];
        _maxWeight = endpoints.Length == 0 ? 1 : endpoints.Max(e => e.Target.Weight);
        _slowStarts = Array.Exists(endpoints, e => e.Target.Features.SlowStartMicroseconds > 0);
        _backups = Array.Exists(endpoints, e => e.Target.Backup);
        // Only where a listener hashes: it is 65,537 steps and 128 KiB.
        _hash = new Lazy<MaglevTable>(() => MaglevTable.Build(_shares));
    }

    public EndpointState[] Endpoints { get; }

    /// <summary>Builds what <paramref name="policy"/> needs, so that no loop has to.</summary>
    public void Prepare(BalancingPolicy policy)
    {
        if (policy == BalancingPolicy.ConsistentHash)
        {
            _ = _hash.Value;
        }
    }

    /// <summary>A set of these endpoints, as they are by now, would be this one again.</summary>
    public bool Matches(EndpointState[] endpoints)
    {
        if (endpoints.Length != Endpoints.Length)
        {
            return false;
        }

        var (slowStarts, backups) = (false, false);
        for (var i = 0; i < endpoints.Length; i++)
        {
            var target = endpoints[i].Target;
            if (endpoints[i] != Endpoints[i] || (target.Text, target.Weight) != _shares[i])
            {
                return false;
            }

            slowStarts |= target.Features.SlowStartMicroseconds > 0;
            backups |= target.Backup;
        }

        return slowStarts == _slowStarts && backups == _backups;
    }

    /// <summary>A healthy endpoint with a place taken on it, one that is a backup where no other is healthy; or null.</summary>
    /// <param name="policy">How to choose.</param>
    /// <param name="clientKey">For consistent hashing.</param>
    /// <param name="random">Any 64 random bits.</param>
    /// <param name="now">For health, in microseconds.</param>
    /// <param name="tried">Endpoints that failed for this connection already.</param>
    public EndpointState? Acquire(BalancingPolicy policy, ulong clientKey, ulong random, long now, Tried tried)
    {
        var call = new Choice(policy, clientKey, random, now, tried);
        return
            // A hash that left out endpoints by chance would give a client another one each time.
            (_slowStarts && policy != BalancingPolicy.ConsistentHash ? Take(call, Reach.Warm) : null)
                is { } warm
                ? warm
            : Take(call, Reach.Primary) is { } primary ? primary
            : _backups && !AnyUsable(now, tried, backups: false) ? Take(call, Reach.Backup)
            : null;
    }

    /// <summary>As <see cref="Acquire"/>, where that has found none: one that connects failed to lately. To try it is better than to refuse.</summary>
    public EndpointState? AcquireInDoubt(BalancingPolicy policy, ulong clientKey, ulong random, long now, Tried tried) =>
        Take(new Choice(policy, clientKey, random, now, tried), Reach.Doubtful);

    /// <summary>As <see cref="Acquire"/>, of the one endpoint that the key names; null when it is gone or takes no connection.</summary>
    public EndpointState? AcquireByAffinity(ReadOnlySpan<char> key, long now)
    {
        foreach (var endpoint in Endpoints)
        {
            if (key.SequenceEqual(endpoint.AffinityKey))
            {
                return endpoint.HasRoom() && endpoint.IsHealthy(now) && endpoint.TryEnter(now) ? endpoint : null;
            }
        }

        return null;
    }

    /// <summary>There is a healthy endpoint that takes connections, or would if it were not full.</summary>
    public bool AnyUsable(long now, Tried tried) =>
        AnyUsable(now, tried, backups: false) || (_backups && AnyUsable(now, tried, backups: true));

    private bool AnyUsable(long now, Tried tried, bool backups)
    {
        foreach (var endpoint in Endpoints)
        {
            var target = endpoint.Target;
            if (target.Backup == backups && !target.IsClosed && endpoint.IsHealthy(now) && !tried.Contains(endpoint.Index))
            {
                return true;
            }
        }

        return false;
    }

    private EndpointState? Take(in Choice call, Reach reach)
    {
        // Twice at most: another loop may take an endpoint's last place in between.
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var index = Choose(call, new View(this, call, reach));
            if (index < 0)
            {
                return null;
            }

            if (Endpoints[index].TryEnter(call.Now))
            {
                return Endpoints[index];
            }
        }

        return null;
    }

    private int Choose(in Choice call, View view) =>
        call.Policy switch
        {
            BalancingPolicy.RoundRobin => RoundRobin.Pick(view, _maxWeight, ref _rotation.Visits),
            BalancingPolicy.ConsistentHash => _hash.Value.Pick(view, call.ClientKey),
            _ => LeastConnections.Pick(view, call.Random),
        };

    private enum Reach
    {
        /// <summary>Healthy endpoints, those in slow start by their progress.</summary>
        Warm,

        /// <summary>Healthy endpoints.</summary>
        Primary,

        /// <summary>Healthy backup endpoints.</summary>
        Backup,

        /// <summary>Whatever checks and breakers let through, though connects to it failed lately.</summary>
        Doubtful,
    }

    private readonly record struct Choice(BalancingPolicy Policy, ulong ClientKey, ulong Random, long Now, Tried Tried);

    private readonly struct View(EndpointSet set, Choice call, Reach reach) : IEndpointView
    {
        private readonly EndpointState[] _endpoints = set.Endpoints;
        private readonly bool _backups = set._backups;

        public int Count => _endpoints.Length;

        public int Connections(int index) => _endpoints[index].Connections;

        public int Weight(int index) => _endpoints[index].Target.Weight;

        public bool Available(int index)
        {
            var endpoint = _endpoints[index];
            return endpoint.HasRoom()
                && !call.Tried.Contains(endpoint.Index)
                && (endpoint.IsBeyondDoubt || (reach == Reach.Doubtful ? endpoint.IsUsable(call.Now) : endpoint.IsHealthy(call.Now)))
                && (!_backups || reach == Reach.Doubtful || endpoint.Target.Backup == (reach == Reach.Backup))
                && (reach != Reach.Warm || IsAdmitted(endpoint, index));
        }

        private bool IsAdmitted(EndpointState endpoint, int index) =>
            endpoint.Progress(call.Now) is var progress
            && (progress >= 1 || SlowStart.Admits(progress, call.Policy, _endpoints.Length, index, call.Random));
    }
}

/// <summary>Where round robin is: shared by all who choose from a backend's endpoints, whatever becomes of these.</summary>
/// <param name="start">Of each gateway another, or many that start together would all begin at the first endpoint. At least 0.</param>
internal sealed class Rotation(long start)
{
    /// <summary>See <see cref="RoundRobin"/>.</summary>
    public long Visits = start;
}

/// <summary>Endpoints that a connection must not be given again, since they failed, the last one first: as many as there are retries; -1: none.</summary>
internal readonly record struct Tried(int First, int Second, int Third = -1, int Fourth = -1)
{
    public static readonly Tried None = new(-1, -1);

    public bool Contains(int index) => index == First || index == Second || index == Third || index == Fourth;

    public Tried With(int index) => new(index, First, Second, Third);
}
