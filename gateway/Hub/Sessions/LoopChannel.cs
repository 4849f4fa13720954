// Hot path: per publication and subscriber. See tests/benchmarks.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>A channel's subscribers on one loop. Owned by the loop.</summary>
internal sealed class LoopChannel(string name) : INamed
{
    // The only one, or all of them: a channel of one subscriber, as most are where each user has his own, has no array.
    private object? _subscribers;

    public string Name { get; } = name;

    public int NameHash { get; } = NameTable<LoopChannel>.HashOf(name);

    public int Count { get; private set; }

    /// <summary>Messages of it come to this loop.</summary>
    public bool IsReady { get; set; }

    /// <summary>It has no subscriber, and is not in the loop's table any more.</summary>
    public bool IsDropped { get; set; }

    public ReadOnlySpan<HubSubscription> Subscribers =>
        _subscribers is HubSubscription[] all
            ? all.AsSpan(0, Count)
            : MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<object?, HubSubscription>(ref _subscribers), Count);

    public HubSubscription this[int index] => Subscribers[index];

    public void Add(HubSubscription subscription)
    {
        subscription.Index = Count;
        if (_subscribers is null)
        {
            _subscribers = subscription;
        }
        else
        {
            if (_subscribers is not HubSubscription[] all)
            {
                all = new HubSubscription[2];
                all[0] = (HubSubscription)_subscribers;
                _subscribers = all;
            }
            else if (Count == all.Length)
            {
                Array.Resize(ref all, Count * 2);
                _subscribers = all;
            }

            all[Count] = subscription;
        }

        Count++;
    }

    public void Remove(HubSubscription subscription)
    {
        Count--;
        if (_subscribers is not HubSubscription[] all)
        {
            _subscribers = null;
            return;
        }

        var last = all[Count];
        all[subscription.Index] = last;
        last.Index = subscription.Index;
        all[Count] = null!;
        if (Count == 0)
        {
            _subscribers = null;
        }
        else if (Count < all.Length / 4)
        {
            Array.Resize(ref all, Count * 2);
            _subscribers = all;
        }
    }
}
