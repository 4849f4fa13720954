using Mooring.Gateway.Draining;

namespace Mooring.Gateway.Backends;

/// <summary>Sends WebSockets away from endpoints that drain, at the pace that the operator has set. Raw TCP is left until it ends.</summary>
/// <remarks>For one task. Without a pace a step is a look at one field of each backend.</remarks>
/// <param name="close">Tells so many WebSockets of an endpoint to go; returns how many were told.</param>
/// <param name="clock">Time on any steady clock, rising.</param>
/// <param name="random">For the jitter.</param>
internal sealed class EndpointDrainer(Func<EndpointState, int, Task<int>> close, Func<TimeSpan> clock, Random random)
{
    private readonly ClosePacer _pacer = new(random);
    private bool _active;

    /// <summary>To be called every 10 to 100 ms.</summary>
    /// <param name="backends">Those of the config in force.</param>
    /// <param name="jitter">The fleet's.</param>
    public async Task StepAsync(IEnumerable<BackendState> backends, TimeSpan jitter)
    {
        var paced = backends.Where(static backend => backend.DrainPace > 0).ToList();
        if (paced.Count == 0)
        {
            _active = false;
            return;
        }

        var now = clock();
        if (!_active)
        {
            _pacer.Restart(now);
            _active = true;
        }

        var endpoints = paced
            .SelectMany(static backend => backend.Set.Endpoints)
            .Where(static endpoint => endpoint.Target.Draining && endpoint.Connections > 0)
            .ToList();
        var count = _pacer.Take(
            now,
            endpoints.Sum(static endpoint => endpoint.Connections),
            paced.Max(static backend => backend.DrainPace),
            jitter
        );
        foreach (var endpoint in endpoints)
        {
            count -= count > 0 ? await close(endpoint, count) : 0;
        }

        _pacer.Sent(clock());
    }
}
