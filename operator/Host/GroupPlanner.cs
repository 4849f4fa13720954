namespace Mooring.Operator.Host;

/// <summary>What to do with a group of slots so that it becomes what is wanted.</summary>
/// <param name="TakeBack">Draining slots that are wanted after all.</param>
/// <param name="Start">Numbers of new slots.</param>
/// <param name="Drain">Slots to empty.</param>
internal sealed record GroupDecision(IReadOnlyList<ChildSlot> TakeBack, IReadOnlyList<int> Start, IReadOnlyList<ChildSlot> Drain);

/// <summary>Decides on scaling a group and on replacing what runs an older command. Pure.</summary>
internal static class GroupPlanner
{
    /// <summary>Decides.</summary>
    /// <param name="slots">The group's slots.</param>
    /// <param name="specHash">What is to run.</param>
    /// <param name="replicas">How many of it.</param>
    /// <param name="connections">Connections by the slot's name, where they are known.</param>
    public static GroupDecision Decide(
        IReadOnlyCollection<ChildSlot> slots,
        string specHash,
        int replicas,
        IReadOnlyDictionary<string, long>? connections = null
    )
    {
        var living = slots.Where(static slot => slot.Phase is not (SlotPhase.Gone or SlotPhase.Stopping)).ToList();
        var current = living.Where(slot => slot.SpecHash == specHash && slot.Phase != SlotPhase.Draining).ToList();
        var missing = replicas - current.Count;
        var takeBack = living
            .Where(slot => slot.SpecHash == specHash && slot.Phase == SlotPhase.Draining)
            .OrderBy(static slot => slot.Number)
            .Take(Math.Max(0, missing))
            .ToList();
        var taken = slots.Where(static slot => slot.Phase != SlotPhase.Gone).Select(static slot => slot.Number).ToHashSet();
        var start = Enumerable
            .Range(0, int.MaxValue)
            .Where(number => !taken.Contains(number))
            .Take(Math.Max(0, missing - takeBack.Count))
            .ToList();

        // What does not serve anyone yet goes first, then the least loaded, then the youngest name.
        var surplus = current
            .OrderBy(static slot => slot.Phase == SlotPhase.Ready)
            .ThenBy(slot => connections?.GetValueOrDefault(slot.Name) ?? 0)
            .ThenByDescending(static slot => slot.Number)
            .Take(Math.Max(0, -missing));

        // The stale serve until the new can: nobody is without a backend in between.
        var ready = current.Count(static slot => slot.Phase == SlotPhase.Ready);
        var stale = living.Where(slot =>
            slot.SpecHash != specHash && slot.Phase != SlotPhase.Draining && (slot.Phase != SlotPhase.Ready || ready >= replicas)
        );
        return new GroupDecision(takeBack, start, [.. surplus, .. stale]);
    }
}
