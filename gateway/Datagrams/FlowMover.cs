using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

/// <summary>Takes flows out of a loop's hands with their sockets, and takes them in. For the loop's thread only.</summary>
/// <remarks>
/// A flow that was taken out is in no table and its sockets are watched no more: what the client and the endpoint send waits in them. Its
/// places in the limits it keeps until it has left. Only flows with a socket of their own on either side can go: see <see cref="ShardList"/>.
/// </remarks>
internal sealed unsafe class FlowMover(RelayLoop loop, DatagramLoop owner)
{
    /// <summary>The flow has a pin, and is not about to end.</summary>
    public bool IsMovable(int handle)
    {
        var flow = owner.Flows[handle];
        return flow->Upstream >= 0 && (flow->State & FlowState.Ended) == FlowState.None && owner.Shards[flow->Shard]!.IsPin;
    }

    /// <summary>Takes the flow out.</summary>
    public DetachedFlow Detach(int handle)
    {
        owner.Answers.Flush();
        var flow = owner.Flows[handle];
        var pin = owner.Shards[flow->Shard]!;
        var taken = new DetachedFlow(*flow, pin.Descriptor);
        var channel = loop.Table[flow->Upstream];
        loop.Timers.Disarm(flow->Upstream);
        loop.Unqueue(flow->Upstream);
        loop.Unregister(flow->Upstream);
        channel->Kind = ChannelKind.None;
        channel->Loop = 0;
        loop.Countries.Left(flow->Country);
        loop.Admission.Suspend(flow->Key.Client);
        owner.Shards.Detach(pin);
        owner.Flows.Remove(handle);
        return taken;
    }

    /// <summary>Another process has the flow: gives back what it held here, and closes this process's descriptors.</summary>
    public void Left(DetachedFlow left)
    {
        var flow = left.Flow;
        loop.Engine.Endpoints[flow.Endpoint].Release();
        loop.Admission.ReleaseSuspended(flow.Listener, flow.Key.Client);
        loop.CloseLater(flow.Upstream);
        loop.CloseLater(left.Pin);
    }

    /// <summary>Takes a flow of another process in, whatever the limits say: it was admitted already. Its endpoint's place is taken.</summary>
    public void Adopt(in DetachedFlow arrived)
    {
        var flow = arrived.Flow;
        var endpoint = loop.Engine.Endpoints[flow.Endpoint];
        if (FlowOpener.IsElsewhere(&flow, endpoint))
        {
            // It moved before this process knew it: the flow follows with its client's next datagram.
            endpoint.NoteMoved();
        }

        loop.Admission.AdoptSuspended(flow.Listener, flow.Key.Client);
        Attach(arrived, isNew: true);
    }

    /// <summary>Serves the flow from here on. Where the kernel refuses, it is closed.</summary>
    public void Attach(in DetachedFlow arrived, bool isNew = false)
    {
        var handle = owner.Flows.Add(arrived.Flow.Key);
        var flow = owner.Flows[handle];
        // What the table itself wrote stays.
        var (hash, next, older, newer) = (flow->Hash, flow->Next, flow->Older, flow->Newer);
        *flow = arrived.Flow;
        (flow->Hash, flow->Next, flow->Older, flow->Newer) = (hash, next, older, newer);
        flow->Batch = 0;
        flow->Reviewed = owner.Epoch - 1;
        flow->State &= FlowState.Answered;
        loop.Admission.Resume(flow->Key.Client);
        flow->Country = loop.Countries.IsOn ? loop.Countries.Entered(flow->Key.Client, isNew) : (ushort)0;
        if ((arrived.Flow.State & FlowState.Confirmed) != FlowState.None)
        {
            owner.Flows.Confirm(handle);
        }

        var channel = loop.Table.Claim(flow->Upstream, ChannelKind.Datagram, ChannelPhase.Flow);
        channel->Peer = handle;
        channel->Loop = loop.Owner;
        channel->Started = flow->Started;
        channel->Listener = flow->Listener;
        var pin = owner.Shards.Attach(arrived.Pin, flow->Client.Family, flow->Listener, handle);
        flow->Shard = pin?.Number ?? -1;
        if (pin is null)
        {
            _ = Libc.Close(arrived.Pin);
        }

        // Watched anew, each socket tells at once what has come meanwhile.
        if (pin is null || !loop.RegisterInput(flow->Upstream, edge: true))
        {
            owner.Opener.Close(handle, CloseReason.Resources);
            return;
        }

        var due = flow->LastActive + owner.Opener.SessionTicks(flow->Listener);
        loop.Timers.Arm(flow->Upstream, (int)(due - loop.Tick) > 0 ? due : loop.Tick + 1);
    }
}

/// <summary>A flow between two loops.</summary>
/// <param name="Flow">As it was; its own socket, endpoint and backend are the taker's already.</param>
/// <param name="Pin">The socket that its client's datagrams come in by.</param>
internal readonly record struct DetachedFlow(Flow Flow, int Pin);
