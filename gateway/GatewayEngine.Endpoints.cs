using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway;

/// <summary>Backends and their endpoints: set by a config, pushed, or found by DNS.</summary>
internal sealed partial class GatewayEngine
{
    private const double MaxDrainPace = 1_000_000;

    /// <summary>Round robin begins somewhere below: far more than any number of endpoints times the greatest weight.</summary>
    private const long MaxStart = 1L << 40;

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
            backend.DrainPace = Math.Clamp(message.ClosesPerSecond, 0, MaxDrainPace);
        }

        await RecountAsync(_stop.Token);
        return true;
    }

    /// <summary>Names of backends that live on pushes, have no DNS name to go by meanwhile, and have had no push yet.</summary>
    public IReadOnlyList<string> WaitingBackends =>
        [
            .. _state
                .Backends.Values.Where(backend => backend is { Pushed: false, Config: { Source: EndpointSource.Pushed, DnsName: null } })
                .Select(backend => backend.Name),
        ];

    /// <summary>Names of backends of which nobody has said yet where their endpoints are, be it by a push or by DNS.</summary>
    public IReadOnlyList<string> UnknownBackends =>
        [
            .. _state
                .Backends.Values.Where(backend =>
                    backend is { Pushed: false, Config.Source: EndpointSource.Pushed } && backend.Set.Endpoints.Length == 0
                )
                .Select(backend => backend.Name),
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
                    : new BackendState(config.Name, _state.Endpoints, Random.Shared.NextInt64(MaxStart))
                    {
                        Index = BackendIndex(config.Name),
                    };
                backend.Tls.Client = tls.Of(config, backend.Tls.Client);
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
        [.. snapshot.Listeners.Where(listener => listener.BackendNames.Contains(backend)).SelectMany(listener => listener.Policies)];

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

    /// <summary>Tells that many WebSockets to an endpoint to go, by the fleet's close code.</summary>
    private async Task<int> SendAwayAsync(EndpointState endpoint, int count)
    {
        var drain = Snapshot?.Config.Drain ?? new DrainConfig();
        var told = 0;
        foreach (var loop in _loops)
        {
            var left = count - told;
            told +=
                left > 0
                    ? await loop.InvokeAsync(() =>
                        loop.Connections.SendAway(endpoint, left, new WebSocketClose(drain.CloseCode, drain.CloseReason))
                    )
                    : 0;
        }

        return told;
    }

    /// <summary>Keeps the endpoints that come from DNS up to date.</summary>
    private async Task ResolveAsync(CancellationToken cancel)
    {
        var guard = new FaultGuard("names of backends", _options.Timers);
        try
        {
            while (true)
            {
                await _resolveNow.WaitAsync(EndpointResolver.Interval, cancel);
                foreach (var backend in _state.Backends.Values.Where(NeedsDns))
                {
                    await guard.RunAsync(() => ResolveAsync(backend, cancel));
                }
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The engine ends.
        }
    }

    private async Task ResolveAsync(BackendState backend, CancellationToken cancel)
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

        await RecountAsync(cancel);
    }

    private static bool NeedsDns(BackendState backend) =>
        !backend.Pushed && backend.Config is var config && EndpointResolver.WithoutDns(config) is null;
}
