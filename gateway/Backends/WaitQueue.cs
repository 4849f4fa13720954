using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Backends;

/// <summary>Connections that wait, first come first served, while every endpoint of a backend has its limit.</summary>
/// <remarks>
/// Shared by the loops; thread-safe. A place that comes free is taken for the first in the line, under the queue's lock, and handed to
/// its loop. No wake-up is lost: who joins looks for a place after having joined, and who gives a place back looks for waiters after
/// having given it back. A waiting connection costs one small object; one that finds a place at once costs a branch.
/// </remarks>
internal sealed class WaitQueue(BackendState backend)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<Waiter> _line = new();
    private int _length;
    private long _waited;
    private long _served;
    private long _timedOut;
    private long _left;
    private long _overflowed;

    public bool IsEmpty => Volatile.Read(ref _length) == 0;

    /// <summary>Joins the end of the line; false when it is full.</summary>
    public bool TryJoin(Waiter waiter, int maxLength)
    {
        lock (_gate)
        {
            if (_length >= maxLength)
            {
                _overflowed++;
                return false;
            }

            waiter.Node = _line.AddLast(waiter);
            Interlocked.Increment(ref _length);
            _waited++;
        }

        Serve();
        return true;
    }

    /// <summary>Leaves the line; false when a place is on its way already.</summary>
    public bool TryLeave(Waiter waiter, QueueExit exit)
    {
        lock (_gate)
        {
            if (waiter.Node is not { } node)
            {
                return false;
            }

            waiter.Node = null;
            _line.Remove(node);
            Interlocked.Decrement(ref _length);
            _timedOut += exit == QueueExit.TimedOut ? 1 : 0;
            _left += exit == QueueExit.ClientLeft ? 1 : 0;
            return true;
        }
    }

    /// <summary>Gives out the places that there are.</summary>
    public void Serve()
    {
        lock (_gate)
        {
            while (_line.First is { } first)
            {
                var waiter = first.Value;
                waiter.Random = (waiter.Random * 6_364_136_223_846_793_005) + 1_442_695_040_888_963_407;
                var now = EventLoop.Clock();
                if (backend.Acquire(waiter.Policy, waiter.ClientKey, waiter.Random, now, Tried.None) is not { } endpoint)
                {
                    return;
                }

                _line.RemoveFirst();
                waiter.Node = null;
                Interlocked.Decrement(ref _length);
                _served++;
                waiter.Endpoint = endpoint;
                waiter.Deliver(waiter);
            }
        }
    }

    public QueueLoad Read()
    {
        lock (_gate)
        {
            return new QueueLoad
            {
                Length = _length,
                WaitedTotal = _waited,
                ServedTotal = _served,
                TimedOutTotal = _timedOut,
                LeftTotal = _left,
                OverflowedTotal = _overflowed,
            };
        }
    }
}

/// <summary>Why a connection waits no more without having got a place.</summary>
internal enum QueueExit
{
    /// <summary>The gateway ended it.</summary>
    Closed,
    TimedOut,
    ClientLeft,
}

/// <summary>One connection in a <see cref="WaitQueue"/>.</summary>
/// <param name="client">Its descriptor, for its loop.</param>
/// <param name="policy">How its endpoint is chosen.</param>
/// <param name="clientKey">For consistent hashing.</param>
/// <param name="random">Where its random bits start.</param>
/// <param name="deliver">Told, on any thread, that <see cref="Endpoint"/> is set: with a place taken, which is its loop's from then on.</param>
internal sealed class Waiter(int client, BalancingPolicy policy, ulong clientKey, ulong random, Action<Waiter> deliver)
{
    public int Client { get; } = client;

    public BalancingPolicy Policy { get; } = policy;

    public ulong ClientKey { get; } = clientKey;

    public ulong Random { get; set; } = random;

    public Action<Waiter> Deliver { get; } = deliver;

    /// <summary>Set before <see cref="Deliver"/>.</summary>
    public EndpointState? Endpoint { get; set; }

    /// <summary>Its place in the line, under the queue's lock; null: in none.</summary>
    public LinkedListNode<Waiter>? Node { get; set; }
}
