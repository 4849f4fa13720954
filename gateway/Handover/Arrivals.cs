using Mooring.Contracts.Handover;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.Handover;

/// <summary>Takes connections of another process into one loop. For the loop's thread only.</summary>
internal static unsafe class Arrivals
{
    /// <summary>Takes the connection on: from here on this loop reads from it and writes to it.</summary>
    /// <param name="loop">Whose it is to be.</param>
    /// <param name="arrival">What came, with its place on the endpoint taken. Its descriptors are the loop's from now on.</param>
    public static void Settle(RelayLoop loop, Arrival arrival)
    {
        if (arrival.Record is FlowRecord flow)
        {
            FlowArrivals.Settle(loop, arrival, flow);
            return;
        }

        var record = (ConnectionRecord)arrival.Record;
        var phase = record.Frames is null ? ChannelPhase.Relaying : ChannelPhase.WebSocket;
        var (descriptor, peer) = (arrival.Descriptors[0].Release(), arrival.Descriptors[1].Release());
        var client = loop.Table.Claim(descriptor, ChannelKind.Client, phase);
        var upstream = loop.Table.Claim(peer, ChannelKind.Upstream, phase);
        loop.Balance.Opened();
        client->Loop = loop.Owner;
        client->Peer = peer;
        client->Address = record.Address;
        client->Port = record.Port;
        client->Listener = arrival.Listener.Index;
        client->LastActive = record.LastActive;
        upstream->Peer = descriptor;
        upstream->Endpoint = arrival.Endpoint.Index;
        upstream->Backend = arrival.Endpoint.BackendIndex;
        upstream->FirstTried = upstream->SecondTried = upstream->ThirdTried = upstream->FourthTried = -1;
        upstream->NoDelay = record.NoDelay;
        var pipes = arrival.Descriptors.AsSpan(2);
        pipes = pipes[Fill(loop, client, record.Client, pipes)..];
        Fill(loop, upstream, record.Upstream, pipes);
        if (record.Frames is { } frames)
        {
            loop.Frames.Resume(
                upstream,
                FrameTracker.Restore(frames),
                FrameTracker.Restore(frames.AsSpan(FrameTracker.SavedBytes)),
                record.Messages
            );
        }

        if (record.Proxy is { } proxy)
        {
            ProxySide.Restore(loop, descriptor, client, proxy);
        }

        if (record.ServerName.Length > 0 && loop.Engine.AccessLog is not null)
        {
            loop.Sides.KeepName(descriptor, client, record.ServerName);
        }

        loop.Admission.Adopt(client);
        loop.Shaper.Resume(descriptor, client, record.Bandwidth);
        loop.Identities.Adopt(descriptor, client, record.Identity);
        if (loop.Countries.IsOn)
        {
            loop.Countries.Opened(descriptor, client);
        }

        // Registered anew, each socket tells at once what is ready: the edges of what came while it was on its way.
        if (!loop.Register(descriptor) || !loop.Register(peer))
        {
            loop.Closer.Close(descriptor, CloseReason.Resources, reset: true);
            return;
        }

        if (record.TimerDeadline is { } deadline)
        {
            loop.Timers.Arm(descriptor, deadline);
        }
        else
        {
            loop.StartIdleTimer(descriptor, client);
        }
    }

    /// <summary>Returns how many descriptors were used.</summary>
    private static int Fill(RelayLoop loop, Channel* channel, SideRecord side, ReadOnlySpan<DescriptorHandle> pipes)
    {
        channel->Flags = side.Flags;
        channel->Started = side.Started;
        channel->Received = side.Received;
        if (side.PipeBytes > 0)
        {
            channel->Pending = loop.Pipes.Adopt(pipes[0].Release(), pipes[1].Release(), side.PipeBytes);
            channel->Flags |= ChannelFlags.PendingPipe;
            return 2;
        }

        if (side.Pending.Length > 0)
        {
            fixed (byte* data = side.Pending)
            {
                channel->Pending = loop.Pending.Store(data, side.Pending.Length);
            }
        }

        return 0;
    }
}

/// <summary>A connection that another process has handed over, not served yet.</summary>
/// <param name="Record">What the other process told.</param>
/// <param name="Descriptors">As many as the record says, in its order.</param>
/// <param name="Listener">What accepted it, by name.</param>
/// <param name="Endpoint">Where it goes, by id, with a place taken on it.</param>
internal sealed record Arrival(MovedRecord Record, DescriptorHandle[] Descriptors, ListenerState Listener, EndpointState Endpoint);
