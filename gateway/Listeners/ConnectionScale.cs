using Mooring.Gateway.Limits.Overload;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>What one loop's connections weigh in memory, and how the heaviest are let go of. For the loop's thread only.</summary>
internal sealed unsafe class ConnectionScale(RelayLoop loop)
{
    /// <summary>Connections whose sockets are asked, each with two calls, so that a step stays short: those that hold most here.</summary>
    public const int MostWeighed = 4096;

    /// <summary>Try again later: https://www.iana.org/assignments/websocket.</summary>
    private const int TryAgainLater = 1013;

    /// <summary>For so long, in microseconds, nobody is counted who is not served yet: a client that is well comes through in a fraction of it.</summary>
    private const long Grace = 1_000_000;

    /// <summary>
    /// Every connection that cannot get rid of what it has: bytes wait here, or are not read as the other end takes none. And every one
    /// that holds something before it is served: a TLS handshake, a part of a request.
    /// </summary>
    public List<HeavyConnection> Weigh()
    {
        var held = new List<HeavyConnection>();
        foreach (var descriptor in loop.Table.ClientsOf(loop.Owner))
        {
            var client = loop.Table[descriptor];
            if (client->Peer < 0)
            {
                if (HeldAlone(descriptor, client) is > 0 and var alone)
                {
                    held.Add(new HeavyConnection(loop.Owner - 1, descriptor, client->Started, alone, Moved(descriptor, client)));
                }

                continue;
            }

            var upstream = loop.Table[client->Peer];
            if (IsStuck(client) || IsStuck(upstream))
            {
                held.Add(
                    new HeavyConnection(
                        loop.Owner - 1,
                        descriptor,
                        client->Started,
                        Held(client) + Held(upstream),
                        client->Received + upstream->Received
                    )
                );
            }
        }

        var heaviest = held.Count > MostWeighed ? held.OrderByDescending(connection => connection.Bytes).Take(MostWeighed).ToList() : held;
        for (var i = 0; i < heaviest.Count; i++)
        {
            var one = heaviest[i];
            var peer = loop.Table[one.Descriptor]->Peer;
            heaviest[i] = one with { Bytes = one.Bytes + InKernel(one.Descriptor) + (peer < 0 ? 0 : InKernel(peer)) };
        }

        return heaviest;
    }

    /// <summary>Closes those that are still the ones that were weighed, and returns how many that is.</summary>
    /// <param name="connections">Of this loop.</param>
    /// <param name="atOnce">A WebSocket gets no close frame either.</param>
    public int Drop(IEnumerable<HeavyConnection> connections, bool atOnce)
    {
        var count = 0;
        foreach (var connection in connections)
        {
            var client = loop.Table[connection.Descriptor];
            if (client->Kind != ChannelKind.Client || client->Loop != loop.Owner || client->Started != connection.Started)
            {
                continue;
            }

            // A client that takes nothing takes no close frame; one that was told a second ago and still holds its bytes is not told again.
            var tells =
                !atOnce && client->Phase == ChannelPhase.WebSocket && client->Pending == 0 && !loop.Frames.IsClosing(connection.Descriptor);
            if (tells)
            {
                var close = new WebSocketClose(TryAgainLater, "try again later");
                loop.Frames.BeginClose(connection.Descriptor, client, close, CloseReason.MemoryPressure);
            }
            else
            {
                loop.Closer.Close(connection.Descriptor, CloseReason.MemoryPressure, reset: true);
            }

            count += tells || client->Kind == ChannelKind.None ? 1 : 0;
        }

        return count;
    }

    private static bool IsStuck(Channel* channel) => channel->Pending != 0 || channel->Has(ChannelFlags.ReadPaused);

    /// <summary>What waits here to be written to a socket.</summary>
    private long Held(Channel* channel) =>
        channel->Pending == 0 ? 0
        : channel->Has(ChannelFlags.PendingPipe) ? loop.Pipes[channel->Pending].Filled
        : loop.Pending.CapacityOf(channel->Pending);

    /// <summary>What a client without an upstream holds: one that is not served yet, or the Hub's.</summary>
    private long HeldAlone(int descriptor, Channel* client)
    {
        if (client->Phase == ChannelPhase.Hub && loop.Hub is { } hub)
        {
            return Held(client) + hub.HeldOf(descriptor);
        }

        if (loop.Now - client->Started < Grace)
        {
            return 0;
        }

        return client->Phase switch
        {
            ChannelPhase.Securing when client->Has(ChannelFlags.Tls) => HandshakeBudget.HandshakeBytes,
            ChannelPhase.Head => loop.Upgrader.HeldOf(descriptor),
            _ => 0,
        };
    }

    /// <summary>
    /// Bytes that a client without an upstream has moved: none before it is served, and of the Hub's what it took, by the kernel's count
    /// (<c>tcpi_bytes_acked</c>, Linux 4.1): those are what it is to be rid of.
    /// </summary>
    private static long Moved(int descriptor, Channel* client)
    {
        const int AcknowledgedAt = 120;
        if (client->Phase != ChannelPhase.Hub)
        {
            return 0;
        }

        var info = stackalloc byte[AcknowledgedAt + sizeof(long)];
        uint length = AcknowledgedAt + sizeof(long);
        var known = Libc.GetSocketOption(descriptor, SocketLevel.Tcp, SocketOption.TcpInfo, info, &length) == 0;
        return client->Received + (known && length == AcknowledgedAt + sizeof(long) ? *(long*)(info + AcknowledgedAt) : 0);
    }

    /// <summary>Memory of a socket's two queues, as the kernel accounts it (SO_MEMINFO, Linux 4.12).</summary>
    private static long InKernel(int descriptor)
    {
        const int Received = 0;
        const int Sent = 5;
        var numbers = stackalloc uint[SocketMemory.Numbers];
        uint length = SocketMemory.Numbers * sizeof(uint);
        return Libc.GetSocketOption(descriptor, SocketLevel.Socket, SocketMemory.Option, numbers, &length) < 0
            ? 0
            : (long)numbers[Received] + numbers[Sent];
    }
}

/// <summary><c>SK_MEMINFO_*</c> of linux/sock_diag.h.</summary>
internal static class SocketMemory
{
    public const int Option = 55;
    public const int Numbers = 9;
}
