using System.Globalization;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Limits.Overload;

/// <summary>Watches the memory, closes the heaviest and slowest connections while there is too little, and pauses accepting at the last.</summary>
/// <remarks>
/// It looks once a second where there is much room, and more often the less there is (<see cref="OverloadPace"/>): a small pod can be filled within a second.
/// New connections are not refused for it: an idle one weighs next to nothing, and the memory is elsewhere. While accepting pauses they wait
/// in the kernel's queue, or go to another process that has the socket. <see cref="Load"/> is thread-safe; <see cref="StepAsync"/> is not.
/// </remarks>
/// <param name="read">Reads the memory of this process against a configured limit in bytes, or that of its cgroup (0).</param>
/// <param name="engine">Whose connections they are.</param>
internal sealed class OverloadKeeper(Func<long, MemoryReading> read, EngineState engine)
{
    /// <summary>Over this at least is measured how fast a connection is, where it has been there for so long.</summary>
    private const long ReferenceMicroseconds = 1_000_000;

    private readonly Dictionary<(int Loop, int Descriptor, long Started), long> _before = [];
    private OverloadDecision _decision;
    private State _state = new(default, default, 0, 0);
    private ShedAllowance _allowance;
    private long _referenceAt;
    private long _trimmedAt;

    public async Task RunAsync(TimeProvider time, CancellationToken cancel)
    {
        try
        {
            var took = TimeSpan.Zero;
            var guard = new FaultGuard("the watch over memory", time);
            while (true)
            {
                await Task.Delay(OverloadPace.Next(Volatile.Read(ref _state).Memory, took), time, cancel);
                var began = time.GetTimestamp();
                await guard.RunAsync(StepAsync);
                took = time.GetElapsedTime(began);
            }
        }
        catch (OperationCanceledException)
        {
            // The engine ends.
        }
    }

    /// <summary>Looks once, and sheds what there is to shed.</summary>
    public async Task StepAsync()
    {
        var state = _state;
        if (engine.Snapshot?.Config.Overload is not { } config)
        {
            await TurnAsync(default);
            Array.ForEach(engine.Loops, static loop => SetBudgets(loop, PendingBudget.Most, HandshakeBudget.Most));
            _before.Clear();
            Volatile.Write(ref _state, state with { Memory = default, Decision = default });
            return;
        }

        var memory = read(config.MemoryLimitBytes);
        var next = OverloadDecision.Next(_decision, memory, config);
        if (next.Sheds && MayTrim() && Allocator.Trim())
        {
            // What only the allocator still had is no reason to close anything.
            memory = read(config.MemoryLimitBytes);
            next = OverloadDecision.Next(_decision, memory, config);
        }

        var handshakes = HandshakeBudget.Of(
            memory,
            config,
            engine.Loops.Sum(static loop => loop.TlsAcceptor.Line.Open),
            engine.Loops.Length
        );
        foreach (var loop in engine.Loops)
        {
            SetBudgets(loop, PendingBudget.Of(memory, config, loop.Pending.BytesInUse, engine.Loops.Length), handshakes);
        }

        var began = next.Pauses && !_decision.Pauses;
        await TurnAsync(next);
        var shed = next.Sheds ? await ShedAsync(next) : 0;
        if (!next.Sheds)
        {
            _before.Clear();
        }

        Volatile.Write(ref _state, new State(memory, next, state.Shed + shed, state.Pauses + (began ? 1 : 0)));
    }

    /// <summary>As the load report says it.</summary>
    public OverloadLoad Load()
    {
        var (memory, decision, shed, pauses) = Volatile.Read(ref _state);
        return new OverloadLoad
        {
            MemoryBytes = memory.UsedBytes,
            MemoryLimitBytes = memory.LimitBytes,
            ShedTotal = shed,
            MemoryPausesTotal = pauses,
            DescriptorPausesTotal = engine.Loops.Sum(loop => loop.Acceptor.Exhaustions),
            WatchFailuresTotal = engine.Loops.Sum(static loop => loop.Unwatched.FailuresTotal),
            UnwatchedSockets = Unwatched,
            Problem = Problem(memory, decision),
        };
    }

    private static void SetBudgets(RelayLoop loop, long pending, int handshakes)
    {
        loop.Pump.SetPendingBudget(pending);
        loop.TlsAcceptor.Line.SetMost(handshakes);
    }

    private string? Problem(MemoryReading memory, OverloadDecision decision)
    {
        var what =
            decision.Pauses ? "accepts nothing"
            : decision.Sheds ? "closes the heaviest connections"
            : null;
        if (what is null)
        {
            return Array.Exists(engine.Loops, loop => loop.Acceptor.IsExhausted) ? "has no descriptors left, and accepts nothing"
                : Unwatched is > 0 and var sockets
                    ? $"is not told by the kernel who comes to {sockets} of its sockets (fs.epoll.max_user_watches, or memory)"
                : null;
        }

        var percent = (100.0 * memory.UsedBytes / memory.LimitBytes).ToString("0", CultureInfo.InvariantCulture);
        return $"uses {percent} % of its {memory.LimitBytes >> 20} MiB of memory, and {what}";
    }

    private int Unwatched => engine.Loops.Sum(static loop => loop.Unwatched.Count);

    private async Task TurnAsync(OverloadDecision next)
    {
        var changed = next.Pauses != _decision.Pauses;
        _decision = next;
        if (changed)
        {
            await Task.WhenAll(
                engine.Loops.Select(loop =>
                    loop.InvokeAsync(() =>
                    {
                        loop.Acceptor.Pause(next.Pauses);
                        return true;
                    })
                )
            );
        }
    }

    /// <summary>Once a second at most: all that allocate wait for it.</summary>
    private bool MayTrim()
    {
        var now = EventLoop.Clock();
        if (_trimmedAt != 0 && now - _trimmedAt < 1_000_000)
        {
            return false;
        }

        _trimmedAt = now;
        return true;
    }

    private async Task<long> ShedAsync(OverloadDecision decision)
    {
        var now = EventLoop.Clock();
        var seconds = Math.Max(0.001, (now - _referenceAt) / 1e6);
        var lists = await Task.WhenAll(engine.Loops.Select(loop => loop.InvokeAsync(loop.Scale.Weigh)));
        var weighed = lists.SelectMany(list => list).ToList();
        // How fast a connection is shows between two looks; what was fast for a week and stands still now is slow.
        var isFirst = _before.Count == 0;
        var most = ShedPlanner.Most(weighed.Count);
        _allowance = _allowance.At(now, most);
        var chosen =
            isFirst && !decision.Pauses
                ? []
                // At the last there is no time to be careful in: the kernel would end all of them.
                : ShedPlanner.Choose(weighed, Pace, decision.ExcessBytes, decision.Pauses ? most : _allowance.Whole);
        _allowance = _allowance.Less(chosen.Count);
        var closed = await Task.WhenAll(
            chosen
                .GroupBy(connection => connection.Loop)
                .Select(group => engine.Loops[group.Key].InvokeAsync(() => engine.Loops[group.Key].Scale.Drop(group, decision.Pauses)))
        );
        if (isFirst || now - _referenceAt >= ReferenceMicroseconds)
        {
            _referenceAt = now;
            _before.Clear();
            foreach (var connection in weighed)
            {
                _before[(connection.Loop, connection.Descriptor, connection.Started)] = connection.Moved;
            }
        }

        return closed.Sum();

        double Pace(HeavyConnection connection) =>
            _before.TryGetValue((connection.Loop, connection.Descriptor, connection.Started), out var moved)
                ? (connection.Moved - moved) / seconds
                : connection.Moved / Math.Max(0.001, (now - connection.Started) / 1e6);
    }

    private sealed record State(MemoryReading Memory, OverloadDecision Decision, long Shed, long Pauses);
}
