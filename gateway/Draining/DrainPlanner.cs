using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Draining;

/// <summary>Decides how far the gateway is in letting go of its connections: serving, cordoned, draining, drained.</summary>
/// <remarks>
/// Does nothing itself and knows no clock: times are arguments, on any steady clock. Directives are fenced by (epoch, sequence), so a leader
/// that lost its lease cannot undo what its successor decided. Not thread-safe.
/// </remarks>
internal sealed class DrainPlanner(DrainConfig config, Random random)
{
    // Further than any deadline: the cluster autoscaler waits 10 minutes, a person perhaps a day.
    private static readonly TimeSpan MaxTime = TimeSpan.FromDays(7);

    // For the operator to hear that closes are about to begin, and to lower the pace of the gateways that drain meanwhile.
    private static readonly TimeSpan Notice = TimeSpan.FromSeconds(2);

    private readonly ClosePacer _pacer = new(random);
    private DrainConfig _config = config;
    private DirectiveMessage? _directive;
    private DirectiveKind _kind = DirectiveKind.Serve;
    private TimeSpan _started;
    private TimeSpan _drainStarted;
    private TimeSpan _deadline;
    private (DateTimeOffset Moment, TimeSpan At)? _anchor;
    private TimeSpan? _expires;
    private double _pace;
    private bool _terminating;
    private bool _shedDone;
    private TimeSpan? _clearsFrom;

    /// <summary>Fence of the last directive accepted, in force or expired; zeros before the first.</summary>
    public (long Epoch, long Sequence) Fence => _directive is null ? default : (_directive.Epoch, _directive.Sequence);

    /// <summary>Why the gateway is not simply serving: the directive's reason, or <c>shutdown</c>.</summary>
    public string Reason =>
        _terminating ? "shutdown"
        : _kind == DirectiveKind.Serve ? ""
        : _directive!.Reason;

    /// <summary>Whether <see cref="Terminate"/> was called.</summary>
    public bool IsTerminating => _terminating;

    /// <summary>Some of what is open is of listeners that are gone.</summary>
    public bool Clears { get; set; }

    /// <summary>Nothing happens before the next call of <see cref="Apply"/> or <see cref="Terminate"/>: <see cref="Step"/> need not be called.</summary>
    public bool IsIdle => _kind == DirectiveKind.Serve && !Clears;

    /// <summary>Only those whose listeners are gone are closed.</summary>
    private bool ClearsOnly => _kind is DirectiveKind.Serve or DirectiveKind.Cordon;

    /// <summary>When what is left is closed; null when not draining.</summary>
    public TimeSpan? Deadline => _kind == DirectiveKind.Drain ? _deadline : null;

    /// <summary>Closes per second in force; 0 while none are closed.</summary>
    public double Pace => ClearsOnly && _clearsFrom is null ? 0 : EffectivePace;

    private double EffectivePace => _pace > 0 ? _pace : _config.ClosesPerSecond;

    /// <summary>A new config. The deadline of a drain under way stays; pace, jitter and lame-duck time follow it.</summary>
    public void Configure(DrainConfig value) => _config = value;

    /// <summary>Takes a directive that came at <paramref name="now"/>, which is <paramref name="wall"/> on the wall.</summary>
    public DirectiveOutcome Apply(DirectiveMessage directive, TimeSpan now, DateTimeOffset wall)
    {
        if (!IsValid(directive))
        {
            return DirectiveOutcome.Invalid;
        }

        var order = _directive is null ? 1 : (directive.Epoch, directive.Sequence).CompareTo(Fence);
        if (order < 0)
        {
            return DirectiveOutcome.Stale;
        }

        if (_terminating && directive.Kind != DirectiveKind.Drain)
        {
            return DirectiveOutcome.Terminating;
        }

        // Its time to live may have run out in between, and then a repetition brings it back.
        var repeated = order == 0 && (_kind == directive.Kind || _terminating);
        _directive = directive;
        _expires = now + directive.TimeToLive;
        if (!repeated)
        {
            Begin(directive.Kind, now);
        }

        _pace = directive.ClosesPerSecond;
        if (directive.Kind == DirectiveKind.Drain)
        {
            var deadline = directive.Deadline is { } moment
                ? Anchor(moment, directive.Remaining, now, wall)
                : _drainStarted + _config.Deadline;

            // Only ever sooner while the process is ending: its supervisor's patience is the config's.
            _deadline = _terminating && deadline > _deadline ? _deadline : deadline;
        }

        return repeated ? DirectiveOutcome.Repeated : DirectiveOutcome.Accepted;
    }

    /// <summary>The process is to end: drains with the config's deadline, for good. A drain under way goes on, with the sooner of both deadlines.</summary>
    public void Terminate(TimeSpan now)
    {
        if (_terminating)
        {
            return;
        }

        var deadline = now + _config.Deadline;
        var before = Deadline;
        if (_kind != DirectiveKind.Drain)
        {
            Begin(DirectiveKind.Drain, now);
            _pace = 0;
        }

        // What it was told runs out as it would have: see Step.
        _terminating = true;
        _deadline = before < deadline ? before.Value : deadline;
    }

    /// <summary>What to do now. Call it every 10 to 100 ms while anything but serving.</summary>
    public DrainDecision Step(TimeSpan now, DrainCounts counts)
    {
        if (_expires <= now)
        {
            _expires = null;
            _kind = _terminating ? _kind : DirectiveKind.Serve;
            // Nobody is left to say when its turn has come.
            _pace = _pace < ClosePacer.Least ? 0 : _pace;
        }

        var gone = Clear(now, counts.Gone);
        return _kind switch
        {
            DirectiveKind.Serve => new DrainDecision(GatewayState.Serving, true, true, gone > 0 ? Take(now, gone) : 0, false),
            DirectiveKind.Shed => new DrainDecision(GatewayState.Serving, true, true, Take(now, Math.Max(gone, Surplus(counts))), false),
            DirectiveKind.Cordon => new DrainDecision(
                GatewayState.Cordoned,
                false,
                now < _started + _config.LameDuck,
                gone > 0 ? Take(now, gone) : 0,
                false
            ),
            _ => Drain(now, counts, gone),
        };
    }

    /// <summary>The closes of the last step have left by now.</summary>
    public void Sent(TimeSpan now) => _pacer.Sent(now);

    /// <summary>Those whose listeners are gone that may be closed by now.</summary>
    private int Clear(TimeSpan now, int count)
    {
        if (count == 0)
        {
            _clearsFrom = null;
            return 0;
        }

        if (_clearsFrom is null)
        {
            _clearsFrom = now + Notice;
            if (ClearsOnly)
            {
                _pacer.Restart(now);
            }
        }

        return now < _clearsFrom ? 0 : count;
    }

    private DrainDecision Drain(TimeSpan now, DrainCounts counts, int gone)
    {
        var accept = now < _started + _config.LameDuck && now < _deadline;
        if (counts.Open == 0 && !accept)
        {
            return new DrainDecision(GatewayState.Drained, false, false, 0, false);
        }

        if (now >= _deadline)
        {
            return new DrainDecision(GatewayState.Draining, false, false, 0, true);
        }

        // Asked for none of the others while clients are still let in, so that the pace in force counts from its beginning.
        return new DrainDecision(GatewayState.Draining, false, accept, Take(now, accept ? gone : counts.Closable), false);
    }

    private int Surplus(DrainCounts counts)
    {
        var target = _directive!.TargetConnections ?? int.MaxValue;

        // Reached once is done: a target is not a cap on what comes afterwards.
        _shedDone |= counts.Open <= target;
        var surplus = _shedDone ? 0 : counts.Open - counts.Closing - target;
        return Math.Clamp(surplus, 0, counts.Closable);
    }

    private int Take(TimeSpan now, int wanted) => _pacer.Take(now, wanted, EffectivePace, _config.Jitter);

    private void Begin(DirectiveKind kind, TimeSpan now)
    {
        // A drain that follows a cordon does not begin the lame-duck time again.
        var keepsStart = kind is DirectiveKind.Cordon or DirectiveKind.Drain && _kind is DirectiveKind.Cordon or DirectiveKind.Drain;
        if (!keepsStart)
        {
            _started = now;
        }

        if (kind != _kind)
        {
            // Its deadline counts from here, however long a cordon was before it.
            _drainStarted = now;
            _pacer.Restart(now);
        }

        _kind = kind;
        _shedDone = false;
    }

    /// <summary>A moment on the wall, on the steady clock: found once, for clocks on walls jump, and orders are given again each minute.</summary>
    private TimeSpan Anchor(DateTimeOffset moment, TimeSpan? remaining, TimeSpan now, DateTimeOffset wall)
    {
        if (_anchor is not { } anchor || anchor.Moment != moment)
        {
            _anchor = anchor = (moment, now + Clamp(remaining ?? moment - wall));
        }

        return anchor.At;
    }

    private static bool IsValid(DirectiveMessage directive) =>
        Enum.IsDefined(directive.Kind)
        && directive.ClosesPerSecond is >= 0 and <= 1_000_000
        && (directive.TimeToLive is not { } life || (life > TimeSpan.Zero && life <= MaxTime))
        && (directive.TargetConnections ?? 0) >= 0
        && (directive.Kind != DirectiveKind.Shed || directive.TargetConnections is not null);

    private static TimeSpan Clamp(TimeSpan time) =>
        time < TimeSpan.Zero ? TimeSpan.Zero
        : time > MaxTime ? MaxTime
        : time;
}
