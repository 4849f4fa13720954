using System.Net;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Backends;

/// <summary>One backend over its life: its config at present and the endpoints that came from it, a push or DNS.</summary>
/// <remarks>Reading is for any thread; changing is for one thread at a time, under the engine's lock.</remarks>
internal sealed class BackendState(string name, EndpointRegistry registry)
{
    private EndpointSet _set = EndpointSet.Empty;
    private BackendSnapshot _config = BackendSnapshot.Missing;
    private IReadOnlyList<ResolvedEndpoint> _known = [];

    public string Name { get; } = name;

    /// <summary>What the counters know it by. Never used again for another name.</summary>
    public ushort Index { get; init; }

    public BackendSnapshot Config => Volatile.Read(ref _config);

    public EndpointSet Set => Volatile.Read(ref _set);

    /// <summary>A push has come: DNS has nothing to say any more.</summary>
    public bool Pushed { get; private set; }

    /// <summary>Takes on a config, keeping the endpoints and their states.</summary>
    public void Configure(BackendSnapshot config, IReadOnlyCollection<BalancingPolicy> policies, long now)
    {
        var sourceChanged = Config.Source != config.Source;
        Volatile.Write(ref _config, config);
        if (sourceChanged)
        {
            Pushed = false;
            _known = [];
        }

        Policies = policies;
        Rebuild(now);
    }

    /// <summary>Policies of the listeners in front.</summary>
    public IReadOnlyCollection<BalancingPolicy> Policies { get; private set; } = [];

    /// <summary>Replaces the endpoints. One with an id that was there before keeps its counts and health.</summary>
    public void Replace(IReadOnlyList<ResolvedEndpoint> endpoints, bool pushed, long now)
    {
        Pushed |= pushed;
        _known = endpoints;
        Rebuild(now);
    }

    /// <summary>Lets go of every endpoint: the backend is in the config no more.</summary>
    public void Retire(long now)
    {
        _known = [];
        Rebuild(now);
    }

    private void Rebuild(long now)
    {
        var before = _set.Endpoints.ToDictionary(e => e.Id);
        var after = new EndpointState[_known.Count];
        for (var i = 0; i < after.Length; i++)
        {
            var known = _known[i];
            var target = Describe(known);
            if (before.Remove(known.Id, out var endpoint))
            {
                endpoint.Target = target;
                after[i] = endpoint;
            }
            else
            {
                after[i] = registry.Add(known.Id, target, Name, Index);
            }
        }

        var set = new EndpointSet(after);
        foreach (var policy in Policies)
        {
            set.Prepare(policy);
        }

        Volatile.Write(ref _set, set);
        foreach (var gone in before.Values)
        {
            registry.Retire(gone, now);
        }

        registry.Sweep(now);
    }

    private EndpointTarget Describe(ResolvedEndpoint endpoint) =>
        new()
        {
            Address = KernelAddress.From(endpoint.Address, endpoint.Port),
            Text = new IPEndPoint(endpoint.Address, endpoint.Port).ToString(),
            Weight = endpoint.Weight,
            Draining = endpoint.Draining,
            MaxConnections = Config.MaxConnectionsPerEndpoint,
            MaxFails = Config.MaxFails,
            FailTimeoutMicroseconds = Config.FailTimeoutMicroseconds,
        };
}

/// <summary>An endpoint with its IP address known. Ids are unique in a list of them.</summary>
internal sealed record ResolvedEndpoint(string Id, IPAddress Address, int Port, int Weight, bool Draining);
