using Mooring.Contracts.Handover;
using Mooring.Gateway.Datagrams;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Handover;

/// <summary>Takes UDP flows of another process into one loop.</summary>
internal static unsafe class FlowArrivals
{
    /// <summary>The two are sockets of a flow: UDP, the second connected to its client.</summary>
    public static bool Fit(FlowRecord record, DescriptorHandle[] descriptors)
    {
        if (!Array.TrueForAll(descriptors, descriptor => DatagramSocket.Is(descriptor.Descriptor)))
        {
            return false;
        }

        var bytes = stackalloc byte[KernelAddress.MaxBytes];
        uint length = KernelAddress.MaxBytes;
        return Libc.GetPeerName(descriptors[1].Descriptor, bytes, &length) == 0
            && KernelAddress.Read(bytes) == (record.Client, record.Port);
    }

    /// <summary>Takes the flow on: its descriptors are the loop's from now on. For the loop's thread only.</summary>
    public static void Settle(RelayLoop loop, Arrival arrival, FlowRecord record)
    {
        var (upstream, pin) = (arrival.Descriptors[0].Release(), arrival.Descriptors[1].Release());
        var bytes = stackalloc byte[KernelAddress.MaxBytes];
        uint length = KernelAddress.MaxBytes;
        _ = Libc.GetPeerName(pin, bytes, &length);
        var flow = new Flow
        {
            Key = new FlowKey(record.Client, record.Local, FlowKey.Pack(record.Port, arrival.Listener.Index, record.Scope)),
            Client = KernelAddress.Copy(bytes),
            Upstream = upstream,
            Endpoint = arrival.Endpoint.Index,
            Backend = arrival.Endpoint.BackendIndex,
            FirstTried = -1,
            SecondTried = -1,
            LastActive = record.LastActive,
            Started = record.Started,
            Received = record.Received,
            Sent = record.Sent,
            Requests = record.Requests,
            Answers = record.Answers,
            State = record.State,
        };
        loop.StartDatagrams().Mover.Adopt(new DetachedFlow(flow, pin));
    }
}
