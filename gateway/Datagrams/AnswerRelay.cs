// Hot path: every datagram. See tests/benchmarks.
using System.Runtime.InteropServices;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

/// <summary>Takes endpoints' answers and sends those of many flows to their clients in one call.</summary>
/// <remarks>What is gathered goes out at the turn's end at the latest, and before any flow that it belongs to is closed.</remarks>
internal sealed unsafe class AnswerRelay : IDisposable
{
    private const int Slots = 64;

    /// <summary>Datagrams or bundles taken from one endpoint's socket at once, so that the other flows keep their turn.</summary>
    private const int PerRead = 16;
    private const int MaxReads = 4;

    private readonly RelayLoop _loop;
    private readonly DatagramLoop _owner;
    private readonly MessageBatch _batch = new(Slots);
    private readonly MessageHeader* _messages = (MessageHeader*)NativeMemory.AllocZeroed(Slots, (nuint)sizeof(MessageHeader));
    private readonly IoVector* _vectors = (IoVector*)NativeMemory.AllocZeroed(Slots, (nuint)sizeof(IoVector));
    private readonly byte* _controls = (byte*)NativeMemory.AllocZeroed(Slots, ControlMessages.MaxBytes);
    private readonly (int Flow, SegmentRun Run)[] _pending = new (int, SegmentRun)[Slots];
    private Shard? _shard;
    private int _slots;
    private int _count;

    public AnswerRelay(RelayLoop loop, DatagramLoop owner) => (_loop, _owner) = (loop, owner);

    /// <summary>An endpoint has answered, or the network says that it is gone.</summary>
    public void OnEvent(int descriptor, Channel* channel, uint events)
    {
        var handle = channel->Peer;
        var error = 0;
        if ((events & Epoll.Error) != 0)
        {
            error = Libc.TakeError(descriptor);
            DropErrors(descriptor);
        }

        // Not by number: that of one that is gone is given again.
        var shard = _owner.Shards[_owner.Flows[handle]->Shard];
        if (_shard != shard)
        {
            Flush();
            _shard = shard;
        }

        for (var reads = 0; ; reads++)
        {
            if (reads == MaxReads)
            {
                _loop.Queue(descriptor);
                break;
            }

            if (Slots - _slots < PerRead)
            {
                Flush();
            }

            var count = _batch.Receive(descriptor, _slots, PerRead);
            if (count < 0)
            {
                var failure = Libc.LastError;
                error = UdpErrno.IsUnreachable(failure) ? failure : error;
                break;
            }

            Gather(handle, count);
            if (count < PerRead)
            {
                break;
            }
        }

        if (UdpErrno.IsUnreachable(error))
        {
            _owner.Opener.Reopen(handle);
        }
    }

    /// <summary>Sends what is gathered.</summary>
    public void Flush()
    {
        if (_count == 0)
        {
            return;
        }

        var shard = _shard!;
        for (var at = 0; at < _count; )
        {
            var sent = DatagramCalls.SendMany(
                shard.Descriptor,
                _messages + at,
                (uint)(_count - at),
                SocketFlag.NoSignal | MessageFlag.DontWait
            );
            var error = sent < 0 ? Libc.LastError : 0;
            for (var i = 0; i < sent; i++)
            {
                CountSent(_pending[at + i].Flow, _pending[at + i].Run.Count, _pending[at + i].Run.Bytes);
            }

            at += Math.Max(sent, 0);
            if (sent < 0)
            {
                OnRefused(shard, at, error);
                at++;
            }
        }

        _batch.Reset(0, _slots);
        _slots = _count = 0;
    }

    /// <summary>Drops what is gathered, after a fault.</summary>
    public void Recover()
    {
        _batch.Reset(0, Slots);
        _slots = _count = 0;
    }

    public void Dispose()
    {
        _batch.Dispose();
        NativeMemory.Free(_messages);
        NativeMemory.Free(_vectors);
        NativeMemory.Free(_controls);
    }

    private void Gather(int handle, int count)
    {
        var flow = _owner.Flows[handle];
        if ((flow->State & FlowState.Answered) == FlowState.None)
        {
            _owner.Opener.Answered(flow);
        }

        flow->LastActive = _loop.Tick;
        var end = _slots + count;
        while (_slots < end)
        {
            var first = _slots;
            var run = default(SegmentRun);
            while (_slots < end)
            {
                var header = _batch.Headers + _slots;
                var segment = 0;
                var none = default(NetworkAddress);
                ControlMessages.Read(header->Control, header->ControlLength, ref none, ref segment);
                if ((!_loop.Engine.Datagrams.Segmentation && run.Count > 0) || !run.TryAdd((int)header->Length, segment))
                {
                    break;
                }

                _vectors[_slots] = new IoVector { Base = _batch.Data(_slots), Length = header->Length };
                _slots++;
            }

            Add(handle, flow, first, run);
        }

        _owner.Opener.CountAnswers(handle, flow);
    }

    private void Add(int handle, Flow* flow, int slot, SegmentRun run)
    {
        var message = _messages + _count;
        var control = _controls + (_count * ControlMessages.MaxBytes);
        nuint length = 0;
        if (_shard!.Wildcard)
        {
            length = ControlMessages.WriteLocal(control, flow->Key.Local, _shard.Family);
        }

        if (run.Count > 1)
        {
            length += ControlMessages.WriteSegment(control + length, run.Segment);
        }

        *message = new MessageHeader
        {
            Name = (byte*)&flow->Client,
            NameLength = flow->Client.Length,
            Vectors = _vectors + slot,
            VectorCount = (nuint)(_slots - slot),
            Control = length == 0 ? null : control,
            ControlLength = length,
        };
        _pending[_count++] = (handle, run);
        flow->Answers += run.Count;
        _loop.Counters.Backend(flow->Backend)->Received += run.Bytes;
    }

    /// <summary>The kernel did not take a message.</summary>
    private void OnRefused(Shard shard, int at, int error)
    {
        var (handle, run) = _pending[at];
        var listener = _owner.Flows[handle]->Listener;
        if (run.Count == 1 || DropReasons.OfSend(error) == DropReason.SendBuffer)
        {
            _owner.Count(listener, DropReasons.OfSend(error), run.Count);
            return;
        }

        // The device cannot cut bundles, or the datagrams are longer than its packets: one by one they may be cut as IP does it.
        var message = _messages[at];
        var vectors = message.Vectors;
        var withoutSegment = message.ControlLength - ControlMessages.SegmentBytes;
        for (nuint i = 0; i < message.VectorCount; i++)
        {
            for (nuint sent = 0; sent < vectors[i].Length; sent += (nuint)run.Segment)
            {
                var part = new IoVector { Base = vectors[i].Base + sent, Length = Math.Min(vectors[i].Length - sent, (nuint)run.Segment) };
                var single = message with
                {
                    Vectors = &part,
                    VectorCount = 1,
                    Control = withoutSegment == 0 ? null : message.Control,
                    ControlLength = withoutSegment,
                };
                if (DatagramCalls.SendMessage(shard.Descriptor, &single, SocketFlag.NoSignal | MessageFlag.DontWait) >= 0)
                {
                    CountSent(handle, 1, (int)part.Length);
                }
                else
                {
                    _owner.Count(listener, DropReasons.OfSend(Libc.LastError), 1);
                }
            }
        }
    }

    private void CountSent(int handle, int datagrams, int bytes)
    {
        var flow = _owner.Flows[handle];
        flow->Sent += bytes;
        if (flow->Country != 0)
        {
            _loop.Countries.CountBytes(flow->Country, bytes, fromClient: false);
        }

        _loop.Counters[flow->Listener]->Traffic.Sent += bytes;
        _owner.Counters[flow->Listener]->Sent += datagrams;
    }

    /// <summary>Empties the error queue (IP_RECVERR), which would count against the socket's memory.</summary>
    private static void DropErrors(int descriptor)
    {
        var header = default(MessageHeader);
        for (
            var i = 0;
            i < 16 && DatagramCalls.ReceiveMessage(descriptor, &header, MessageFlag.ErrorQueue | MessageFlag.DontWait) >= 0;
            i++
        )
        {
            header = default;
        }
    }
}
