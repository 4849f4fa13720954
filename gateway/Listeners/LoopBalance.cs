// Hot path: per connection. See tests/benchmarks.
using System.Collections.Concurrent;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>Keeps the loops of a process at about as many connections each: a loop that has clearly more gives away what it accepts.</summary>
/// <remarks>
/// The kernel wakes whichever loop sleeps, so who was quick in a burst would carry its connections for as long as they live (seen: 73 % of the
/// work on one of two loops). Thread-safe but for <see cref="TakeGiven"/>, which is the loop's own.
/// </remarks>
internal sealed class LoopBalance(RelayLoop loop) : IDisposable
{
    /// <summary>Connections more than another loop's that are no reason to give any away.</summary>
    private const int Slack = 4;

    private readonly ConcurrentQueue<Accepted> _given = new();
    private int _open;

    /// <summary>Connections of this loop, and those on their way to it.</summary>
    public int Open => Volatile.Read(ref _open);

    public void Opened() => Interlocked.Increment(ref _open);

    public void Closed() => Interlocked.Decrement(ref _open);

    /// <summary>The loop that is to serve the next connection: this one, unless another has clearly fewer.</summary>
    public RelayLoop Choose()
    {
        var loops = loop.Engine.Loops;
        var chosen = loop;
        // A 32nd, as counts of thousands need not be equal to the last one.
        var least = Open - Slack - (Open >> 5);
        foreach (var other in loops)
        {
            if (other.Balance.Open < least)
            {
                chosen = other;
                least = other.Balance.Open;
            }
        }

        return chosen;
    }

    /// <summary>Gives this loop a connection that another has accepted.</summary>
    public void Give(in Accepted accepted)
    {
        Opened();
        _given.Enqueue(accepted);
        loop.Wake();
    }

    /// <summary>Serves what was given.</summary>
    public void TakeGiven()
    {
        while (_given.TryDequeue(out var accepted))
        {
            // It counts itself once it is admitted.
            Closed();
            loop.Acceptor.Admit(accepted);
        }
    }

    /// <summary>Closes what came too late to be served.</summary>
    public void Dispose()
    {
        while (_given.TryDequeue(out var accepted))
        {
            _ = Libc.Close(accepted.Descriptor);
        }
    }
}

/// <summary>A connection that has been accepted, and nothing else.</summary>
/// <param name="Descriptor">The client's socket.</param>
/// <param name="Listener">Index of the listener.</param>
/// <param name="Address">Where it comes from.</param>
/// <param name="Port">Where it comes from.</param>
internal readonly record struct Accepted(int Descriptor, ushort Listener, NetworkAddress Address, ushort Port);
