using System.Globalization;

namespace Mooring.Operator.Scaling.Autoscaling;

/// <summary>The one policy behind every driver: how many gateways, or pods of a backend, a load wants. Pure.</summary>
/// <remarks>
/// The thresholds are of connections in percent of the capacity; scaling up goes to the fewest that are below the upper threshold, scaling down to the fewest that are
/// below the middle of the two, so that one never calls for the other. Of several signals the one that wants the most wins. Connections of those that drain
/// count, for they will be back on the others, and so does what these carry; their capacity does not. What is silent keeps the count from falling, and never raises it.
/// </remarks>
public static class ScalingPolicy
{
    /// <summary>Name of the signal that is always there.</summary>
    public const string Connections = "connections";

    public static ScalingDecision Decide(ScalingInput input)
    {
        var rules = input.Rules;
        if (rules.Paused)
        {
            return new(input.Current, ScalingReason.Paused, "scaling is paused", null);
        }

        var (minimum, window) = Minimum(input);
        var maximum = Math.Max(minimum, rules.MaxReplicas);
        var after = rules.Schedules.Select(schedule => (TimeSpan?)schedule.UntilChange(input.Now)).Min();
        if (input.Current < minimum)
        {
            return window is null
                ? new(minimum, ScalingReason.AtMinimum, $"{input.Current} are fewer than the minimum of {minimum}", after)
                : new(minimum, ScalingReason.Scheduled, $"the schedule {window.Name} wants {minimum} at least", after);
        }

        if (input.Current > maximum)
        {
            return new(maximum, ScalingReason.AtMaximum, $"{input.Current} are more than the maximum of {maximum}", after);
        }

        var load = Load.Of(input);
        if (load is null)
        {
            return new(input.Current, ScalingReason.NoReports, "no load has been reported yet", after);
        }

        var (needed, signal) = Needed(input, load, load.Signals, rules.ScaleUpThresholdPercent);
        if (needed > input.Current)
        {
            return Up(input, load, needed, signal, maximum, after);
        }

        var middle = (rules.ScaleUpThresholdPercent + rules.ScaleDownThresholdPercent) / 2;
        var (enough, _) = Needed(input, load, load.HeldSignals, middle);
        return enough < input.Current && load.IsBelow(rules.ScaleDownThresholdPercent, input.Current)
            ? Down(input, load, Math.Max(enough, minimum), minimum, window, after)
            : new(input.Current, ScalingReason.Steady, load.Text(input.Current), after);
    }

    private static ScalingDecision Up(ScalingInput input, Load load, int needed, string signal, int maximum, TimeSpan? after)
    {
        var target = Math.Min(needed, maximum);
        var text = $"{load.Text(input.Current)}; {signal} wants {needed}";
        if (target == input.Current)
        {
            return new(target, ScalingReason.AtMaximum, $"{text}, the maximum is {maximum}", after);
        }

        // A client that finds no slot is worse than a gateway too many.
        var isFull = load.Connections >= (long)load.Capacity * input.Current;
        return !isFull && Left(input, input.Memory.LastScaleUp, input.Rules.ScaleUpCooldown) is { } left
            ? new(input.Current, ScalingReason.Cooldown, $"{text}; the last scale-up was too recent", Sooner(after, left))
            : new(target, ScalingReason.LoadHigh, text, after);
    }

    private static ScalingDecision Down(ScalingInput input, Load load, int target, int minimum, ScheduleWindow? window, TimeSpan? after)
    {
        var text = $"{load.Text(input.Current)}; {target} would do";
        if (target >= input.Current)
        {
            return window is null
                ? new(input.Current, ScalingReason.AtMinimum, $"{load.Text(input.Current)}; the minimum is {minimum}", after)
                : new(
                    input.Current,
                    ScalingReason.Scheduled,
                    $"{load.Text(input.Current)}; the schedule {window.Name} wants {minimum} at least",
                    after
                );
        }

        if (input.Rules.ScaleInPaused)
        {
            return new(input.Current, ScalingReason.ScaleInPaused, $"{text}; scale-in is paused", after);
        }

        if (Silent(input) is > 0 and var silent)
        {
            return new(input.Current, ScalingReason.NoReports, $"{text}; {silent} have not reported", after);
        }

        var last = Later(input.Memory.LastScaleUp, input.Memory.LastScaleDown);
        return Left(input, last, input.Rules.ScaleDownCooldown) is { } left
            ? new(input.Current, ScalingReason.Cooldown, $"{text}; the last change was too recent", Sooner(after, left))
            : new(target, ScalingReason.LoadLow, text, after);
    }

    /// <summary>How many have not said all that is decided by: a rate follows from two reports, so that after a change of leader it is unknown for a while.</summary>
    private static int Silent(ScalingInput input) =>
        input.Silent + input.Members.Count(member => input.Rules.Targets.Keys.Any(name => !member.Signals.ContainsKey(name)));

    private static (int Minimum, ScheduleWindow? Window) Minimum(ScalingInput input)
    {
        var open = input
            .Rules.Schedules.Where(schedule => schedule.MinReplicas > input.Rules.MinReplicas && schedule.IsOpen(input.Now))
            .MaxBy(schedule => schedule.MinReplicas);
        // The maximum is a promise about cost, and a schedule must not break it.
        return open is null
            ? (input.Rules.MinReplicas, null)
            : (Math.Min(open.MinReplicas, Math.Max(input.Rules.MinReplicas, input.Rules.MaxReplicas)), open);
    }

    /// <summary>The fewest that keep every signal within bounds.</summary>
    private static (int Count, string Signal) Needed(
        ScalingInput input,
        Load load,
        IReadOnlyDictionary<string, double> signals,
        int percent
    )
    {
        var rules = input.Rules;
        var count = Ceiling(load.Connections * 100, (double)load.Capacity * percent);
        var signal = Connections;
        var buffer = Math.Max(rules.BufferConnections, (long)Math.Ceiling(load.Connections * rules.BufferPercent / 100.0));
        Raise(Ceiling(load.Connections + buffer, load.Capacity), "the buffer of free slots");
        foreach (var (name, target) in rules.Targets)
        {
            if (signals.TryGetValue(name, out var sum) && target > 0)
            {
                // The same hysteresis as for connections: on the way down, so much less that the way up is not next.
                Raise(Ceiling(sum * rules.ScaleUpThresholdPercent, target * percent), name);
            }
        }

        return (count, signal);

        void Raise(int wanted, string by)
        {
            if (wanted > count)
            {
                (count, signal) = (wanted, by);
            }
        }
    }

    private static int Ceiling(double amount, double each) => (int)Math.Min(int.MaxValue, Math.Ceiling(amount / each - 1e-9));

    private static TimeSpan? Left(ScalingInput input, DateTimeOffset? last, TimeSpan cooldown)
    {
        // A clock that went back must not hold a decision for longer than the cooldown.
        var left = last + cooldown - input.Now;
        return left > TimeSpan.Zero ? (left < cooldown ? left : cooldown) : null;
    }

    private static DateTimeOffset? Later(DateTimeOffset? one, DateTimeOffset? other) => one is null || other > one ? other ?? one : one;

    private static TimeSpan? Sooner(TimeSpan? one, TimeSpan other) => one is { } first && first < other ? first : other;

    /// <summary>The sums of what was reported.</summary>
    /// <param name="Connections">Of all.</param>
    /// <param name="Capacity">Of one that serves.</param>
    /// <param name="Signals">What there may have to be more for.</param>
    /// <param name="HeldSignals">The same, with what there may not be fewer for.</param>
    private sealed record Load(
        long Connections,
        int Capacity,
        IReadOnlyDictionary<string, double> Signals,
        IReadOnlyDictionary<string, double> HeldSignals
    )
    {
        public static Load? Of(ScalingInput input)
        {
            var serving = input.Members.Where(member => member is { IsServing: true, Capacity: > 0 }).ToList();
            var capacity = serving.Count > 0 ? (int)serving.Average(member => member.Capacity) : input.AssumedCapacity;
            if (capacity <= 0 || (input.Members.Count == 0 && input.Current > 0))
            {
                return null;
            }

            var signals = new Dictionary<string, double>(StringComparer.Ordinal);
            var held = new Dictionary<string, double>(StringComparer.Ordinal);
            foreach (var member in input.Members)
            {
                foreach (var (name, value) in member.Signals)
                {
                    held[name] = held.GetValueOrDefault(name) + value;
                    if (member.IsServing || !input.Rules.OwnWork.Contains(name))
                    {
                        signals[name] = signals.GetValueOrDefault(name) + value;
                    }
                }
            }

            return new Load(input.Members.Sum(member => (long)member.Connections), capacity, signals, held);
        }

        public bool IsBelow(int percent, int current) => Connections * 100 < (long)Capacity * current * percent;

        public string Text(int current)
        {
            var capacity = (long)Capacity * current;
            var percent = capacity == 0 ? 0 : Connections * 100.0 / capacity;
            return string.Create(CultureInfo.InvariantCulture, $"{Connections} connections, {percent:0.#} % of {capacity}");
        }
    }
}
