// Hot path: per connection. See tests/benchmarks.
using Mooring.Gateway.Backends;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>The one exit of every connection: whatever it holds is given back here, once.</summary>
internal sealed unsafe class Closer(RelayLoop loop)
{
    /// <summary>Ends a connection at once.</summary>
    /// <param name="descriptor">The client's.</param>
    /// <param name="reason">Why, for the access log.</param>
    /// <param name="reset">Both ends get RST and unsent data is dropped; else the kernel still sends what it has taken, then FIN.</param>
    /// <param name="linger">It was turned away with an answer, which what it still sends must not cost it.</param>
    public void Close(int descriptor, CloseReason reason, bool reset, bool linger = false)
    {
        var client = loop.Table[descriptor];
        if (client->Phase == ChannelPhase.Refused)
        {
            // It holds nothing that is counted.
            loop.Refuser.End(descriptor);
            return;
        }

        if (reason is CloseReason.ClientClosed or CloseReason.BackendClosed)
        {
            reason =
                loop.Tls.IsCut(descriptor, client) ? CloseReason.ClientTruncated
                : client->Peer >= 0 && loop.Tls.IsCut(client->Peer, loop.Table[client->Peer]) ? CloseReason.BackendTruncated
                : reason;
        }

        var engine = loop.Engine;
        EndpointState? endpoint = null;
        long sent = 0;
        if (client->Peer >= 0)
        {
            var upstream = loop.Table[client->Peer];
            endpoint = engine.Endpoints[upstream->Endpoint];
            sent = upstream->Received;
            loop.Traffic.Closed(client, reason, upstream->Backend);
        }
        else if (client->Phase == ChannelPhase.Lingering && loop.Upgrader.AnsweredBy(descriptor) is { } answered)
        {
            (endpoint, sent) = (answered.Endpoint, answered.Sent);
            loop.Traffic.Closed(client, reason, answered.Backend);
        }
        else if (!client->Has(ChannelFlags.Peer))
        {
            // Another gateway's own connections are no listener's.
            loop.Traffic.Closed(client, reason);
        }

        if (client->Phase == ChannelPhase.Hub)
        {
            sent = loop.Hub!.SentTo(descriptor);
        }

        engine.AccessLog?.Offer(
            new AccessRecord
            {
                Listener = engine.Listeners[client->Listener],
                Endpoint = endpoint,
                ClientAddress = client->Address,
                ClientPort = client->Port,
                Started = client->Started,
                DurationMicroseconds = loop.Now - client->Started,
                Received = client->Received,
                Sent = sent,
                Reason = reason,
                Proxy = client->Has(ChannelFlags.Side) ? ProxyLog.Of(loop.Sides.ProxyOf(descriptor, client)) : null,
                Tls = client->Has(ChannelFlags.Tls)
                    ? TlsLog.Of(loop.Tls.SslOf(descriptor))
                    : TlsLog.Named(loop.Sides.NameOf(descriptor, client)),
            }
        );
        GiveBack(descriptor, client, reset, linger);
    }

    /// <summary>Lets go of a connection that goes on in another process: this one's descriptors are closed, the connection is not touched.</summary>
    /// <param name="descriptor">The client's.</param>
    public void Leave(int descriptor) => GiveBack(descriptor, loop.Table[descriptor], reset: false);

    /// <summary>Gives back whatever the connection holds here.</summary>
    private void GiveBack(int descriptor, Channel* client, bool reset, bool linger = false)
    {
        loop.Timers.Disarm(descriptor);
        if (client->Phase == ChannelPhase.Hub)
        {
            loop.Hub!.Forget(descriptor);
        }
        else if (client->Phase == ChannelPhase.Echo)
        {
            loop.Echo!.Forget(descriptor);
        }
        else if (client->Phase == ChannelPhase.Securing)
        {
            loop.TlsAcceptor.Forget(descriptor, client);
        }
        else if (client->Phase != ChannelPhase.Relaying)
        {
            loop.Upgrader.Forget(descriptor);
            loop.Connector.Forget(descriptor);
            loop.Tunnels.Forget(descriptor, client);
        }

        if (client->Peer >= 0)
        {
            CloseUpstream(client->Peer, loop.Table[client->Peer], reset);
        }

        DropPending(client);
        if (client->Has(ChannelFlags.Tls))
        {
            loop.Tls.Free(descriptor, reset);
        }

        if (reset)
        {
            Libc.ResetOnClose(descriptor);
        }

        loop.Admission.Release(client);
        loop.Balance.Closed();
        if (client->Has(ChannelFlags.Side))
        {
            loop.Sides.Forget(descriptor);
        }

        if (linger)
        {
            loop.Unqueue(descriptor);
            if (loop.Refuser.TryLinger(descriptor))
            {
                return;
            }
        }

        loop.CloseLater(descriptor);
    }

    /// <summary>Ends the upstream alone, for another attempt.</summary>
    public void CloseUpstream(int descriptor, Channel* upstream, bool reset)
    {
        DropPending(upstream);
        if (upstream->Frames != 0)
        {
            loop.Frames.Forget(upstream->Peer, upstream);
        }

        loop.Engine.Endpoints[upstream->Endpoint].Release();
        if (upstream->Has(ChannelFlags.Tls))
        {
            loop.Tls.Free(descriptor, reset);
        }

        if (reset)
        {
            Libc.ResetOnClose(descriptor);
        }

        loop.CloseLater(descriptor);
    }

    private void DropPending(Channel* channel)
    {
        if (channel->Pending == 0)
        {
            return;
        }

        if (channel->Has(ChannelFlags.PendingPipe))
        {
            loop.Pipes.Return(channel->Pending);
        }
        else
        {
            loop.Pending.Release(channel->Pending);
        }

        channel->Pending = 0;
    }
}
