namespace Mooring.Operator.Run.Troubles;

/// <summary>Counts what came within the last window, to a twelfth of it. Takes the time as argument. Not thread-safe.</summary>
internal sealed class SlidingCount(TimeSpan window)
{
    private const int Slots = 12;
    private readonly int[] _counts = new int[Slots];
    private readonly long _slotTicks = Math.Max(1, window.Ticks / Slots);
    private long _newest;

    public void Add(TimeSpan now)
    {
        Advance(now);
        ref var count = ref _counts[_newest % Slots];
        count = count == int.MaxValue ? count : count + 1;
    }

    public long Count(TimeSpan now)
    {
        Advance(now);
        return _counts.Sum(static count => (long)count);
    }

    private void Advance(TimeSpan now)
    {
        var slot = Math.Max(_newest, now.Ticks / _slotTicks);
        for (var passed = Math.Min(slot - _newest, Slots); passed > 0; passed--)
        {
            _counts[(slot - passed + 1) % Slots] = 0;
        }

        _newest = slot;
    }
}
