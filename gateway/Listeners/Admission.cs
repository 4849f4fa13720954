// Hot path: per connection. See tests/benchmarks.
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>Takes a place in every count for a new client, or in none, and gives them back.</summary>
/// <remarks>A client behind a proxy counts for its gateway and listener at once, and for its own address once its PROXY header has said it.</remarks>
internal sealed unsafe class Admission(RelayLoop loop)
{
    /// <summary>A client was accepted. Null when it was taken everywhere; else which count had no place left.</summary>
    /// <param name="listener">Where.</param>
    /// <param name="setup">What the listener does; null: it is gone.</param>
    /// <param name="address">The socket's other end.</param>
    /// <param name="behindProxy">That is a proxy, and the client's own address is still to come: see <see cref="Identify"/>.</param>
    public RefusalReason? Take(ListenerState listener, ListenerSetup? setup, NetworkAddress address, bool behindProxy)
    {
        var engine = loop.Engine;
        if (setup is null || engine.Mode != AcceptMode.Accept)
        {
            return RefusalReason.Draining;
        }

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

        if (TakeAddress(snapshot, address, behindProxy) is { } refusal)
        {
            listener.Connections.Release();
            engine.Connections.Release();
            return refusal;
        }

        return null;
    }

    /// <summary>The client behind a proxy is known: counts it by its own address from now on. Where that is refused, nothing has changed.</summary>
    public RefusalReason? Identify(Channel* client, ListenerSetup setup, NetworkAddress address)
    {
        var engine = loop.Engine;
        if (TakeAddress(engine.Snapshot!, address, behindProxy: false) is { } refusal)
        {
            return refusal;
        }

        engine.Addresses.Release(client->Address.ClientKey);
        client->Address = address;
        return null;
    }

    /// <summary>The connection has ended.</summary>
    public void Release(Channel* client)
    {
        var engine = loop.Engine;
        engine.Addresses.Release(client->Address.ClientKey);
        engine.Listeners[client->Listener].Connections.Release();
        engine.Connections.Release();
    }

    private RefusalReason? TakeAddress(GatewaySnapshot snapshot, NetworkAddress address, bool behindProxy) =>
        loop.Engine.Addresses.TryAcquire(address.ClientKey, behindProxy ? 0 : snapshot.PerAddress) ? null : RefusalReason.PerAddress;
}
