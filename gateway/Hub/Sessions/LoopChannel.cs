// Hot path: per publication and subscriber. See tests/benchmarks.
namespace Mooring.Gateway.Hub.Sessions;

/// <summary>A channel's subscribers on one loop. Owned by the loop.</summary>
internal sealed class LoopChannel(string name) : INamed
{
    private SubscriptionList _subscribers;

    public string Name { get; } = name;

    public int NameHash { get; } = NameTable<LoopChannel>.HashOf(name);

    public int Count => _subscribers.Count;

    /// <summary>Messages of it come to this loop.</summary>
    public bool IsReady { get; set; }

    /// <summary>It has no subscriber, and is not in the loop's table any more.</summary>
    public bool IsDropped { get; set; }

    public ReadOnlySpan<HubSubscription> Subscribers => _subscribers.Items;

    public HubSubscription this[int index] => Subscribers[index];

    public void Add(HubSubscription subscription)
    {
        subscription.Index = Count;
        _subscribers.Add(subscription);
    }

    public void Remove(HubSubscription subscription)
    {
        if (_subscribers.RemoveAt(subscription.Index) is { } moved)
        {
            moved.Index = subscription.Index;
        }
    }
}
