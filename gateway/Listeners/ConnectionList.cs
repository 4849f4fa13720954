using Mooring.Gateway.Backends;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>The connections of one loop as others see them: to list and to close. For the loop's thread only.</summary>
internal sealed unsafe class ConnectionList(RelayLoop loop)
{
    /// <summary>Every open connection, in no order.</summary>
    public List<OpenConnection> List()
    {
        var descriptors = loop.Table.ClientsOf(loop.Owner);
        var result = new List<OpenConnection>(descriptors.Count);
        foreach (var descriptor in descriptors)
        {
            var client = loop.Table[descriptor];
            var isWebSocket =
                client->Phase is ChannelPhase.WebSocket or ChannelPhase.TunnelControl
                || (client->Phase == ChannelPhase.Hub && loop.Hub!.IsOpen(descriptor));
            result.Add(new OpenConnection(loop.Owner - 1, descriptor, client->Started, client->Listener, isWebSocket));
        }

        loop.Datagrams?.Shards.List(result);
        return result;
    }

    /// <summary>Closes those that are still the ones that were listed, and returns how many that is.</summary>
    public int Close(IEnumerable<OpenConnection> connections, CloseOrder order)
    {
        var count = 0;
        foreach (var connection in connections)
        {
            var client = loop.Table[connection.Descriptor];
            if (client->Kind == ChannelKind.Datagram && client->Phase == ChannelPhase.Flow && client->Loop == loop.Owner)
            {
                count += loop.Datagrams!.Shards.Close(connection, client->Peer, order.Reason) ? 1 : 0;
                continue;
            }

            if (client->Kind != ChannelKind.Client || client->Loop != loop.Owner || client->Started != connection.Started)
            {
                continue;
            }

            count++;
            if (client->Phase == ChannelPhase.WebSocket && order.WebSocket is { } close)
            {
                loop.Frames.BeginClose(connection.Descriptor, client, close, order.Reason);
            }
            else if (client->Phase == ChannelPhase.TunnelControl)
            {
                loop.Tunnels.SendAway(connection.Descriptor, client, order.Reason);
            }
            else if (client->Phase == ChannelPhase.Hub && order.WebSocket is not null)
            {
                loop.Hub!.Close(connection.Descriptor, HubDisconnect.Shutdown, order.Reason);
            }
            else
            {
                loop.Closer.Close(connection.Descriptor, order.Reason, reset: true);
            }
        }

        return count;
    }

    /// <summary>Closes one of this loop's own accord: a WebSocket by a close frame with the drain's code, so that its client comes again.</summary>
    public void Close(int descriptor, Channel* client, CloseReason reason)
    {
        if (client->Phase == ChannelPhase.WebSocket)
        {
            var code = loop.Engine.Snapshot?.Config.Drain.CloseCode ?? 1001;
            loop.Frames.BeginClose(descriptor, client, new WebSocketClose(code, ""), reason);
        }
        else if (client->Phase == ChannelPhase.Hub)
        {
            loop.Hub!.Close(descriptor, HubDisconnect.Shutdown, reason);
        }
        else
        {
            loop.Closer.Close(descriptor, reason, reset: true);
        }
    }

    /// <summary>Tells WebSockets to an endpoint to go, as many as given of those that were not told yet. Returns how many were told.</summary>
    public int SendAway(EndpointState endpoint, int count, WebSocketClose close)
    {
        var told = 0;
        foreach (var descriptor in loop.Table.ClientsOf(loop.Owner))
        {
            var client = loop.Table[descriptor];
            if (told >= count)
            {
                break;
            }

            if (
                client->Kind == ChannelKind.Client
                && client->Phase == ChannelPhase.WebSocket
                && client->Peer >= 0
                && loop.Table[client->Peer]->Endpoint == endpoint.Index
                && loop.Engine.Endpoints[endpoint.Index] == endpoint
                && !loop.Frames.IsClosing(descriptor)
            )
            {
                loop.Frames.BeginClose(descriptor, client, close, CloseReason.EndpointDrained);
                told++;
            }
        }

        return told;
    }

    /// <summary>Closes every connection to an endpoint.</summary>
    public void CloseTo(EndpointState endpoint)
    {
        loop.Datagrams?.Shards.CloseTo(endpoint.Index, CloseReason.EndpointDrained);
        foreach (var descriptor in loop.Table.ClientsOf(loop.Owner))
        {
            var client = loop.Table[descriptor];
            if (client->Kind != ChannelKind.Client || client->Peer < 0)
            {
                continue;
            }

            var upstream = loop.Table[client->Peer];
            // The index may stand for another endpoint by now, but never while a connection to this one is open.
            if (upstream->Endpoint == endpoint.Index && loop.Engine.Endpoints[upstream->Endpoint] == endpoint)
            {
                Close(descriptor, client, CloseReason.EndpointDrained);
            }
        }
    }
}
