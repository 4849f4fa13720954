// Hot path: per connection. See tests/benchmarks.
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Balancing;

namespace Mooring.Gateway.Backends;

/// <summary>The endpoints of a backend between two changes. Immutable but for the endpoints' own states; thread-safe.</summary>
internal sealed class EndpointSet
{
    public static readonly EndpointSet Empty = new([]);

    private readonly int _maxWeight;
    private readonly Lazy<MaglevTable> _hash;
    private long _sequence;

    public EndpointSet(EndpointState[] endpoints)
    {
        Endpoints = endpoints;
        _maxWeight = endpoints.Length == 0 ? 1 : endpoints.Max(e => e.Target.Weight);
        // Only where a listener hashes: it is 65,537 steps and 128 KiB.
        _hash = new Lazy<MaglevTable>(() => MaglevTable.Build([.. Endpoints.Select(e => (e.Id, e.Target.Weight))]));
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

    /// <summary>An endpoint with a place taken on it, or null.</summary>
    /// <param name="policy">How to choose.</param>
    /// <param name="clientKey">For consistent hashing.</param>
    /// <param name="random">Any 64 random bits.</param>
    /// <param name="now">For health, in microseconds.</param>
    /// <param name="tried">Endpoints that failed for this connection already.</param>
    public EndpointState? Acquire(BalancingPolicy policy, ulong clientKey, ulong random, long now, Tried tried)
    {
        // Twice at most per kind of view: another loop may take an endpoint's last place in between.
        for (var attempt = 0; attempt < 4; attempt++)
        {
            var index = Choose(policy, clientKey, random, new View(Endpoints, now, tried, attempt >= 2));
            if (index < 0 && attempt < 2)
            {
                // Passive health knows of failed connects only: with every endpoint out, to try is better than to refuse.
                attempt = 1;
                continue;
            }

            if (index < 0)
            {
                return null;
            }

            if (Endpoints[index].TryAcquire())
            {
                return Endpoints[index];
            }
        }

        return null;
    }

    /// <summary>As <see cref="Acquire"/>, of the one endpoint that the key names; null when it is gone or takes no connection.</summary>
    public EndpointState? AcquireByAffinity(ReadOnlySpan<char> key, long now)
    {
        foreach (var endpoint in Endpoints)
        {
            if (key.SequenceEqual(endpoint.AffinityKey))
            {
                return endpoint.HasRoom() && endpoint.IsHealthy(now) && endpoint.TryAcquire() ? endpoint : null;
            }
        }

        return null;
    }

    private int Choose(BalancingPolicy policy, ulong clientKey, ulong random, View view) =>
        policy switch
        {
            BalancingPolicy.RoundRobin => RoundRobin.Pick(view, _maxWeight, ref _sequence),
            BalancingPolicy.ConsistentHash => _hash.Value.Pick(view, clientKey),
            _ => LeastConnections.Pick(view, random),
        };

    private readonly struct View(EndpointState[] endpoints, long now, Tried tried, bool evenUnhealthy) : IEndpointView
    {
        public int Count => endpoints.Length;

        public int Connections(int index) => endpoints[index].Connections;

        public int Weight(int index) => endpoints[index].Target.Weight;

        public bool Available(int index)
        {
            var endpoint = endpoints[index];
            return endpoint.HasRoom() && (evenUnhealthy || endpoint.IsHealthy(now)) && !tried.Contains(endpoint.Index);
        }
    }
}

/// <summary>Up to two endpoints that a connection must not be given again; -1: none.</summary>
internal readonly record struct Tried(int First, int Second)
{
    public static readonly Tried None = new(-1, -1);

    public bool Contains(int index) => index == First || index == Second;

    public Tried With(int index) => First < 0 ? new Tried(index, -1) : new Tried(First, index);
}
