// Hot path: every datagram. See tests/benchmarks.
using System.Runtime.InteropServices;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

/// <summary>Sends what one batch has for a flow to its endpoint: what can go as a bundle, in one call.</summary>
internal sealed unsafe class UpstreamSender : IDisposable
{
    private readonly RelayLoop _loop;
    private readonly DatagramLoop _owner;
    private readonly IoVector* _vectors = (IoVector*)NativeMemory.Alloc(SegmentRun.MaxSegments, (nuint)sizeof(IoVector));
    private readonly byte* _control = (byte*)NativeMemory.AllocZeroed(ControlMessages.MaxBytes);
    private readonly MessageHeader* _header = (MessageHeader*)NativeMemory.AllocZeroed((nuint)sizeof(MessageHeader));

    public UpstreamSender(RelayLoop loop, DatagramLoop owner) => (_loop, _owner) = (loop, owner);

    /// <summary>Sends the flow's chain of messages in their order.</summary>
    public void Send(int handle, MessageBatch batch, short[] next, int[] segments)
    {
        var flow = _owner.Flows[handle];
        flow->LastActive = _loop.Tick;
        if (flow->Reviewed != _owner.Epoch)
        {
            _owner.Opener.Review(handle);
        }

        for (int at = flow->First; at >= 0; )
        {
            var run = default(SegmentRun);
            var vectors = 0;
            while (at >= 0 && run.TryAdd((int)batch.Headers[at].Length, segments[at]))
            {
                _vectors[vectors++] = new IoVector { Base = batch.Data(at), Length = batch.Headers[at].Length };
                at = next[at];
            }

            flow->Received += run.Bytes;
            if (flow->Country != 0)
            {
                _loop.Countries.CountBytes(flow->Country, run.Bytes, fromClient: true);
            }

            flow->Requests += run.Count;
            _loop.Counters.Backend(flow->Backend)->Sent += run.Bytes;
            if (run.Count == 1 || !_loop.Engine.Datagrams.Segmentation || !TrySendBundle(flow, vectors, run))
            {
                if (!SendSingly(handle, flow, vectors, run))
                {
                    return;
                }
            }
        }
    }

    public void Dispose()
    {
        NativeMemory.Free(_vectors);
        NativeMemory.Free(_control);
        NativeMemory.Free(_header);
    }

    /// <summary>False: nothing was sent, and it is worth trying datagram by datagram.</summary>
    private bool TrySendBundle(Flow* flow, int vectors, SegmentRun run)
    {
        *_header = new MessageHeader
        {
            Vectors = _vectors,
            VectorCount = (nuint)vectors,
            Control = _control,
            ControlLength = ControlMessages.WriteSegment(_control, run.Segment),
        };
        if (DatagramCalls.SendMessage(flow->Upstream, _header, SocketFlag.NoSignal) >= 0)
        {
            return true;
        }

        var reason = DropReasons.OfSend(Libc.LastError);
        if (reason == DropReason.SendBuffer)
        {
            _owner.Count(flow->Listener, reason, run.Count);
            return true;
        }

        // The device cannot cut it, or the datagrams are longer than its packets; or the endpoint is gone, which the next send handles.
        if (reason == DropReason.Unreachable)
        {
            _owner.Opener.Unreachable(flow);
        }

        return false;
    }

    /// <summary>False: the flow is gone, and with it what else it had.</summary>
    private bool SendSingly(int handle, Flow* flow, int vectors, SegmentRun run)
    {
        for (var i = 0; i < vectors; i++)
        {
            var at = _vectors[i].Base;
            var left = (int)_vectors[i].Length;
            do
            {
                var size = Math.Min(left, run.Segment);
                if (!SendOne(handle, flow, at, size))
                {
                    return false;
                }

                at += size;
                left -= size;
            } while (left > 0);
        }

        return true;
    }

    private bool SendOne(int handle, Flow* flow, byte* data, int length)
    {
        for (var again = false; ; )
        {
            if (flow->Upstream >= 0 && Libc.Send(flow->Upstream, data, (nuint)length, SocketFlag.NoSignal) >= 0)
            {
                return true;
            }

            var reason = flow->Upstream < 0 ? DropReason.Unreachable : DropReasons.OfSend(Libc.LastError);
            if (reason == DropReason.TooLarge && !again)
            {
                // It may be told of a datagram before (ICMP: fragmentation needed), and not of this one, which the kernel would cut by what it knows now.
                again = true;
                continue;
            }

            if (reason != DropReason.Unreachable)
            {
                _owner.Count(flow->Listener, reason, 1);
                return true;
            }

            // What the kernel tells is of a datagram before; this one was not sent, and goes to another endpoint.
            var listener = flow->Listener;
            if (!_owner.Opener.Reopen(handle))
            {
                _owner.Count(listener, reason, 1);
                return false;
            }
        }
    }
}
