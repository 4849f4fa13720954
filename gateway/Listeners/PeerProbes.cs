using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>Has the kernel look sooner whether the peers of raw connections are still there, and takes that back. For the loop's thread only.</summary>
/// <remarks>Both sides of a connection that relays bytes unseen: whatever else waits for a peer has a timer of its own.</remarks>
internal sealed unsafe class PeerProbes(RelayLoop loop)
{
    /// <summary>How each socket was before. One that was closed meanwhile stays until <see cref="Restore(IEnumerable{int})"/>; its number may be another's by then.</summary>
    private readonly Dictionary<int, (long Started, KeepAliveState Before)> _shortened = [];

    /// <summary>Sockets that were shortened.</summary>
    public List<int> Shortened() => [.. _shortened.Keys];

    /// <summary>Shortens the keepalive of those that are still the ones that were listed, and were not shortened before.</summary>
    public void Shorten(IEnumerable<OpenConnection> connections, KeepAliveOptions options)
    {
        foreach (var connection in connections)
        {
            var client = loop.Table[connection.Descriptor];
            if (
                client->Kind == ChannelKind.Client
                && client->Loop == loop.Owner
                && client->Started == connection.Started
                && client->Phase == ChannelPhase.Relaying
                && client->Peer >= 0
            )
            {
                Shorten(connection.Descriptor, client, options);
                Shorten(client->Peer, loop.Table[client->Peer], options);
            }
        }
    }

    /// <summary>Gives sockets the keepalive that they had.</summary>
    public void Restore(IEnumerable<int> sockets)
    {
        foreach (var socket in sockets)
        {
            Restore(socket);
        }
    }

    /// <summary>The same of one, if it was shortened.</summary>
    public void Restore(int socket)
    {
        if (_shortened.Count > 0 && _shortened.Remove(socket, out var kept) && IsStill(loop.Table[socket], kept.Started))
        {
            kept.Before.Apply(socket);
        }
    }

    private static bool IsStill(Channel* channel, long started) => channel->Kind != ChannelKind.None && channel->Started == started;

    private void Shorten(int socket, Channel* channel, KeepAliveOptions options)
    {
        if (_shortened.TryGetValue(socket, out var kept) && IsStill(channel, kept.Started))
        {
            return;
        }

        var before = KeepAliveState.Read(socket);
        _shortened[socket] = (channel->Started, before);
        before.NoSlowerThan(options).Apply(socket);
    }
}
