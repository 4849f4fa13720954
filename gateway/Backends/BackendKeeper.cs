using Mooring.Gateway.Backends.Checks;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Backends;

/// <summary>What backends need from time to time: active checks, a look at who waits, an end to drained endpoints.</summary>
/// <remarks>One task of the gateway. A backend without these features costs a look at a few fields ten times a second.</remarks>
/// <param name="backends">Those of the config in force.</param>
/// <param name="leaving">Endpoints that drain or are gone and may still have connections.</param>
/// <param name="closeAll">Closes every connection to an endpoint.</param>
/// <param name="checker">The active checks.</param>
/// <param name="drainer">Empties endpoints that drain.</param>
/// <param name="jitter">By how much a close is put off at most.</param>
/// <param name="time">What the pace is kept by.</param>
internal sealed class BackendKeeper(
    Func<IEnumerable<BackendState>> backends,
    Func<IReadOnlyList<EndpointState>> leaving,
    Func<EndpointState, Task> closeAll,
    ActiveChecker checker,
    EndpointDrainer drainer,
    Func<TimeSpan> jitter,
    TimeProvider time
)
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(100);

    /// <summary>Without a backend, as a gateway of Hubs alone: of many on a host each wakes for nothing.</summary>
    private static readonly TimeSpan IdlePace = TimeSpan.FromSeconds(1);

    /// <summary>Runs until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(Pace, time);
        var guard = new FaultGuard("checks, queues and drains of backends", time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancel))
            {
                var isIdle = false;
                await guard.RunAsync(async () => isIdle = await StepAsync(EventLoop.Clock(), cancel));
                if (timer.Period != (isIdle ? IdlePace : Pace))
                {
                    timer.Period = isIdle ? IdlePace : Pace;
                }
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The engine ends.
        }
    }

    /// <summary>True: there was nothing to look at.</summary>
    private async Task<bool> StepAsync(long now, CancellationToken cancel)
    {
        var all = backends();
        var isIdle = true;
        checker.Step(all, now, cancel);
        foreach (var backend in all)
        {
            isIdle = false;
            // Places come free without anyone saying so too: an endpoint's time out of service is over, a breaker is half-open.
            if (!backend.Queue.IsEmpty)
            {
                backend.Queue.Serve();
            }
        }

        await drainer.StepAsync(all, jitter());
        foreach (var endpoint in leaving())
        {
            isIdle = false;
            var limit = endpoint.Target.Features.DrainMicroseconds;
            var since = endpoint.LeavingSince;
            // Some may have come meanwhile, and WebSockets take their time to close: looked at again in a second. One that was wanted again while others were closed is left alone.
            if (
                limit > 0
                && since != 0
                && endpoint.Connections > 0
                && now - since >= limit
                && endpoint.TryPutOff(since, now - limit + 1_000_000)
            )
            {
                await closeAll(endpoint);
            }
        }

        return isIdle;
    }
}
