using System.Net;
using Mooring.Gateway.Datagrams;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Handover;

/// <summary>The UDP flows of one loop, on their way out. For the loop's thread only.</summary>
/// <remarks>A flow goes once it has a socket connected to its client, which is so from the moment at which the loop leaves the port's sockets.</remarks>
internal sealed unsafe class FlowDepartures(RelayLoop loop) : IDepartures
{
    public List<OpenConnection> List()
    {
        var flows = new List<OpenConnection>();
        loop.Datagrams?.Shards.List(flows);
        return flows.FindAll(flow => loop.Datagrams!.Mover.IsMovable(loop.Table[flow.Descriptor]->Peer));
    }

    public DepartureBatch? Take(Queue<OpenConnection> candidates)
    {
        var (taken, records) = (new List<DetachedFlow>(), new List<FlowRecord>());
        while (taken.Count < FlowCodec.MaxFlows && candidates.TryDequeue(out var open))
        {
            var channel = loop.Table[open.Descriptor];
            if (
                channel->Kind != ChannelKind.Datagram
                || channel->Phase != ChannelPhase.Flow
                || channel->Loop != loop.Owner
                || channel->Started != open.Started
                || !loop.Datagrams!.Mover.IsMovable(channel->Peer)
            )
            {
                continue;
            }

            var flow = loop.Datagrams.Mover.Detach(channel->Peer);
            taken.Add(flow);
            records.Add(Describe(flow.Flow));
        }

        return taken.Count == 0
            ? null
            : new DepartureBatch(
                LinkMessage.Flows,
                taken.Count,
                () => FlowCodec.Write(records),
                [.. taken.SelectMany(flow => new[] { flow.Flow.Upstream, flow.Pin })],
                i => loop.Datagrams!.Mover.Attach(taken[i]),
                i => loop.Datagrams!.Mover.Left(taken[i])
            );
    }

    private FlowRecord Describe(Flow flow)
    {
        var endpoint = loop.Engine.Endpoints[flow.Endpoint];
        return new FlowRecord
        {
            Listener = loop.Engine.Listeners[flow.Listener].Name,
            Backend = endpoint.Backend,
            Endpoint = endpoint.Id,
            EndpointAddress = IPEndPoint.Parse(endpoint.Target.Text),
            Client = flow.Key.Client,
            Port = flow.Key.Port,
            Scope = (uint)(flow.Key.Rest >> 32),
            Local = flow.Key.Local,
            LastActive = flow.LastActive,
            Started = flow.Started,
            Received = flow.Received,
            Sent = flow.Sent,
            Requests = flow.Requests,
            Answers = flow.Answers,
            State = FlowCodec.Keep(flow.State),
        };
    }
}
