// Hot path: per WebSocket of listeners that tell clients apart.
using Mooring.Gateway.Limits;
using Mooring.Gateway.Limits.Identities;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>Takes places by user and by device for one loop's WebSockets, and gives them back.</summary>
/// <remarks>Counted from the request on. With a registry the fleet is asked, which the handshake waits for, but not for long: without an answer this gateway's own count decides.</remarks>
internal sealed unsafe class Identities(RelayLoop loop) : IDisposable
{
    private readonly NativeSlab<IdentityState> _states = new();

    /// <summary>Connections that are counted so.</summary>
    public int Count => _states.Count;

    /// <summary>Takes the places of a user and a device (0: not told) on this gateway. Null: taken, or it says nothing; else who has too many.</summary>
    public RefusalReason? Take(int client, Channel* channel, ulong user, ulong device)
    {
        var snapshot = loop.Engine.Snapshot;
        (user, device) = (snapshot?.PerUser > 0 ? user : 0, snapshot?.PerDevice > 0 ? device : 0);
        if (user == 0 && device == 0)
        {
            return null;
        }

        var table = loop.Engine.Identities;
        if (user != 0 && table.TryAcquire(user, snapshot!.PerUser) == 0)
        {
            return RefusalReason.PerUser;
        }

        if (device != 0 && table.TryAcquire(device, snapshot!.PerDevice) == 0)
        {
            if (user != 0)
            {
                table.Release(user);
            }

            return RefusalReason.PerDevice;
        }

        Keep(client, channel, (user, device));
        return null;
    }

    /// <summary>Asks the fleet for the places that were taken. False: there is nobody to ask, or nothing to ask about.</summary>
    /// <param name="client">The client's descriptor.</param>
    /// <param name="channel">Its channel.</param>
    /// <param name="answer">Called on this loop, while the connection is there: null where there is room.</param>
    public bool TryAsk(int client, Channel* channel, Action<int, RefusalReason?> answer)
    {
        if (loop.Engine.Identities.Fleet is not { } fleet || Read(client, channel) is not { } who)
        {
            return false;
        }

        var snapshot = loop.Engine.Snapshot!;
        var places = new List<IdentityPlace>(2);
        var reasons = new List<RefusalReason>(2);
        Add(who.User, snapshot.PerUser, RefusalReason.PerUser);
        Add(who.Device, snapshot.PerDevice, RefusalReason.PerDevice);
        var started = channel->Started;
        fleet.Ask(
            places,
            full =>
                loop.Post(() =>
                {
                    var now = loop.Table[client];
                    if (now->Kind == ChannelKind.Client && now->Loop == loop.Owner && now->Started == started)
                    {
                        answer(client, full < 0 ? null : reasons[full]);
                    }
                })
        );
        return true;

        void Add(ulong key, int limit, RefusalReason reason)
        {
            if (key != 0)
            {
                places.Add(new IdentityPlace(key, loop.Engine.Identities.Of(key), limit));
                reasons.Add(reason);
            }
        }
    }

    /// <summary>Who a connection is counted for; null: nobody.</summary>
    public (ulong User, ulong Device)? Read(int client, Channel* channel)
    {
        if (!channel->Has(ChannelFlags.Side) || loop.Engine.Sides[client]->Identity is not (> 0 and var handle))
        {
            return null;
        }

        return (_states[handle]->User, _states[handle]->Device);
    }

    /// <summary>Counts a connection that another process accepted, whatever the limits say.</summary>
    public void Adopt(int client, Channel* channel, (ulong User, ulong Device)? who)
    {
        if (who is not { } both)
        {
            return;
        }

        foreach (var key in (ReadOnlySpan<ulong>)[both.User, both.Device])
        {
            if (key != 0)
            {
                loop.Engine.Identities.TryAcquire(key, 0);
                loop.Engine.Identities.Fleet?.Changed(key);
            }
        }

        Keep(client, channel, both);
    }

    /// <summary>Gives the places back while the connection goes on; nothing where it has none.</summary>
    public void Release(int client, Channel* channel)
    {
        if (channel->Has(ChannelFlags.Side) && loop.Engine.Sides[client] is var side && side->Identity > 0)
        {
            Forget(side->Identity);
            side->Identity = 0;
        }
    }

    /// <summary>The connection ends.</summary>
    public void Forget(int handle)
    {
        var state = *_states[handle];
        _states.Return(handle);
        if (state.User != 0)
        {
            loop.Engine.Identities.Release(state.User);
        }

        if (state.Device != 0)
        {
            loop.Engine.Identities.Release(state.Device);
        }
    }

    public void Dispose() => _states.Dispose();

    private void Keep(int client, Channel* channel, (ulong User, ulong Device) who)
    {
        var handle = _states.Rent();
        (_states[handle]->User, _states[handle]->Device) = who;
        loop.Sides.Claim(client, channel)->Identity = handle;
    }

    private struct IdentityState
    {
        public ulong User;
        public ulong Device;
    }
}
