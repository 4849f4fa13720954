// Hot path: per flow. See tests/benchmarks.
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

/// <summary>Opens flows within the limits, moves them off endpoints that are gone, and closes them.</summary>
internal sealed unsafe partial class FlowOpener(RelayLoop loop, DatagramLoop owner)
{
    /// <summary>A flow whose client has sent one datagram only gives way to a new one when it is this old. In microseconds.</summary>
    private const long EvictableAfter = 1_000_000;

    /// <summary>Unconfirmed flows looked at for one of the listener that is full.</summary>
    private const int EvictionTries = 16;

    /// <summary>Of flows that outlive their listener's config: 60 s.</summary>
    private const uint DefaultSessionTicks = 60_000 / TimerWheel.TickMilliseconds;

    private readonly List<int> _ended = [];

    public uint SessionTicks(int listener) => SetupOf(listener)?.Config.IdleTicks ?? DefaultSessionTicks;

    /// <summary>Null where the listener is gone, or one that is not of UDP has its name now.</summary>
    private ListenerSetup? SetupOf(int listener) =>
        loop.Engine.Listeners[listener].Setup is { Config.Protocol: ListenerProtocol.UDP } setup ? setup : null;

    /// <summary>A new flow for a client; 0, counted, where it is refused.</summary>
    public int Open(Shard shard, in FlowKey key, byte* name)
    {
        var engine = loop.Engine;
        var listener = engine.Listeners[shard.Listener];
        var setup = SetupOf(shard.Listener);
        var refusal = loop.Admission.TakeFlow(listener, setup, key.Client);
        if (
            refusal is RefusalReason.Capacity or RefusalReason.FleetCapacity or RefusalReason.ListenerCapacity
            && Evict(refusal == RefusalReason.ListenerCapacity ? key.Listener : -1)
        )
        {
            refusal = loop.Admission.TakeFlow(listener, setup, key.Client);
        }

        if (refusal is not null)
        {
            listener.CountRefusal(refusal.Value);
            return 0;
        }

        var handle = owner.Flows.Add(key);
        var flow = owner.Flows[handle];
        flow->Client = KernelAddress.Copy(name);
        flow->Shard = shard.Number;
        flow->Started = loop.Now;
        flow->LastActive = loop.Tick;
        flow->Reviewed = owner.Epoch;
        flow->Country = loop.Countries.IsOn ? loop.Countries.Entered(key.Client, isNew: true) : (ushort)0;
        flow->Upstream = -1;
        flow->Endpoint = flow->FirstTried = flow->SecondTried = -1;
        if (!Connect(handle, flow, setup!.Backend!))
        {
            listener.CountRefusal(
                _exhausted ? (_portless ? RefusalReason.LocalPorts : RefusalReason.Resources)
                : flow->FirstTried >= 0 ? RefusalReason.ConnectFailed
                : setup.Backend!.WhyNone(loop.Now)
            );
            Release(flow);
            owner.Flows.Remove(handle);
            return 0;
        }

        loop.Counters[key.Listener]->Traffic.Connections++;
        return handle;
    }

    /// <summary>The first answer of the endpoint at hand: it lives.</summary>
    public void Answered(Flow* flow)
    {
        if (flow->Answers == 0)
        {
            FlowTraffic.FirstAnswer(loop, flow);
        }

        flow->State |= FlowState.Answered;
        flow->FirstTried = flow->SecondTried = -1;
        flow->Failures = 0;
        loop.Engine.Endpoints[flow->Endpoint].ConnectSucceeded(loop.Now);
    }

    /// <summary>Ends the flow after this turn where its listener says that it has had its answers.</summary>
    public void CountAnswers(int handle, Flow* flow)
    {
        var responses = SetupOf(flow->Listener)?.Config.Udp?.Responses ?? 0;
        if (responses > 0 && flow->Answers >= responses * flow->Requests && (flow->State & FlowState.Ended) == FlowState.None)
        {
            flow->State |= FlowState.Ended;
            _ended.Add(handle);
        }
    }

    /// <summary>Closes the flows that have had their answers. Nothing of theirs may wait to be sent.</summary>
    public void CloseEnded()
    {
        foreach (var handle in _ended)
        {
            var flow = owner.Flows[handle];
            // It may have been closed for another reason meanwhile, and the place be another flow's.
            if ((flow->State & FlowState.Ended) == FlowState.None)
            {
                continue;
            }

            flow->State &= ~FlowState.Ended;
            var responses = SetupOf(flow->Listener)?.Config.Udp?.Responses ?? 0;
            if (responses > 0 && flow->Answers >= responses * flow->Requests)
            {
                Close(handle, CloseReason.BackendClosed);
            }
        }

        _ended.Clear();
    }

    /// <summary>Ends a flow. What was gathered of its answers goes out first.</summary>
    public void Close(int handle, CloseReason reason)
    {
        owner.Answers.Flush();
        var flow = owner.Flows[handle];
        var endpoint = flow->Endpoint >= 0 ? flow->Endpoint : flow->FirstTried;
        loop.Engine.AccessLog?.Offer(
            new AccessRecord
            {
                Listener = loop.Engine.Listeners[flow->Listener],
                Endpoint = endpoint >= 0 ? loop.Engine.Endpoints[endpoint] : null,
                ClientAddress = flow->Key.Client,
                ClientPort = flow->Key.Port,
                Started = flow->Started,
                DurationMicroseconds = loop.Now - flow->Started,
                Received = flow->Received,
                Sent = flow->Sent,
                Reason = reason,
            }
        );
        FlowTraffic.Closed(loop, flow, reason);
        Disconnect(flow);
        Release(flow);
        owner.Shards.OnClosed(flow);
        owner.Flows.Remove(handle);
    }

    private void Release(Flow* flow)
    {
        loop.Countries.Left(flow->Country);
        loop.Admission.Release(flow->Listener, flow->Key.Client);
    }

    /// <summary>Makes room: the oldest flow whose client never sent a second datagram goes. False: there is none.</summary>
    /// <param name="listener">Whose flow it must be; -1: any.</param>
    private bool Evict(int listener)
    {
        var handle = owner.Flows.OldestUnconfirmed;
        for (var i = 0; i < EvictionTries && handle != 0; i++)
        {
            var flow = owner.Flows[handle];
            if (loop.Now - flow->Started < EvictableAfter)
            {
                return false;
            }

            if (listener < 0 || flow->Listener == listener)
            {
                Close(handle, CloseReason.Evicted);
                return true;
            }

            handle = flow->Newer;
        }

        return false;
    }
}
