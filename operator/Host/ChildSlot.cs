using Mooring.Operator.Host.Processes;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Host;

/// <summary>Where a slot is in its life.</summary>
internal enum SlotPhase
{
    /// <summary>No process: it is to start, now or when its backoff is over.</summary>
    Waiting,

    /// <summary>The process runs and does not serve yet.</summary>
    Starting,

    Ready,

    /// <summary>It gets no new connections; the open ones end by themselves, or at the deadline.</summary>
    Draining,

    /// <summary>It was told to end.</summary>
    Stopping,

    /// <summary>It is no more.</summary>
    Gone,
}

/// <summary>A place for one child process, which is filled again whenever the process dies.</summary>
/// <remarks>Not thread-safe: the supervisor's loop owns it.</remarks>
internal sealed class ChildSlot(string name, int number, string specHash)
{
    public string Name { get; } = name;

    /// <summary>Unique among the living slots of the group; the lowest free one is taken.</summary>
    public int Number { get; } = number;

    /// <summary>What it runs: a slot with another hash than the group's is stale.</summary>
    public string SpecHash { get; } = specHash;

    public RestartBackoff Backoff { get; } = new();

    public SlotPhase Phase { get; private set; } = SlotPhase.Waiting;

    /// <summary>When <see cref="Phase"/> was entered.</summary>
    public DateTimeOffset Since { get; private set; }

    public ChildProcess? Process { get; private set; }

    public DateTimeOffset StartedAt { get; private set; }

    /// <summary>Not to be started before.</summary>
    public DateTimeOffset NotBefore { get; set; }

    /// <summary>End of a drain, or (when stopping) the moment of the kill.</summary>
    public DateTimeOffset Deadline { get; private set; }

    /// <summary>That it is to go, and how far it is; null: it is wanted. Of gateways only.</summary>
    public DrainMark? Mark { get; set; }

    /// <summary>What people want of it; null: nothing. Of gateways only.</summary>
    public GatewayHold? Hold { get; set; }

    /// <summary>The port that a workload was given; 0 for a gateway.</summary>
    public int Port { get; private set; }

    public int Restarts { get; private set; }

    /// <summary>Why it last ended, or did not start, with what it said last where it had not settled; null: it has settled since.</summary>
    public string? Problem { get; private set; }

    /// <summary>Since when its process has served; null: it does not. A drain that is taken back is no break.</summary>
    public DateTimeOffset? ReadySince { get; private set; }

    /// <summary>Since when it has not served, though it did: its clients are on their way back. If it ends again before it has settled, the first time counts. Null: it has settled since, or never served.</summary>
    public DateTimeOffset? LostSince { get; private set; }

    /// <summary>A process that has served for so long has settled: how it ended last is of no interest any more.</summary>
    public TimeSpan MinReady { get; set; }

    /// <summary>It has a process that takes or holds connections.</summary>
    public bool Serves => Phase is SlotPhase.Ready or SlotPhase.Draining;

    public void Started(ChildProcess process, int port, DateTimeOffset now)
    {
        (Process, Port, StartedAt) = (process, port, now);
        Enter(SlotPhase.Starting, now);
    }

    public void Failed(string problem, DateTimeOffset now)
    {
        Problem = problem;
        NotBefore = now + Backoff.Next(TimeSpan.Zero);
    }

    public void Ready(DateTimeOffset now)
    {
        ReadySince ??= now;
        Enter(SlotPhase.Ready, now);
        Settle(now);
    }

    /// <summary>Forgets how it ended last once it has served for long enough. Returns whether it has.</summary>
    public bool Settle(DateTimeOffset now)
    {
        if (ReadySince is not { } since || now < since + MinReady)
        {
            return false;
        }

        (Problem, LostSince) = (null, null);
        return true;
    }

    public void Drain(DateTimeOffset deadline, DateTimeOffset now)
    {
        Deadline = deadline;
        Enter(SlotPhase.Draining, now);
    }

    /// <summary>Tells the process to end; it is killed at the deadline.</summary>
    public void Stop(DateTimeOffset killAt, DateTimeOffset now)
    {
        if (Process is null)
        {
            Enter(SlotPhase.Gone, now);
            return;
        }

        Deadline = killAt;
        Process.Signal(Libc.SigTerm);
        Enter(SlotPhase.Stopping, now);
    }

    /// <summary>The process has ended. One that was on its way out is not replaced.</summary>
    public void Exited(ProcessExit exit, DateTimeOffset now)
    {
        var lastLine = Settle(now) ? null : Process?.LastLine;
        LostSince ??= ReadySince is null ? null : now;
        (Process, ReadySince) = (null, null);
        if (Phase is SlotPhase.Draining or SlotPhase.Stopping)
        {
            Enter(SlotPhase.Gone, now);
            return;
        }

        Restarts++;
        Problem = lastLine is null ? $"ended with {exit}" : $"ended with {exit}: {lastLine}";
        NotBefore = now + Backoff.Next(now - StartedAt);
        Enter(SlotPhase.Waiting, now);
    }

    /// <summary>The wall clock was set: every moment that was noted by it is as far from now as before.</summary>
    public void Shift(TimeSpan by)
    {
        (Since, StartedAt, NotBefore, Deadline) = (Moved(Since), Moved(StartedAt), Moved(NotBefore), Moved(Deadline));
        ReadySince = ReadySince is { } since ? Moved(since) : null;
        LostSince = LostSince is { } lost ? Moved(lost) : null;
        Mark = Mark is { } mark
            ? mark with
            {
                CordonedAt = Moved(mark.CordonedAt),
                DrainStartedAt = mark.DrainStartedAt is { } started ? Moved(started) : null,
                Deadline = mark.Deadline is { } deadline ? Moved(deadline) : null,
            }
            : null;

        DateTimeOffset Moved(DateTimeOffset moment) => moment == default ? moment : moment + by;
    }

    private void Enter(SlotPhase phase, DateTimeOffset now) => (Phase, Since) = (phase, now);
}
