using System.Net;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.Handover;

/// <summary>Takes connections of one loop out of its hands, so that another process can have them. For the loop's thread only.</summary>
/// <remarks>
/// A connection that was taken is nobody's on this loop: it is watched no more, has no timer and is in no list, so nothing reads from it or
/// writes to it until it is put back or has left. What it holds, its place in each limit, it holds until then. Only connections that are in
/// between two events are taken, and those have bytes in two places at most: what waits for each side, in a buffer or a pipe.
/// </remarks>
internal sealed unsafe class Departures(RelayLoop loop) : IDepartures
{
    /// <summary>Descriptors that fit into one message, less those of one connection more.</summary>
    private const int FullDescriptors = Contracts.Handover.HandoverLimits.MaxDescriptors - 6;

    public List<OpenConnection> List() => loop.Connections.List().FindAll(open => IsMovable(open.Descriptor, loop.Table[open.Descriptor]));

    public DepartureBatch? Take(Queue<OpenConnection> candidates)
    {
        var taken = TakeMany(candidates);
        return taken.Count == 0
            ? null
            : new DepartureBatch(
                LinkMessage.Batch,
                taken.Count,
                () => RecordCodec.Write([.. taken.Select(departure => departure.Record)]),
                [.. taken.SelectMany(departure => departure.Descriptors)],
                i => PutBack(taken[i]),
                i => Left(taken[i])
            );
    }

    /// <summary>Those that cannot be moved now are passed over.</summary>
    private List<Departure> TakeMany(Queue<OpenConnection> candidates)
    {
        var taken = new List<Departure>();
        var (descriptors, bytes) = (0, 0);
        while (
            taken.Count < RecordCodec.MaxConnections
            && descriptors <= FullDescriptors
            && bytes < RecordCodec.FullBatch
            && candidates.TryDequeue(out var open)
        )
        {
            var client = loop.Table[open.Descriptor];
            if (client->Kind != ChannelKind.Client || client->Loop != loop.Owner || client->Started != open.Started)
            {
                continue;
            }

            if (!IsMovable(open.Descriptor, client))
            {
                continue;
            }

            var departure = TakeOne(open.Descriptor, client);
            descriptors += departure.Record.Descriptors;
            bytes += RecordCodec.SizeOf(departure.Record);
            taken.Add(departure);
        }

        return taken;
    }

    /// <summary>Puts a connection back: nobody else has it.</summary>
    private void PutBack(Departure departure)
    {
        Restore(departure);
        loop.Shaper.Resume(departure.ClientDescriptor, loop.Table[departure.ClientDescriptor], departure.Record.Bandwidth);
        if (!loop.Register(departure.ClientDescriptor) || !loop.Register(departure.UpstreamDescriptor))
        {
            loop.Closer.Close(departure.ClientDescriptor, CloseReason.Resources, reset: true);
            return;
        }

        if (departure.Record.TimerDeadline is { } deadline)
        {
            loop.Timers.Arm(departure.ClientDescriptor, deadline);
        }
    }

    /// <summary>Another process has the connection: gives back what it held here.</summary>
    private void Left(Departure departure)
    {
        Restore(departure);
        loop.Closer.Leave(departure.ClientDescriptor);
    }

    private bool IsMovable(int descriptor, Channel* client)
    {
        if (client->Peer < 0 || client->Phase is not (ChannelPhase.Relaying or ChannelPhase.WebSocket))
        {
            return false;
        }

        if (client->Has(ChannelFlags.Side) && loop.Engine.Sides[descriptor]->Tunnel != 0)
        {
            // A tunnel's count, and its limit of bandwidth, are this process's.
            return false;
        }

        var upstream = loop.Table[client->Peer];
        return ((client->Flags | upstream->Flags) & ChannelFlags.Tls) == ChannelFlags.None
            && upstream->Phase == client->Phase
            && upstream->Peer == descriptor
            && PendingBytes(client) <= RecordCodec.MaxPending
            && PendingBytes(upstream) <= RecordCodec.MaxPending
            && (client->Phase == ChannelPhase.Relaying || loop.Frames.TryRead(upstream, out _, out _));
    }

    private int PendingBytes(Channel* channel) =>
        channel->Pending == 0 || channel->Has(ChannelFlags.PendingPipe) ? 0 : loop.Pending.Peek(channel->Pending).Length;

    private Departure TakeOne(int descriptor, Channel* client)
    {
        var peer = client->Peer;
        var upstream = loop.Table[peer];
        var endpoint = loop.Engine.Endpoints[upstream->Endpoint];
        uint? deadline = client->Has(ChannelFlags.TimerArmed) ? client->TimerDeadline : null;
        // Its flag goes before the channel is copied: no timer is armed where the copy comes back.
        loop.Timers.Disarm(descriptor);
        loop.Unqueue(descriptor);
        loop.Unqueue(peer);
        loop.Unregister(descriptor);
        loop.Unregister(peer);
        // The other process knows nothing of a drain here.
        loop.Probes.Restore(descriptor);
        loop.Probes.Restore(peer);
        var record = new ConnectionRecord
        {
            Listener = loop.Engine.Listeners[client->Listener].Name,
            Backend = endpoint.Backend,
            Endpoint = endpoint.Id,
            EndpointAddress = IPEndPoint.Parse(endpoint.Target.Text),
            Frames = client->Phase == ChannelPhase.WebSocket ? SaveFrames(upstream) : null,
            Address = client->Address,
            Port = client->Port,
            LastActive = client->LastActive,
            TimerDeadline = deadline,
            NoDelay = upstream->NoDelay,
            Proxy = ProxySide.Read(loop, descriptor, client),
            Bandwidth = loop.Shaper.Read(descriptor, client),
            Messages = client->Phase == ChannelPhase.WebSocket ? loop.Frames.ReadGuard(upstream) : null,
            Identity = loop.Identities.Read(descriptor, client),
            ServerName = loop.Sides.NameOf(descriptor, client).ToArray(),
            Client = Describe(client),
            Upstream = Describe(upstream),
        };
        var departure = new Departure(descriptor, peer, record, *client, *upstream, Descriptors(descriptor, client, peer, upstream));
        loop.Admission.Suspend(client);
        client->Kind = upstream->Kind = ChannelKind.None;
        client->Loop = 0;
        return departure;
    }

    private void Restore(Departure departure)
    {
        var client = loop.Table[departure.ClientDescriptor];
        var upstream = loop.Table[departure.UpstreamDescriptor];
        *client = departure.ClientChannel;
        *upstream = departure.UpstreamChannel;
        // Watched anew, for everything; what is ready by then is said at once.
        client->Flags &= ~ChannelFlags.Muted;
        upstream->Flags &= ~ChannelFlags.Muted;
        loop.Admission.Resume(client);
    }

    private int[] Descriptors(int descriptor, Channel* client, int peer, Channel* upstream)
    {
        var all = new List<int> { descriptor, peer };
        AddPipe(client, all);
        AddPipe(upstream, all);
        return [.. all];
    }

    private void AddPipe(Channel* channel, List<int> all)
    {
        if (channel->Pending != 0 && channel->Has(ChannelFlags.PendingPipe))
        {
            ref var pipe = ref loop.Pipes[channel->Pending];
            all.Add(pipe.ReadEnd);
            all.Add(pipe.WriteEnd);
        }
    }

    private SideRecord Describe(Channel* channel)
    {
        var piped = channel->Pending != 0 && channel->Has(ChannelFlags.PendingPipe);
        return new SideRecord
        {
            Flags = RecordCodec.Keep(channel->Flags),
            Started = channel->Started,
            Received = channel->Received,
            Pending = piped || channel->Pending == 0 ? [] : loop.Pending.Peek(channel->Pending).ToArray(),
            PipeBytes = piped ? loop.Pipes[channel->Pending].Filled : 0,
        };
    }

    private byte[] SaveFrames(Channel* upstream)
    {
        loop.Frames.TryRead(upstream, out var fromClient, out var fromBackend);
        var saved = new byte[2 * FrameTracker.SavedBytes];
        fromClient.Save(saved);
        fromBackend.Save(saved.AsSpan(FrameTracker.SavedBytes));
        return saved;
    }
}

/// <summary>A connection that was taken out of its loop's hands.</summary>
/// <param name="ClientDescriptor">The client's descriptor.</param>
/// <param name="UpstreamDescriptor">The upstream's.</param>
/// <param name="Record">What the other process is told.</param>
/// <param name="ClientChannel">The client's channel as it was, to put it back.</param>
/// <param name="UpstreamChannel">The upstream's.</param>
/// <param name="Descriptors">What goes along: client, upstream, and both ends of each pipe.</param>
internal sealed record Departure(
    int ClientDescriptor,
    int UpstreamDescriptor,
    ConnectionRecord Record,
    Channel ClientChannel,
    Channel UpstreamChannel,
    int[] Descriptors
);
