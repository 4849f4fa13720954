using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>
/// Subscriptions in no order; a single one, as most clients and channels have where each user has a channel of his own, needs no array. A mutable struct:
/// for a field, never copied. Not thread-safe.
/// </summary>
internal struct SubscriptionList
{
    // The only one, or an array of them.
    private object? _items;

    public int Count { get; private set; }

    /// <summary>Good until the next change.</summary>
    [UnscopedRef]
    public ReadOnlySpan<HubSubscription> Items =>
        _items is HubSubscription[] all
            ? all.AsSpan(0, Count)
            : MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<object?, HubSubscription>(ref _items), Count);

    public void Add(HubSubscription subscription)
    {
        if (_items is null)
        {
            _items = subscription;
        }
        else
        {
            if (_items is not HubSubscription[] all)
            {
                all = new HubSubscription[2];
                all[0] = (HubSubscription)_items;
                _items = all;
            }
            else if (Count == all.Length)
            {
                Array.Resize(ref all, Count * 2);
                _items = all;
            }

            all[Count] = subscription;
        }

        Count++;
    }

    /// <summary>Puts the last one in the place of another, and returns it; null: that was the last.</summary>
    public HubSubscription? RemoveAt(int index)
    {
        Count--;
        if (_items is not HubSubscription[] all || Count == 0)
        {
            _items = null;
            return null;
        }

        var last = all[Count];
        all[index] = last;
        all[Count] = null!;
        if (Count < all.Length / 4)
        {
            Array.Resize(ref all, Count * 2);
            _items = all;
        }

        return index == Count ? null : last;
    }
}
