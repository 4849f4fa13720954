// Hot path: per connection. See tests/benchmarks.
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Limits;

namespace Mooring.Gateway.Registry.Leases;

/// <summary>How many connections this gateway may have of the fleet's limit: all that an accept sees of it.</summary>
/// <remarks>Thread-safe; never waits. Without a fleet's limit it allows any number.</remarks>
internal sealed class FleetShare
{
    /// <summary>No limit.</summary>
    public const int Unlimited = int.MaxValue;

    private Grant _grant = new(Unlimited, Unlimited, long.MaxValue);
    private int _refused;
    private int _watched = Nobody;

    /// <summary>That many are never open.</summary>
    private const int Nobody = int.MaxValue;

    /// <summary>Connections refused for want of a share, since the last <see cref="TakeRefused"/>.</summary>
    public int Refused => Volatile.Read(ref _refused);

    /// <summary>Called by an accept, once for each <see cref="Watch"/>: that many are open, or one was refused. Must be quick.</summary>
    public Action? Pressed { get; set; }

    public bool IsLimited => Volatile.Read(ref _grant).Limit != Unlimited;

    /// <summary>Connections that may be open. The lease's end is looked at here, so that a process that was paused does not go by one that is over.</summary>
    /// <param name="now">Of the event loop, microseconds.</param>
    public int Limit(long now)
    {
        var grant = Volatile.Read(ref _grant);
        return now < grant.ValidUntil ? grant.Limit : grant.Afterwards;
    }

    /// <summary>Takes a place among the gateway's connections. Null: taken; else why not, with nothing changed.</summary>
    /// <param name="connections">Of this gateway.</param>
    /// <param name="admitUpTo">The gateway's own limit; at least 1.</param>
    /// <param name="now">Of the event loop, microseconds.</param>
    public RefusalReason? Acquire(ConnectionLimit connections, int admitUpTo, long now)
    {
        var share = Limit(now);
        if (share >= admitUpTo)
        {
            return connections.TryAcquire(admitUpTo) ? null : RefusalReason.Capacity;
        }

        // A limit of 0 would be none.
        if (share > 0 && connections.TryAcquire(share))
        {
            if (connections.InUse >= Volatile.Read(ref _watched))
            {
                Press();
            }

            return null;
        }

        Interlocked.Increment(ref _refused);
        Press();
        return RefusalReason.FleetCapacity;
    }

    /// <summary>Has <see cref="Pressed"/> called when that many are open, or the next one is refused; null: not any more.</summary>
    public void Watch(int? connections) => Volatile.Write(ref _watched, connections is { } some ? Math.Min(some, Nobody - 1) : Nobody);

    public int TakeRefused() => Interlocked.Exchange(ref _refused, 0);

    /// <param name="limit">Connections that may be open.</param>
    /// <param name="validUntil">Microseconds of the event loops' clock.</param>
    /// <param name="afterwards">Connections that may be open from then on.</param>
    public void Set(int limit, long validUntil, int afterwards) => Volatile.Write(ref _grant, new Grant(limit, afterwards, validUntil));

    /// <summary>Before the first connection under a fleet's limit: one block of it, until the registry says more. Changes no share that there is.</summary>
    /// <param name="fleet">Null: no limit.</param>
    public void Begin(FleetCapacityConfig? fleet)
    {
        if (fleet is not null && !IsLimited)
        {
            Set(Math.Min(LeasePolicy.Block(fleet.Connections, fleet.Gateways), LeasePolicy.Even(fleet.Connections, fleet.Gateways)));
        }
    }

    /// <summary>A limit that does not end.</summary>
    public void Set(int limit) => Set(limit, long.MaxValue, limit);

    private void Press()
    {
        if (Volatile.Read(ref _watched) != Nobody && Interlocked.Exchange(ref _watched, Nobody) != Nobody)
        {
            Pressed?.Invoke();
        }
    }

    private sealed record Grant(int Limit, int Afterwards, long ValidUntil);
}
