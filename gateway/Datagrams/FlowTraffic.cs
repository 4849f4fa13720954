using Mooring.Gateway.Listeners;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Datagrams;

/// <summary>What flows add to the histograms and the ends by reason that connections fill too.</summary>
internal static unsafe class FlowTraffic
{
    /// <summary>The endpoint has answered for the first time.</summary>
    public static void FirstAnswer(RelayLoop loop, Flow* flow)
    {
        var taken = loop.Now - flow->Started;
        loop.Counters[flow->Listener]->Traffic.FirstByte.Record(DurationBounds.Latency, taken);
        loop.Counters.Backend(flow->Backend)->FirstByte.Record(DurationBounds.Latency, taken);
    }

    public static void Closed(RelayLoop loop, Flow* flow, CloseReason reason)
    {
        var lasted = loop.Now - flow->Started;
        Count(&loop.Counters[flow->Listener]->Traffic, lasted, reason);
        Count(loop.Counters.Backend(flow->Backend), lasted, reason);
    }

    private static void Count(TrafficTotals* totals, long lasted, CloseReason reason)
    {
        totals->Closed[(int)reason]++;
        totals->Session.Record(DurationBounds.Session, lasted);
    }
}
