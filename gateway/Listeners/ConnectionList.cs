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
            result.Add(
                new OpenConnection(loop.Owner - 1, descriptor, client->Started, client->Listener, client->Phase == ChannelPhase.WebSocket)
            );
        }

        return result;
    }

    /// <summary>Closes those that are still the ones that were listed, and returns how many that is.</summary>
    public int Close(IEnumerable<OpenConnection> connections, CloseOrder order)
    {
        var count = 0;
        foreach (var connection in connections)
        {
            var client = loop.Table[connection.Descriptor];
            if (client->Kind != ChannelKind.Client || client->Loop != loop.Owner || client->Started != connection.Started)
            {
                continue;
            }

            count++;
            if (client->Phase == ChannelPhase.WebSocket && order.WebSocket is { } close)
            {
                loop.Frames.BeginClose(connection.Descriptor, client, close, order.Reason);
            }
            else
            {
                loop.Closer.Close(connection.Descriptor, order.Reason, reset: true);
            }
        }

        return count;
    }
}
