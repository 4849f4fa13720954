// Hot path: every datagram. See tests/benchmarks.
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

/// <summary>The UDP side of one loop: takes clients' datagrams in batches and passes each flow's on to its endpoint.</summary>
/// <remarks>Made when the loop gets its first UDP socket. For the loop's thread only, but for <see cref="Counters"/>.</remarks>
internal sealed unsafe class DatagramLoop : IDisposable
{
    /// <summary>Datagrams or bundles taken from a socket in one turn; what waits beyond comes in the next.</summary>
    private const int BatchSize = 64;

    /// <summary>How soon a flow that found no other endpoint looks again: a place may come free without news. In microseconds.</summary>
    private const long ReviewAfter = 1_000_000;

    private readonly RelayLoop _loop;
    private readonly MessageBatch _batch = new(BatchSize);
    private readonly short[] _next = new short[BatchSize];
    private readonly int[] _segments = new int[BatchSize];
    private readonly int[] _touched = new int[BatchSize];
    private readonly UpstreamSender _sender;
    private readonly ShardList _shards;
    private uint _batchNumber;
    private int _news;
    private long _reviewAt = long.MaxValue;

    public DatagramLoop(RelayLoop loop)
    {
        _loop = loop;
        Answers = new AnswerRelay(loop, this);
        Opener = new FlowOpener(loop, this);
        _sender = new UpstreamSender(loop, this);
        _shards = new ShardList(loop, this);
        Mover = new FlowMover(loop, this);
    }

    public FlowTable Flows { get; } = new();

    public DatagramCounters Counters { get; } = new();

    public AnswerRelay Answers { get; }

    public FlowOpener Opener { get; }

    public ShardList Shards => _shards;

    /// <summary>Changes when there may be something to say about the flows' endpoints. See <see cref="FlowOpener.Review"/>.</summary>
    public uint Epoch { get; private set; }

    public FlowMover Mover { get; }

    /// <summary>A socket of this side is ready for something.</summary>
    public void OnEvent(int descriptor, Channel* channel, uint events)
    {
        if (channel->Phase == ChannelPhase.Flow)
        {
            Answers.OnEvent(descriptor, channel, events);
        }
        else if (_shards[channel->Peer] is { } shard)
        {
            Receive(shard);
        }
    }

    /// <summary>The session timer of a flow is due.</summary>
    public void OnTimer(int descriptor, Channel* channel)
    {
        var flow = Flows[channel->Peer];
        var session = Opener.SessionTicks(flow->Listener);
        if (_loop.Tick - flow->LastActive >= session)
        {
            Opener.Close(channel->Peer, CloseReason.IdleTimeout);
            return;
        }

        _loop.Timers.Arm(descriptor, flow->LastActive + session);
    }

    /// <summary>A flow stays at an endpoint that is lost, for want of another: it is looked at again in a while.</summary>
    public void ReviewSoon() => _reviewAt = Math.Min(_reviewAt, _loop.Now + ReviewAfter);

    public void OnTurnEnd()
    {
        Answers.Flush();
        Opener.CloseEnded();
    }

    /// <summary>After a fault: what was taken in and not sent yet is lost, and its room is ready for the next.</summary>
    public void Recover()
    {
        _batch.Reset(0, BatchSize);
        Answers.Recover();
    }

    public void Count(int listener, DropReason reason, long datagrams) => Counters[listener]->Dropped[(int)reason] += datagrams;

    public void Dispose()
    {
        _batch.Dispose();
        Answers.Dispose();
        _sender.Dispose();
        Flows.Dispose();
    }

    /// <summary>Takes a batch of clients' datagrams and passes it on. Returns how many messages it took; -1: none.</summary>
    public int Receive(Shard shard)
    {
        var count = _batch.Receive(shard.Descriptor, 0, BatchSize);
        if (count < 0)
        {
            // Nothing after all, or the client of a pinned flow has closed its port.
            if (shard.IsPin)
            {
                _ = Libc.TakeError(shard.Descriptor);
            }

            return count;
        }

        _batchNumber++;
        var news = _loop.Engine.Endpoints.News.Number;
        if (news != _news || _loop.Now >= _reviewAt)
        {
            _news = news;
            _reviewAt = long.MaxValue;
            Epoch++;
        }

        var flows = 0;
        long bytes = 0,
            datagrams = 0;
        for (var i = 0; i < count; i++)
        {
            var header = _batch.Headers + i;
            var length = (int)header->Length;
            var segment = 0;
            var local = default(NetworkAddress);
            if (header->ControlLength > 0)
            {
                ControlMessages.Read(header->Control, header->ControlLength, ref local, ref segment);
            }

            var received = SegmentRun.CountOf(length, segment);
            bytes += length;
            datagrams += received;
            if ((header->Flags & MessageFlag.Truncated) != 0)
            {
                Count(shard.Listener, DropReason.Truncated, received);
                continue;
            }

            var handle = FlowOf(shard, header->Name, local);
            if (handle == 0)
            {
                Count(shard.Listener, DropReason.Refused, received);
                continue;
            }

            _segments[i] = segment;
            _next[i] = -1;
            if (Chain(handle, (short)i))
            {
                _touched[flows++] = handle;
            }
        }

        _loop.Counters[shard.Listener]->Traffic.Received += bytes;
        Counters[shard.Listener]->Received += datagrams;
        for (var i = 0; i < flows; i++)
        {
            _sender.Send(_touched[i], _batch, _next, _segments);
        }

        _batch.Reset(0, count);
        return count;
    }

    /// <summary>The flow of a datagram, a new one where there is none; 0: refused.</summary>
    private int FlowOf(Shard shard, byte* name, in NetworkAddress local)
    {
        var (client, port) = KernelAddress.Read(name);
        var scope = name[0] == SocketFlag.Inet6 ? *(uint*)(name + 24) : 0;
        if (shard.IsPin)
        {
            var pinned = Flows[shard.Flow];
            if (pinned->Key.Client == client && pinned->Key.Port == port)
            {
                Flows.Confirm(shard.Flow);
                return shard.Flow;
            }

            // What it took in before it was connected is another client's, who may be known here.
            return Flows.Find(new FlowKey(client, pinned->Key.Local, FlowKey.Pack(port, shard.Listener, scope)));
        }

        var key = new FlowKey(client, shard.Wildcard ? local : default, FlowKey.Pack(port, shard.Listener, scope));
        var handle = Flows.Find(key);
        if (handle != 0)
        {
            Flows.Confirm(handle);
            return handle;
        }

        return Opener.Open(shard, key, name);
    }

    /// <summary>Adds a message of the batch to its flow's; true for the flow's first.</summary>
    private bool Chain(int handle, short message)
    {
        var flow = Flows[handle];
        if (flow->Batch == _batchNumber)
        {
            _next[flow->Last] = message;
            flow->Last = message;
            return false;
        }

        flow->Batch = _batchNumber;
        flow->First = flow->Last = message;
        return true;
    }
}
