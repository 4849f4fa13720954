// Hot path: every event. See tests/benchmarks.
using System.Runtime.CompilerServices;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>Counts what one loop's connections do, by listener and by backend.</summary>
/// <remarks>Times are those of the loop's turns: one that begins and ends within a turn is 0.</remarks>
internal sealed unsafe class TrafficCounter(RelayLoop loop)
{
    /// <summary>Bytes were read from <paramref name="source"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Received(Channel* source, int count)
    {
        if (source->Has(ChannelFlags.Shaped))
        {
            loop.Shaper.Charge(source, count);
        }

        if (source->Kind == ChannelKind.Client)
        {
            source->Received += count;
            loop.Counters[source->Listener]->Traffic.Received += count;
            // A request head comes before there is an endpoint to send it to.
            if (source->Peer >= 0)
            {
                if (source->Has(ChannelFlags.Side))
                {
                    var descriptor = loop.Table[source->Peer]->Peer;
                    loop.Countries.Count(descriptor, count, fromClient: true);
                    loop.Tunnels.Carried(descriptor, count, fromVisitor: true);
                }

                loop.Counters.Backend(loop.Table[source->Peer]->Backend)->Sent += count;
            }

            return;
        }

        var client = loop.Table[source->Peer];
        if (source->Received == 0)
        {
            FirstByte(client, source);
        }

        source->Received += count;
        if (client->Has(ChannelFlags.Side))
        {
            loop.Countries.Count(source->Peer, count, fromClient: false);
            loop.Tunnels.Carried(source->Peer, count, fromVisitor: false);
        }

        loop.Counters[client->Listener]->Traffic.Sent += count;
        loop.Counters.Backend(source->Backend)->Received += count;
    }

    /// <summary>Bytes were read from a client that has no endpoint, nor gets one.</summary>
    public void ReceivedAlone(int descriptor, Channel* client, int count)
    {
        Received(client, count);
        if (client->Has(ChannelFlags.Side))
        {
            loop.Countries.Count(descriptor, count, fromClient: true);
        }
    }

    /// <summary>Bytes were written to a client that has no endpoint.</summary>
    public void SentAlone(int descriptor, Channel* client, int count)
    {
        loop.Counters[client->Listener]->Traffic.Sent += count;
        if (client->Has(ChannelFlags.Side))
        {
            loop.Countries.Count(descriptor, count, fromClient: false);
        }
    }

    /// <summary>An endpoint has accepted.</summary>
    public void Connected(Channel* client, Channel* upstream)
    {
        var taken = loop.Now - upstream->Started;
        var backend = loop.Counters.Backend(upstream->Backend);
        backend->Connections++;
        backend->Connect.Record(DurationBounds.Latency, taken);
        loop.Counters[client->Listener]->Traffic.Connect.Record(DurationBounds.Latency, taken);
    }

    /// <summary>A connection ends.</summary>
    /// <param name="client">The client's channel.</param>
    /// <param name="reason">Why.</param>
    /// <param name="backend">Index of the backend that was asked or connected; null: none.</param>
    public void Closed(Channel* client, CloseReason reason, ushort? backend = null)
    {
        var lasted = loop.Now - client->Started;
        Count(&loop.Counters[client->Listener]->Traffic, lasted, reason);
        if (backend is { } index)
        {
            Count(loop.Counters.Backend(index), lasted, reason);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FirstByte(Channel* client, Channel* upstream)
    {
        var taken = loop.Now - upstream->Started;
        loop.Counters.Backend(upstream->Backend)->FirstByte.Record(DurationBounds.Latency, taken);
        loop.Counters[client->Listener]->Traffic.FirstByte.Record(DurationBounds.Latency, taken);
    }

    private static void Count(TrafficTotals* totals, long lasted, CloseReason reason)
    {
        totals->Closed[(int)reason]++;
        totals->Session.Record(DurationBounds.Session, lasted);
    }
}
