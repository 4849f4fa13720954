using Mooring.Contracts.Configuration;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>The connections of one loop that wait for a place at a backend. For the loop's thread only.</summary>
/// <remarks>
/// A waiting client's phase is Connecting, it has no peer, and its timer is the queue's timeout. It is watched, which it would be once its
/// upstream stands, so that one that leaves is out of the line at once and does not keep others out.
/// </remarks>
internal sealed unsafe class WaitingRoom
{
    private readonly RelayLoop _loop;
    private readonly Dictionary<int, Entry> _waiting = [];
    private readonly Action<Waiter> _deliver;

    public WaitingRoom(RelayLoop loop)
    {
        _loop = loop;
        _deliver = waiter => loop.Post(() => OnPlace(waiter));
    }

    /// <summary>Lets a client wait for a place; false when the line is full.</summary>
    public bool TryJoin(int client, Channel* channel, BackendState backend, BalancingPolicy policy, ulong key, QueueLimits limits)
    {
        var waiter = new Waiter(client, policy, key, _loop.NextRandom(), _deliver);
        _waiting[client] = new Entry(waiter, backend, limits.AbortOnClose || _loop.Upgrader.Has(client));
        // Armed before it joins: a place may be there at once, but comes by the loop's commands, after this.
        _loop.Timers.Arm(client, _loop.Tick + limits.TimeoutTicks);
        if (!backend.Queue.TryJoin(waiter, limits.MaxLength))
        {
            _waiting.Remove(client);
            return false;
        }

        if (!_loop.Watch(client, channel))
        {
            // The kernel has no memory for it: it is looked at when its turn comes.
            channel->Flags &= ~ChannelFlags.Watched;
        }

        return true;
    }

    /// <summary>The client's time is over. False when it does not wait, or a place is on its way to it.</summary>
    public bool TryGiveUp(int client)
    {
        if (_waiting.TryGetValue(client, out var entry) && entry.Backend.Queue.TryLeave(entry.Waiter, QueueExit.TimedOut))
        {
            _waiting.Remove(client);
            return true;
        }

        return false;
    }

    /// <summary>A client has sent something, or has ended. True when it waited and has left, and is closed.</summary>
    public bool OnEvent(int client, uint events)
    {
        // What says that is looked up: an event of a client that was watched before may be one that was made up for it.
        const uint Ends = Epoll.ReadHangUp | Epoll.HangUp | Epoll.Error;
        if ((events & Ends) == 0 || !_waiting.TryGetValue(client, out var entry) || !HasLeft(client, entry))
        {
            return false;
        }

        // A place that is on its way is given on when it comes.
        entry.Backend.Queue.TryLeave(entry.Waiter, QueueExit.ClientLeft);
        _waiting.Remove(client);
        Close(client, events);
        return true;
    }

    /// <summary>The connection ends.</summary>
    public void Forget(int client)
    {
        if (_waiting.Remove(client, out var entry))
        {
            entry.Backend.Queue.TryLeave(entry.Waiter, QueueExit.Closed);
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
        if (HasLeft(waiter.Client, entry))
        {
            endpoint.Release();
            Close(waiter.Client, 0);
            return;
        }

        _loop.Connector.Resume(waiter.Client, channel, entry.Backend, endpoint);
    }

    private void Close(int client, uint events) =>
        _loop.Closer.Close(
            client,
            (events & Epoll.Error) != 0 || TcpState.Of(client) == TcpState.Closed ? CloseReason.ClientReset : CloseReason.ClientClosed,
            reset: true
        );

    /// <summary>Reset meanwhile, or ended where that counts: the place is for the next one.</summary>
    private static bool HasLeft(int client, Entry entry) =>
        TcpState.Of(client) switch
        {
            TcpState.Closed => true,
            TcpState.CloseWait => entry.LeavesByEnding,
            _ => false,
        };

    /// <param name="Waiter">Its place in the line.</param>
    /// <param name="Backend">Whose line it is.</param>
    /// <param name="LeavesByEnding">The end of its sending side is the end of its interest; else it may still read an answer.</param>
    private readonly record struct Entry(Waiter Waiter, BackendState Backend, bool LeavesByEnding);
}
