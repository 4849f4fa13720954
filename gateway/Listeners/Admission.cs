// Hot path: per connection. See tests/benchmarks.
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>Takes a place in every count for a new client, or in none, and gives them back.</summary>
/// <remarks>A client behind a proxy counts for its gateway and listener at once, and for its own address once its PROXY header has said it.</remarks>
internal sealed unsafe class Admission(RelayLoop loop)
{
    /// <summary>Null: nobody asked for a limit by network.</summary>
    private PrefixTable? _prefixes;

    /// <summary>A client was accepted. Null when it was taken everywhere; else which count had no place left.</summary>
    /// <param name="listener">Where.</param>
    /// <param name="setup">What the listener does; null: it is gone.</param>
    /// <param name="address">The socket's other end.</param>
    /// <param name="behindProxy">That is a proxy, and the client's own address is still to come: see <see cref="Identify"/>.</param>
    public RefusalReason? Take(ListenerState listener, ListenerSetup? setup, NetworkAddress address, bool behindProxy) =>
        setup is null || !IsTaking(setup) ? RefusalReason.Draining : TakePlaces(listener, setup, address, behindProxy);

    /// <summary>A UDP flow is to begin; else as the other. While accepting pauses, a shard is read only once more, when it is left.</summary>
    public RefusalReason? TakeFlow(ListenerState listener, ListenerSetup? setup, NetworkAddress address) =>
        setup is null || loop.Engine.Mode == AcceptMode.Refuse
            ? RefusalReason.Draining
            : TakePlaces(listener, setup, address, behindProxy: false);

    /// <summary>A gateway that drains goes on taking the connections that visitors of its tunnels wait for: what one is, it says only once it is taken.</summary>
    private bool IsTaking(ListenerSetup setup) =>
        loop.Engine.Mode switch
        {
            // Nobody is taken off the queue any more; those that were are served.
            AcceptMode.Accept or AcceptMode.Pause => true,
            AcceptMode.Refuse => setup.Tunnel is not null && loop.Engine.Tunnels!.HasOpen,
            _ => false,
        };

    private RefusalReason? TakePlaces(ListenerState listener, ListenerSetup setup, NetworkAddress address, bool behindProxy)
    {
        var engine = loop.Engine;
        var snapshot = engine.Snapshot!;
        if (engine.Share.Acquire(engine.Connections, snapshot.AdmitUpTo, loop.Now) is { } full)
        {
            return full;
        }

        if (!listener.Connections.TryAcquire(setup.Config.MaxConnections))
        {
            engine.Connections.Release();
            return RefusalReason.ListenerCapacity;
        }

        // The rate last: a token is not taken by what another limit refuses.
        var rate = setup.Config.Limits.NewConnections;
        var refusal = TakeAddress(snapshot, address, behindProxy);
        if (refusal is null && rate.IsSet && !rate.TryTakeShared(ref listener.Buckets.NewConnections, loop.Now))
        {
            ReleaseAddress(address);
            if (!behindProxy)
            {
                ReturnRate(address);
            }

            refusal = RefusalReason.ListenerRate;
        }

        if (refusal is not null)
        {
            listener.Connections.Release();
            engine.Connections.Release();
        }

        return refusal;
    }

    /// <summary>The client behind a proxy is known: counts it by its own address from now on. Where that is refused, nothing has changed.</summary>
    public RefusalReason? Identify(Channel* client, NetworkAddress address)
    {
        if (TakeAddress(loop.Engine.Snapshot!, address, behindProxy: false) is { } refusal)
        {
            return refusal;
        }

        ReleaseAddress(client->Address);
        client->Address = address;
        return null;
    }

    /// <summary>
    /// Takes a place for a visitor of a tunnel that is open. As <see cref="Take"/>, but a gateway that drains serves those of the tunnels which it still has.
    /// </summary>
    public RefusalReason? TakeVisitor(ListenerState listener, NetworkAddress address) =>
        listener.Setup is { } setup ? TakePlaces(listener, setup, address, behindProxy: false) : RefusalReason.TunnelGone;

    /// <summary>Takes a place of the gateway for another gateway's connection, which is no listener's: see <see cref="Enter"/>.</summary>
    public RefusalReason? TakePeer(NetworkAddress address)
    {
        var engine = loop.Engine;
        if (engine.Share.Acquire(engine.Connections, engine.Snapshot!.AdmitUpTo, loop.Now) is { } full)
        {
            return full;
        }

        var refusal = TakeAddress(engine.Snapshot, address, behindProxy: true);
        if (refusal is not null)
        {
            engine.Connections.Release();
        }

        return refusal;
    }

    /// <summary>A visitor that another gateway has brought, and that <see cref="Identify"/> knows, is a listener's from now on. Where that is refused, it is not counted as come.</summary>
    public RefusalReason? Enter(Channel* client, ListenerState listener)
    {
        if (listener.Setup is not { } setup)
        {
            ReturnRate(client->Address);
            return RefusalReason.TunnelGone;
        }

        if (!listener.Connections.TryAcquire(setup.Config.MaxConnections))
        {
            ReturnRate(client->Address);
            return RefusalReason.ListenerCapacity;
        }

        var rate = setup.Config.Limits.NewConnections;
        if (rate.IsSet && !rate.TryTakeShared(ref listener.Buckets.NewConnections, loop.Now))
        {
            listener.Connections.Release();
            ReturnRate(client->Address);
            return RefusalReason.ListenerRate;
        }

        client->Flags &= ~ChannelFlags.Peer;
        client->Listener = listener.Index;
        loop.Counters[listener.Index]->Traffic.Connections++;
        return null;
    }

    private void ReturnRate(NetworkAddress address)
    {
        if (loop.Engine.Snapshot!.NewPerAddress is { IsSet: true } rate)
        {
            loop.Engine.AddressRates!.Return(address.ClientKey, rate);
        }
    }

    /// <summary>Gives back what <see cref="TakeVisitor"/> has taken.</summary>
    public void ReleaseVisitor(ListenerState listener, NetworkAddress address)
    {
        ReleaseAddress(address);
        listener.Connections.Release();
        loop.Engine.Connections.Release();
    }

    /// <summary>Counts a connection that another process accepted, whatever the limits say.</summary>
    public void Adopt(Channel* client) => Adopt(client->Listener, client->Address);

    /// <summary>Counts a connection or flow that another process accepted, whatever the limits say.</summary>
    public void Adopt(ushort listener, NetworkAddress address)
    {
        AdoptSuspended(listener, address);
        Resume(address);
    }

    /// <summary>As <see cref="Adopt(ushort, NetworkAddress)"/>, for one that is in no list of this loop yet: <see cref="Resume(NetworkAddress)"/> follows.</summary>
    public void AdoptSuspended(ushort listener, NetworkAddress address)
    {
        var engine = loop.Engine;
        engine.Connections.TryAcquire(0);
        engine.Listeners[listener].Connections.TryAcquire(0);
        engine.Addresses.TryAcquire(address.ClientKey, 0);
    }

    /// <summary>The connection is in no list of this loop for a moment: what goes by those lists counts it no more. See <see cref="Resume(Channel*)"/>.</summary>
    public void Suspend(Channel* client) => Suspend(client->Address);

    public void Suspend(NetworkAddress address) => _prefixes?.Release(address);

    /// <summary>Takes back <see cref="Suspend(Channel*)"/>.</summary>
    public void Resume(Channel* client) => Resume(client->Address);

    public void Resume(NetworkAddress address) => _prefixes?.TryAcquire(address, 0);

    /// <summary>The connection has ended.</summary>
    public void Release(Channel* client)
    {
        if (client->Has(ChannelFlags.Peer))
        {
            ReleaseAddress(client->Address);
            loop.Engine.Connections.Release();
            return;
        }

        Release(client->Listener, client->Address);
    }

    /// <summary>The connection or flow has ended.</summary>
    public void Release(ushort listener, NetworkAddress address)
    {
        Suspend(address);
        ReleaseSuspended(listener, address);
    }

    /// <summary>It has ended while it was suspended.</summary>
    public void ReleaseSuspended(ushort listener, NetworkAddress address)
    {
        loop.Engine.Addresses.Release(address.ClientKey);
        loop.Engine.Listeners[listener].Connections.Release();
        loop.Engine.Connections.Release();
    }

    /// <summary>Counts this loop's connections by network in another table from now on, or in none.</summary>
    /// <remarks>Each loop goes over by itself, with all its connections, so a table is exact for the loops that use it, and soon for all.</remarks>
    public void UsePrefixes(PrefixTable? table)
    {
        if (table == _prefixes)
        {
            return;
        }

        _prefixes = table;
        if (table is not null)
        {
            foreach (var client in loop.Table.ClientsOf(loop.Owner))
            {
                table.TryAcquire(loop.Table[client]->Address, 0);
            }

            foreach (var flow in loop.Datagrams?.Flows.All() ?? [])
            {
                table.TryAcquire(loop.Datagrams!.Flows[flow]->Key.Client, 0);
            }
        }
    }

    private RefusalReason? TakeAddress(GatewaySnapshot snapshot, NetworkAddress address, bool behindProxy)
    {
        var engine = loop.Engine;
        if (!engine.Addresses.TryAcquire(address.ClientKey, behindProxy ? 0 : snapshot.PerAddress))
        {
            return RefusalReason.PerAddress;
        }

        if (_prefixes is not null && !_prefixes.TryAcquire(address, behindProxy ? 0 : snapshot.PerPrefix?.Connections ?? 0))
        {
            engine.Addresses.Release(address.ClientKey);
            return RefusalReason.PerPrefix;
        }

        if (
            snapshot.NewPerAddress.IsSet
            && !behindProxy
            && !engine.AddressRates!.TryTake(address.ClientKey, snapshot.NewPerAddress, loop.Now)
        )
        {
            ReleaseAddress(address);
            return RefusalReason.AddressRate;
        }

        return null;
    }

    private void ReleaseAddress(NetworkAddress address)
    {
        loop.Engine.Addresses.Release(address.ClientKey);
        _prefixes?.Release(address);
    }
}
