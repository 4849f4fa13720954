using Mooring.Contracts.Stream;

namespace Mooring.Operator.Scaling;

/// <summary>
/// The one sequence of rollout, rollback and scale-in: surge against free capacity, cordon the least loaded, drain, and only then ask the cluster for
/// fewer, by exactly those that are empty. Pure and level-based: it goes on from whatever it finds.
/// </summary>
/// <remarks>
/// What it promises, at each step: as many gateways ready as wanted (or, with <see cref="SequencePace.MinFreePercent"/>, that share of slots free) wherever
/// that many can be; no gateway with connections asked away before its deadline; and an end, once what it sees stops changing by itself.
/// </remarks>
public static class DrainSequence
{
    // A pod that has not started for so long will not soon: one that is to stay must not keep drained ones waiting.
    internal static readonly TimeSpan StuckAfter = TimeSpan.FromSeconds(60);

    // What the clocks of two leaders may differ by. A mark from further ahead was made before the clock was set back.
    internal static readonly TimeSpan Skew = TimeSpan.FromSeconds(5);

    public static SequenceStep Decide(SequenceInput input)
    {
        var step = new Builder(input);
        step.Obey();
        step.TakeBack();
        step.MarkAnew();
        step.Advance();
        step.Choose();
        return step.Build();
    }

    private sealed class Builder
    {
        private readonly SequenceInput _input;
        private readonly List<SequenceGateway> _live;
        private readonly Dictionary<string, DrainMark?> _marks;
        private readonly Capacity _capacity;

        // Wanted again, and to be taken back once the cluster cannot be removing them any more.
        private readonly HashSet<string> _awaited = new(StringComparer.Ordinal);
        private TimeSpan? _after;

        public Builder(SequenceInput input)
        {
            _input = input;
            _live = input
                .Gateways.Where(static gateway => gateway.Stage != GatewayStage.Terminating)
                .OrderBy(static gateway => gateway.Name, StringComparer.Ordinal)
                .ToList();
            _marks = _live.ToDictionary(static gateway => gateway.Name, static gateway => gateway.Mark, StringComparer.Ordinal);
            _capacity = new Capacity(input);
        }

        private IEnumerable<SequenceGateway> Unmarked => _live.Where(gateway => _marks[gateway.Name] is null);

        /// <summary>Those that others can go for: of the wanted revision only such as have shown that they last.</summary>
        private IEnumerable<SequenceGateway> Serving =>
            Unmarked.Where(gateway => gateway.Stage == GatewayStage.Ready && (!IsCurrent(gateway) || Lasts(gateway)));

        private bool IsCurrent(SequenceGateway gateway) => gateway.Revision == _input.Revision;

        /// <summary>It counts as one of those wanted: it is not on its way out, nor waits for another to take its place.</summary>
        private bool Stays(SequenceGateway gateway) =>
            _marks[gateway.Name] is null && !(gateway.Hold == GatewayHold.Drain && IsCurrent(gateway));

        private bool Lasts(SequenceGateway gateway) =>
            gateway.IsSettled(_input.Now, _input.Pace.MinReady) || IsDue(gateway.ReadySince!.Value + _input.Pace.MinReady);

        /// <summary>Somebody wants it cordoned and no more than that.</summary>
        private bool IsHeld(SequenceGateway gateway) => gateway.Hold == GatewayHold.Cordon && IsCurrent(gateway);

        /// <summary>What people want of single gateways: a cordon at once, a drain once it can be spared, and neither any more.</summary>
        public void Obey()
        {
            foreach (var gateway in _live)
            {
                var mark = _marks[gateway.Name];
                if (gateway.Hold is null && mark is { Cause: DrainCauses.Manual, Drained: false })
                {
                    _marks[gateway.Name] = null;
                }
                else if (
                    mark is null
                    && (
                        IsHeld(gateway)
                        || gateway.Hold == GatewayHold.Drain
                            && (
                                gateway.Stage != GatewayStage.Ready || _capacity.Suffices(Serving.Where(other => other != gateway).ToList())
                            )
                    )
                )
                {
                    _marks[gateway.Name] = new DrainMark(DrainCauses.Manual, Whole(_input.Now));
                    IsDue(_input.Now + _input.Pace.LameDuck);
                }
            }
        }

        /// <summary>Gateways that are wanted after all: of the wanted revision first (a rollback, a scale-out), else whatever the capacity is short of.</summary>
        public void TakeBack()
        {
            var missing = _input.Wanted - _live.Count(gateway => IsCurrent(gateway) && Stays(gateway));
            foreach (var gateway in Marked(IsCurrent).Take(Math.Max(0, missing)))
            {
                if (MayBeGoing(gateway))
                {
                    _awaited.Add(gateway.Name);
                }
                else
                {
                    _marks[gateway.Name] = null;
                }
            }

            // A serving gateway died while others were on their way out: those can still serve.
            var coming = Unmarked.Where(static gateway => gateway.Stage == GatewayStage.Ready || gateway.Load is not null).ToList();
            if (_capacity.Suffices(coming))
            {
                return;
            }

            var short_ = _input.Wanted - coming.Count;
            foreach (
                var gateway in Marked(gateway => gateway.Load is not null && gateway.Mark is { Drained: false }).Take(Math.Max(0, short_))
            )
            {
                _marks[gateway.Name] = null;
            }
        }

        /// <summary>Marks of the future: the clock was set back since, and nothing is to wait longer for it than it would have at first.</summary>
        public void MarkAnew()
        {
            var now = Whole(_input.Now);
            foreach (var gateway in _live)
            {
                if (_marks[gateway.Name] is not { Drained: false } mark)
                {
                    continue;
                }

                if (mark.CordonedAt > now + Skew)
                {
                    mark = mark with { CordonedAt = now };
                }

                if (mark.DrainStartedAt is { } started && started > now + Skew)
                {
                    mark = mark with { DrainStartedAt = now, Deadline = now + (mark.Deadline - started ?? _input.Pace.Deadline) };
                }

                _marks[gateway.Name] = mark;
            }
        }

        /// <summary>Cordoned ones begin to drain when load balancers had their time; empty or overdue ones are done.</summary>
        public void Advance()
        {
            foreach (var gateway in _live)
            {
                if (_marks[gateway.Name] is not { Drained: false } mark || (IsHeld(gateway) && mark.DrainStartedAt is null))
                {
                    continue;
                }

                if (mark.DrainStartedAt is null && IsDue(mark.CordonedAt + _input.Pace.LameDuck))
                {
                    mark = mark with { DrainStartedAt = Whole(_input.Now), Deadline = Whole(_input.Now + _input.Pace.Deadline) };
                }
                else if (mark is { DrainStartedAt: { } began, Deadline: null })
                {
                    // Taken away by hand: without one it would drain for ever.
                    mark = mark with
                    {
                        Deadline = Whole(began + _input.Pace.Deadline),
                    };
                }

                _marks[gateway.Name] = IsDone(gateway, mark) ? mark with { Drained = true } : mark;
            }
        }

        /// <summary>Cordons what is to go and can be spared, the least loaded first.</summary>
        public void Choose()
        {
            var unneeded = new List<SequenceGateway>();
            foreach (var group in _live.Where(Stays).GroupBy(static gateway => gateway.Revision).ToList())
            {
                var surplus = Surplus(group.Key);

                // What the cluster removes first anyway, and carries nobody, needs no drain; but the mark, for it may have started by then.
                var starting = group
                    .Where(static gateway => gateway.Stage is GatewayStage.Unassigned or GatewayStage.Pending)
                    .Take(surplus)
                    .ToList();
                starting.ForEach(gateway => _marks[gateway.Name] = Mark(gateway) with { Drained = true });
                unneeded.AddRange(
                    group
                        .Except(starting)
                        .OrderBy(static gateway => gateway.Stage)
                        .ThenBy(static gateway => gateway.Load?.Connections ?? 0)
                        .ThenBy(static gateway => gateway.Name, StringComparer.Ordinal)
                        .Take(surplus - starting.Count)
                );
            }

            // Older revisions before surplus of the new one.
            foreach (
                var gateway in unneeded
                    .OrderBy(static gateway => gateway.Stage)
                    .ThenBy(IsCurrent)
                    .ThenBy(static gateway => gateway.Load?.Connections ?? 0)
            )
            {
                if (gateway.Stage != GatewayStage.Ready || _capacity.Suffices(Serving.Where(other => other != gateway).ToList()))
                {
                    _marks[gateway.Name] = Mark(gateway);
                    IsDue(_input.Now + _input.Pace.LameDuck);
                }
            }
        }

        public SequenceStep Build() =>
            new()
            {
                Targets = Targets(),
                Marks =
                [
                    .. _live
                        .Where(gateway => gateway.Mark != _marks[gateway.Name])
                        .Select(gateway => new MarkChange(gateway.Name, gateway.Mark, _marks[gateway.Name])),
                ],
                Phase = Phase(),
                After = _after,
            };

        private DrainMark Mark(SequenceGateway gateway) =>
            new(IsCurrent(gateway) ? DrainCauses.ScaleIn : DrainCauses.Rollout, Whole(_input.Now));

        private IEnumerable<SequenceGateway> Marked(Func<SequenceGateway, bool> which) =>
            _live
                .Where(gateway => _marks[gateway.Name] is not null && gateway.Hold is null && which(gateway))
                .OrderByDescending(IsCurrent)
                .ThenBy(static gateway => gateway.Mark!.Drained)
                .ThenByDescending(static gateway => gateway.Load?.Connections ?? 0)
                .ToList();

        private bool IsDone(SequenceGateway gateway, DrainMark mark)
        {
            // Nobody was ever let in.
            if (gateway.Stage is GatewayStage.Unassigned or GatewayStage.Pending)
            {
                return true;
            }

            if (gateway.Load is null)
            {
                // Nothing can be told it: being removed makes it drain by itself.
                return IsDue(gateway.UnheardSince + _input.Pace.UnheardLimit);
            }

            return mark.Deadline is { } deadline
                && (gateway.Load is { Connections: 0, State: GatewayState.Drained } || IsDue(deadline + _input.Pace.DeadlineMargin));
        }

        /// <summary>The cluster was asked for fewer, and may be about to remove this one: without its mark it would take any.</summary>
        private bool MayBeGoing(SequenceGateway gateway) =>
            gateway.Mark is { Drained: true }
            && _input.Groups.FirstOrDefault(group => group.Revision == gateway.Revision) is { } group
            && (!group.IsObserved || group.Replicas < _live.Count(other => other.Revision == gateway.Revision));

        private int Surplus(string revision)
        {
            var staying = _live.Count(gateway => gateway.Revision == revision && Stays(gateway));
            return revision == _input.Revision ? Math.Max(0, staying - _input.Wanted) : staying;
        }

        private List<GroupTarget> Targets()
        {
            var groups = _input.Groups.Any(group => group.Revision == _input.Revision)
                ? _input.Groups
                : [.. _input.Groups, new RevisionGroup(_input.Revision, 0, 0)];
            return groups.Select(group => new GroupTarget(group.Revision, Target(group))).ToList();
        }

        private int Target(RevisionGroup group)
        {
            var members = _live.Where(gateway => gateway.Revision == group.Revision).ToList();
            var isCurrent = group.Revision == _input.Revision;
            if (members.Count > group.Replicas)
            {
                // The cluster is about to remove some: those that are drained. Should one of them be wanted again by now, its number is raised first.
                var drained = members.Count(gateway => _marks[gateway.Name] is { Drained: true });
                var kept = Math.Max(group.Replicas, members.Count - drained);
                var going = Math.Max(members.Count - kept, members.Count(gateway => _awaited.Contains(gateway.Name)));
                return isCurrent ? Math.Max(kept, Raised(members.Count(gateway => !Stays(gateway)) - going)) : kept;
            }

            // Asked for and not made yet: nobody's loss.
            var unmade = Math.Max(0, group.Replicas - Math.Max(members.Count, group.Existing));
            var staying = isCurrent ? members.Count(Stays) : 0;
            var dropped = isCurrent ? Math.Min(unmade, Math.Max(0, staying + unmade - _input.Wanted)) : unmade;
            var victims = Victims(members);
            if (victims + dropped > 0)
            {
                return group.Replicas - dropped - victims;
            }

            return isCurrent
                ? Math.Max(group.Replicas, Raised(members.Count(gateway => !Stays(gateway) && !_awaited.Contains(gateway.Name))))
                : group.Replicas;
        }

        /// <summary>How many of a revision can be asked away so that the cluster picks only such as may go.</summary>
        private int Victims(List<SequenceGateway> members)
        {
            // By the mark that is written, not by one that this step only asks for: the cluster has to see the cost first.
            bool MayGo(SequenceGateway gateway) =>
                gateway.Mark?.Drained == true && _marks[gateway.Name] is not null && !_awaited.Contains(gateway.Name);

            var free = DeletionOrder.Free(members, MayGo);
            if (free > 0 || !members.Any(MayGo))
            {
                return free;
            }

            // Ones that do not start, and are to stay, are picked before any that is drained. They carry nobody: they go along, and come anew.
            // One that was made in the future was made before the clock was set back.
            bool IsStuck(SequenceGateway gateway) =>
                gateway.Stage is GatewayStage.Unassigned or GatewayStage.Pending
                && (gateway.CreatedAt > _input.Now + StuckAfter || IsDue(gateway.CreatedAt + StuckAfter));

            return DeletionOrder.Free(members, gateway => MayGo(gateway) || IsStuck(gateway));
        }

        /// <summary>Replicas of the wanted revision as far as the surge allows: draining ones have their own room.</summary>
        private int Raised(int marked)
        {
            var older = Unmarked.Count(gateway => !IsCurrent(gateway));
            var surge = Math.Max(1, ((_input.Wanted * _input.Pace.SurgePercent) + 99) / 100);
            return Math.Clamp(_input.Wanted + surge - older, 0, _input.Wanted) + marked;
        }

        private SequencePhase Phase()
        {
            var older = _live.Where(gateway => !IsCurrent(gateway)).ToList();
            if (older.Count > 0 || _input.Groups.Any(group => group.Revision != _input.Revision && group.Replicas > 0))
            {
                return older.Any(gateway => _marks[gateway.Name] is not null) ? SequencePhase.Draining : SequencePhase.Surging;
            }

            return _live.Any(gateway => !Stays(gateway) && !IsHeld(gateway)) ? SequencePhase.ScalingIn : SequencePhase.Complete;
        }

        /// <summary>Whether the moment has come; one that has not is when to look again.</summary>
        private bool IsDue(DateTimeOffset moment)
        {
            if (moment <= _input.Now)
            {
                return true;
            }

            _after = _after is { } sooner && sooner <= moment - _input.Now ? sooner : moment - _input.Now;
            return false;
        }

        // As it is written down: a mark must not differ from itself when it is read again.
        private static DateTimeOffset Whole(DateTimeOffset moment) =>
            DateTimeOffset.FromUnixTimeMilliseconds(moment.ToUnixTimeMilliseconds());
    }

    /// <summary>Whether some gateways suffice for the fleet.</summary>
    private sealed class Capacity(SequenceInput input)
    {
        private readonly long _connections = input.Gateways.Sum(static gateway => (long)(gateway.Load?.Connections ?? 0));

        public bool Suffices(IReadOnlyCollection<SequenceGateway> serving)
        {
            if (serving.Count >= input.Wanted)
            {
                return true;
            }

            if (
                input.Pace.MinFreePercent is not { } percent
                || serving.Count == 0
                || serving.Any(static one => one.Load is not { Capacity: > 0 })
            )
            {
                return false;
            }

            var capacity = serving.Sum(static one => (long)one.Load!.Capacity);
            var wanted = (decimal)capacity / serving.Count * input.Wanted;
            return capacity - _connections >= wanted * percent / 100;
        }
    }
}
