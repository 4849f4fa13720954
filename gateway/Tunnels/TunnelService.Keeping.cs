using Mooring.Contracts.Stream;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Tunnels;

/// <summary>What keeps tunnels alive, and ends them: once a second.</summary>
internal sealed partial class TunnelService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Renewals under way at a time.</summary>
    private const int MaxRenewals = 64;

    /// <summary>Rounds between two looks at the files of secrets.</summary>
    private const int RoundsPerSecret = 5;

    /// <summary>Claims of unknown outcome that are remembered; others end by their time to live.</summary>
    private const int MaxDoubtful = 1024;

    private readonly HashSet<OwnedThing> _doubtful = [];
    private long _generation;
    private volatile bool _givesWay;

    private async Task RunAsync(CancellationToken cancel)
    {
        var guard = new FaultGuard("the keeping of tunnels", _time);
        try
        {
            for (var round = 1; !cancel.IsCancellationRequested; round++)
            {
                await guard.RunAsync(async () =>
                {
                    try
                    {
                        await StepAsync(round);
                    }
                    catch (RegistryUnavailableException)
                    {
                        // What is open goes on; the next round tries again.
                    }
                });
                await Task.Delay(Interval, _time, cancel);
            }
        }
        catch (OperationCanceledException)
        {
            // The gateway ends.
        }
    }

    private async Task StepAsync(int round)
    {
        EndOverdue();
        foreach (var loop in _engine.Loops)
        {
            loop.Post(loop.Tunnels.Tidy);
        }

        if (round % RoundsPerSecret == 0)
        {
            ReadSecrets();
        }

        if (_givesWay)
        {
            // The process in its place is to listen there.
            await CloseForeignPortsAsync();
        }

        var registry = await RegistryAsync();
        Judge(registry.Problem);
        if (registry.Problem is null && registry.Gateway.Generation > 0)
        {
            await RenewAsync(registry);
            await SettleDoubtsAsync(registry);
            await SyncAsync(registry);
        }
    }

    /// <summary>Another process has this one's place: clients find their tunnels there, once this one has let go of the ports.</summary>
    public bool GivesWay => _givesWay;

    /// <summary>No port waits here any more for a client that is gone.</summary>
    public void GiveWay() => _givesWay = true;

    /// <summary>Ends tunnels whose clients did not come back, or have no reason to.</summary>
    private void EndOverdue()
    {
        List<TunnelSession> overdue;
        lock (_gate)
        {
            overdue =
            [
                .. _detached
                    .Where(entry => _givesWay || _time.GetElapsedTime(entry.Value) >= entry.Key.Listener.Config.Grace)
                    .Select(static entry => entry.Key),
            ];
        }

        foreach (var session in overdue)
        {
            var (state, reason) = _givesWay
                ? (TunnelState.Moved, "another process has this one's place")
                : (TunnelState.TimedOut, "the client did not come back");
            EndOnLoop(session, state, reason, onlyDetached: true);
        }
    }

    /// <summary>Ends a tunnel from any thread.</summary>
    private static void EndOnLoop(TunnelSession session, TunnelState state, string reason, bool onlyDetached = false) =>
        session.Loop.Post(() =>
        {
            if (!onlyDetached || session.Control < 0)
            {
                session.Loop.Tunnels.End(session, state, reason);
            }
        });

    private void ReadSecrets()
    {
        List<TunnelListener> listeners;
        lock (_gate)
        {
            listeners = [.. _listeners.Values];
        }

        foreach (var listener in listeners)
        {
            var config = listener.Config;
            var (keys, errors) = TunnelListener.Read(config);
            if (errors.Count == 0)
            {
                listener.Renew(config, keys);
            }
        }
    }

    /// <summary>Without the registry other gateways may not find a tunnel: it is degraded, and says so.</summary>
    private void Judge(string? problem)
    {
        foreach (var session in Open())
        {
            if (session.State == TunnelState.Connected && problem is not null)
            {
                Turn(session, TunnelState.Degraded, problem);
            }
            else if (session.State == TunnelState.Degraded && problem is null)
            {
                Turn(session, TunnelState.Connected, "the registry is back");
            }
        }
    }

    private async Task RenewAsync(TunnelRegistry registry)
    {
        var anew = Interlocked.Exchange(ref _generation, registry.Gateway.Generation) != registry.Gateway.Generation;
        List<TunnelPort> due;
        lock (_gate)
        {
            due =
            [
                .. _sessions
                    .Values.SelectMany(static session => session.Ports)
                    .Where(port =>
                        anew
                        || _detached.ContainsKey(port.Session)
                        || port.Ownership!.Gateway.Generation != registry.Gateway.Generation
                        || _time.GetElapsedTime(port.Confirmed) > registry.Ttl / 4
                    ),
            ];
        }

        foreach (var batch in due.Chunk(MaxRenewals))
        {
            await Task.WhenAll(batch.Select(port => _things.RunAsync(port.Thing, () => RenewInTurnAsync(port, registry))));
        }
    }

    private async Task RenewInTurnAsync(TunnelPort port, TunnelRegistry registry)
    {
        if (port.IsSettled)
        {
            // Somebody else here may have it by now.
            return;
        }

        var known = port.Ownership!;
        var now = _time.GetTimestamp();
        if (known.Gateway == registry.Gateway && await registry.Registry.RenewAsync(port.Thing, known, registry.Ttl))
        {
            port.Confirmed = now;
            return;
        }

        // Registered anew, or the registry has lost its memory: it is still this gateway's unless somebody else has it by now.
        var answer = await registry.Registry.ClaimAsync(port.Thing, registry.Gateway, known.Detail, registry.Ttl, force: false);
        switch (answer.Result)
        {
            case ClaimResult.Owned:
                (port.Ownership, port.Confirmed) = (answer.Ownership, now);
                if (port.IsSettled)
                {
                    // It was given back meanwhile, under the ownership before.
                    await ReleaseInTurnAsync(port);
                }

                break;
            case ClaimResult.Taken:
                EndOnLoop(port.Session, TunnelState.Moved, "another gateway has the tunnel now");
                break;
        }
    }

    /// <summary>Claims that were not answered may have been granted all the same: those of no tunnel are given back.</summary>
    private async Task SettleDoubtsAsync(TunnelRegistry registry)
    {
        List<OwnedThing> doubtful;
        lock (_gate)
        {
            doubtful = [.. _doubtful];
        }

        foreach (var thing in doubtful)
        {
            // What is open, or is being opened, settles it by itself; and is not opened while this looks.
            if (TryReserve(thing))
            {
                try
                {
                    if (await registry.Registry.FindAsync(thing) is { } owner && owner.Gateway == registry.Gateway)
                    {
                        await registry.Registry.ReleaseAsync(thing, owner);
                    }
                }
                finally
                {
                    Unreserve(thing);
                }
            }

            lock (_gate)
            {
                _doubtful.Remove(thing);
            }
        }
    }

    /// <summary>The open tunnel whose visitors ask for a host name; null: this gateway has none.</summary>
    public TunnelPort? FindHost(string host)
    {
        lock (_gate)
        {
            return _ports.GetValueOrDefault(new OwnedThing($"name:{host}"));
        }
    }
}
