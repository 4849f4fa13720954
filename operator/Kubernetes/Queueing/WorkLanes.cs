using System.Diagnostics.CodeAnalysis;

namespace Mooring.Kubernetes.Queueing;

/// <summary>Items that wait, a lane for each priority, and whose turn it is. Pure; not thread-safe.</summary>
/// <remarks>
/// Each lane is in the order of adding. What waits in the low one and is added as normal moves to the end of the normal one. Normal ones come first; but after
/// <see cref="NormalRun"/> of them in a row a low one that waits has its turn, or a queue that never runs dry would never get to it.
/// </remarks>
internal sealed class WorkLanes<T>
    where T : notnull
{
    /// <summary>Normal items taken one after the other while a low one waits. 4: a fleet of an initial list brings about two or three later changes, which come first.</summary>
    public const int NormalRun = 4;

    private readonly LinkedList<T> _normal = new();
    private readonly LinkedList<T> _low = new();
    private readonly Dictionary<T, LinkedListNode<T>> _places = [];
    private int _run;

    public int Count => _places.Count;

    /// <summary>Puts an item at the end of its lane; one that waits already is moved if this raises it, and else stays where it is.</summary>
    public void Add(T item, WorkPriority priority)
    {
        var lane = priority == WorkPriority.Low ? _low : _normal;
        if (!_places.TryGetValue(item, out var place))
        {
            _places[item] = lane.AddLast(item);
        }
        else if (priority == WorkPriority.Normal && place.List == _low)
        {
            _low.Remove(place);
            _normal.AddLast(place);
        }
    }

    /// <summary>Takes the item whose turn it is.</summary>
    public bool TryTake([MaybeNullWhen(false)] out T item)
    {
        var isLow = _low.Count > 0 && (_normal.Count == 0 || _run >= NormalRun);
        _run = isLow || _low.Count == 0 ? 0 : _run + 1;
        if ((isLow ? _low : _normal).First is not { } first)
        {
            item = default;
            return false;
        }

        first.List!.Remove(first);
        _places.Remove(first.Value);
        item = first.Value;
        return true;
    }

    public void Clear()
    {
        _normal.Clear();
        _low.Clear();
        _places.Clear();
    }
}
