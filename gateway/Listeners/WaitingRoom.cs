using Mooring.Contracts.Configuration;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>The connections of one loop that wait for a place at a backend. For the loop's thread only.</summary>
/// <remarks>A waiting client's phase is Connecting, it has no peer, and its timer is the queue's timeout.</remarks>
internal sealed unsafe class WaitingRoom
{
    private readonly RelayLoop _loop;
    private readonly Dictionary<int, (Waiter Waiter, BackendState Backend)> _waiting = [];
    private readonly Action<Waiter> _deliver;

    public WaitingRoom(RelayLoop loop)
    {
        _loop = loop;
        _deliver = waiter => loop.Post(() => OnPlace(waiter));
    }

    /// <summary>Lets a client wait for a place; false when the line is full.</summary>
    public bool TryJoin(int client, BackendState backend, BalancingPolicy policy, ulong key, QueueLimits limits)
    {
        var waiter = new Waiter(client, policy, key, _loop.NextRandom(), _deliver);
        _waiting[client] = (waiter, backend);
        // Armed before it joins: a place may be there at once, but comes by the loop's commands, after this.
        _loop.Timers.Arm(client, _loop.Tick + limits.TimeoutTicks);
        if (backend.Queue.TryJoin(waiter, limits.MaxLength))
        {
            return true;
        }

        _waiting.Remove(client);
        return false;
    }

    /// <summary>The client's time is over. False when it does not wait, or a place is on its way to it.</summary>
    public bool TryGiveUp(int client)
    {
        if (_waiting.TryGetValue(client, out var entry) && entry.Backend.Queue.TryLeave(entry.Waiter, timedOut: true))
        {
            _waiting.Remove(client);
            return true;
        }

        return false;
    }

    /// <summary>The connection ends.</summary>
    public void Forget(int client)
    {
        if (_waiting.Remove(client, out var entry))
        {
            // A place that is on its way is given on when it comes.
            entry.Backend.Queue.TryLeave(entry.Waiter, timedOut: false);
        }
    }

    private void OnPlace(Waiter waiter)
    {
        var endpoint = waiter.Endpoint!;
        if (!_waiting.TryGetValue(waiter.Client, out var entry) || entry.Waiter != waiter)
        {
            endpoint.Release();
            return;
        }

        _waiting.Remove(waiter.Client);
        var channel = _loop.Table[waiter.Client];
        if (HasLeft(waiter.Client))
        {
            endpoint.Release();
            _loop.Closer.Close(waiter.Client, CloseReason.ClientReset, reset: true);
            return;
        }

        _loop.Connector.Resume(waiter.Client, channel, entry.Backend, endpoint);
    }

    /// <summary>Reset meanwhile: the place is for the next one. A client that only ended its sending side is served.</summary>
    private static bool HasLeft(int client)
    {
        byte next;
        return Libc.Receive(client, &next, 1, SocketFlag.Peek) < 0 && Libc.LastError != Errno.EAGAIN;
    }
}
