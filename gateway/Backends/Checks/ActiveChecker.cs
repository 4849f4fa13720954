using System.Net;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Backends.Checks;

/// <summary>Runs the active checks of all backends of a gateway, whatever its number of loops.</summary>
/// <remarks>
/// Looks at what is due several times a second rather than keeping timers, so endpoints may come and go under it. At most
/// <see cref="MaxAtOnce"/> checks are under way; where more are due, those that are most overdue go first. One task at a time steps.
/// </remarks>
/// <param name="turned">Told when an endpoint went down (with why) or up (null).</param>
/// <param name="random">For spreading and jitter.</param>
internal sealed class ActiveChecker(Action<EndpointState, string?>? turned, Random random)
{
    /// <summary>Checks under way at most.</summary>
    public const int MaxAtOnce = 256;

    /// <summary>The first checks of many endpoints are spread over this.</summary>
    private const long FirstSpreadMicroseconds = 1_000_000;

    private int _underWay;

    /// <summary>Starts the checks that are due.</summary>
    public void Step(IEnumerable<BackendState> backends, long now, CancellationToken cancel)
    {
        List<(EndpointState Endpoint, CheckPlan Plan, BackendState Backend)>? due = null;
        foreach (var backend in backends)
        {
            if (backend.Config.Features.Check is not { } plan)
            {
                continue;
            }

            foreach (var endpoint in backend.Set.Endpoints)
            {
                // Or it was put off by an interval from before a reload.
                if (endpoint.NextCheck == 0 || endpoint.NextCheck - now > 2 * plan.IntervalMicroseconds)
                {
                    endpoint.NextCheck = now + (long)(random.NextDouble() * Math.Min(plan.IntervalMicroseconds, FirstSpreadMicroseconds));
                }
                else if (endpoint.NextCheck <= now && !endpoint.BeingChecked && !endpoint.Target.Draining)
                {
                    (due ??= []).Add((endpoint, plan, backend));
                }
            }
        }

        if (due is null)
        {
            return;
        }

        foreach (var (endpoint, plan, backend) in due.OrderBy(one => one.Endpoint.NextCheck).Take(MaxAtOnce - Volatile.Read(ref _underWay)))
        {
            var jitter = 1 + ((random.NextDouble() * 2) - 1) * plan.JitterPercent / 100;
            endpoint.NextCheck = now + (long)(plan.IntervalMicroseconds * jitter);
            endpoint.BeingChecked = true;
            Interlocked.Increment(ref _underWay);
            _ = CheckAsync(endpoint, plan, backend, cancel);
        }
    }

    private async Task CheckAsync(EndpointState endpoint, CheckPlan plan, BackendState backend, CancellationToken cancel)
    {
        // Off the stepping task: a connect that fails at once must not hold the others up.
        await Task.Yield();
        try
        {
            var error = await EndpointProbe.RunAsync(
                IPEndPoint.Parse(endpoint.Target.Text),
                plan,
                cancel,
                plan.Port == 0 ? backend.Config.ProxyOut : null,
                backend.Tls.Client,
                endpoint.Target.TlsHost
            );
            // A reload may have ended or changed the checks meanwhile.
            if (backend.Config.Features.Check == plan && endpoint.NoteCheck(error, plan, EventLoop.Clock()))
            {
                turned?.Invoke(endpoint, error);
                if (error is null && !backend.Queue.IsEmpty)
                {
                    backend.Queue.Serve();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The engine ends.
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
            endpoint.BeingChecked = false;
        }
    }
}
