// Hot path: per publication and subscriber. See tests/benchmarks.
namespace Mooring.Gateway.Hub.Sessions;

/// <summary>A channel's subscribers on one loop. Owned by the loop.</summary>
internal sealed class LoopChannel(string name)
{
    private HubSubscription[] _subscribers = [];

    public string Name { get; } = name;

    public int Count { get; private set; }

    /// <summary>Messages of it come to this loop.</summary>
    public bool IsReady { get; set; }

    /// <summary>It has no subscriber, and is not in the loop's table any more.</summary>
    public bool IsDropped { get; set; }

    public ReadOnlySpan<HubSubscription> Subscribers => _subscribers.AsSpan(0, Count);

    public HubSubscription this[int index] => _subscribers[index];

    public void Add(HubSubscription subscription)
    {
        if (Count == _subscribers.Length)
        {
            Array.Resize(ref _subscribers, Math.Max(1, Count * 2));
        }

        subscription.Index = Count;
        _subscribers[Count++] = subscription;
    }

    public void Remove(HubSubscription subscription)
    {
        var last = _subscribers[--Count];
        _subscribers[subscription.Index] = last;
        last.Index = subscription.Index;
        _subscribers[Count] = null!;
        if (Count < _subscribers.Length / 4)
        {
            Array.Resize(ref _subscribers, Count * 2);
        }
    }
}
