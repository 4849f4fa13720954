// Hot path: every event. See tests/benchmarks.
using System.Runtime.CompilerServices;
using Mooring.Gateway.Limits.Overload;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>Moves bytes both ways between a client and its upstream, unseen.</summary>
/// <remarks>
/// A read fills the loop's one buffer and is written on at once; only what the other side does not take is copied aside, and reading
/// stops until that has gone. So at most one buffer or pipe is pending per direction. A read shorter than asked for means the socket is
/// drained, which spares the read that would say so; but an event that says the peer has ended is read to its end, since no other
/// event will come for it. Large reads go on through a pipe by <c>splice</c>.
/// </remarks>
internal sealed unsafe class Pump(RelayLoop loop)
{
    /// <summary>A read of this size is bulk: two more system calls per turn pay from here on (measured).</summary>
    private const int BulkBytes = 16 * 1024;

    /// <summary>What fits into one segment whatever the path: the least MSS of IPv4 (RFC 9293 §3.7.1), less options.</summary>
    private const int OneSegmentBytes = 512;

    /// <summary>Reads per event before the loop's other connections get their turn.</summary>
    private const int MaxReads = 8;

    private long _pendingBudget = PendingBudget.Most;

    /// <summary>A write has failed, and what was said before is being passed on: another failure meanwhile ends that.</summary>
    private bool _passesLast;

    /// <summary>Bytes to ask a socket for now.</summary>
    public int ReadSize => loop.Pending.BytesInUse < Volatile.Read(ref _pendingBudget) ? loop.ReadBytes : 4096;

    /// <summary>With this much pending in the loop, reads get small, so that slow readers cannot take all memory. Thread-safe.</summary>
    public void SetPendingBudget(long bytes) => Volatile.Write(ref _pendingBudget, bytes);

    public void OnEvent(int descriptor, Channel* channel, uint events)
    {
        if ((events & Epoll.Out) != 0 && channel->Pending != 0)
        {
            OnWritable(descriptor, channel);
            if (channel->Kind == ChannelKind.None)
            {
                return;
            }

            // Backed up or not, what the same event says of the other direction is said once.
        }

        if ((events & (Epoll.In | Epoll.ReadHangUp | Epoll.HangUp | Epoll.Error)) == 0 || channel->Has(ChannelFlags.ReadEnded))
        {
            if ((events & Epoll.Error) != 0)
            {
                Fail(descriptor, channel);
            }

            return;
        }

        var peer = loop.Table[channel->Peer];
        if (peer->Pending != 0)
        {
            // The edge is spent; the flush over there comes back for the data.
            channel->Flags |= ChannelFlags.ReadPaused;
            if ((events & Epoll.Error) != 0)
            {
                Fail(descriptor, channel);
            }
            else if (!channel->Has(ChannelFlags.Muted))
            {
                // Where the sender goes on until the kernel's buffer is full, each segment would wake the loop for nothing.
                loop.WatchInput(descriptor, watch: false);
            }

            return;
        }

        Run(descriptor, channel, (events & (Epoll.ReadHangUp | Epoll.HangUp | Epoll.Error)) != 0);
    }

    /// <summary>Reads from <paramref name="descriptor"/> and writes to its peer, to which nothing is pending.</summary>
    /// <param name="descriptor">Where to read.</param>
    /// <param name="source">Its channel.</param>
    /// <param name="toEnd">A short read does not mean drained: an end of stream may be behind it.</param>
    public void Run(int descriptor, Channel* source, bool toEnd)
    {
        var target = source->Peer;
        var sink = loop.Table[target];
        Touch(source, sink);
        for (var reads = 0; reads < MaxReads; reads++)
        {
            if (source->Has(ChannelFlags.Bulk) && !Splice(descriptor, source, target, sink))
            {
                return;
            }

            var wanted = ReadSize;
            if (source->Has(ChannelFlags.Shaped) && (wanted = loop.Shaper.Allow(descriptor, source, wanted)) == 0)
            {
                return;
            }

            var count = loop.Receive(descriptor, source, wanted);
            if (count <= 0)
            {
                OnNoData(descriptor, source, count == 0 ? 0 : Libc.LastError);
                return;
            }

            loop.Traffic.Received(source, count);
            if (!sink->NoDelay && sink->Kind == ChannelKind.Upstream && (source->Received != count || count > OneSegmentBytes))
            {
                SetNoDelay(target, sink);
            }

            var written = loop.Send(target, sink, loop.ReadBuffer, count);
            if (written < count)
            {
                if (written < 0)
                {
                    if (Libc.LastError != Errno.EAGAIN)
                    {
                        FailWriting(target, sink);
                        return;
                    }

                    written = 0;
                }

                sink->Pending = loop.Pending.Store(loop.ReadBuffer + written, count - written);
                source->Flags |= ChannelFlags.ReadPaused;
                return;
            }

            if (count < wanted && !toEnd)
            {
                if (count >= BulkBytes)
                {
                    StartBulk(source, target, sink);
                }

                return;
            }

            if (count >= BulkBytes)
            {
                StartBulk(source, target, sink);
            }
        }

        loop.Queue(descriptor);
    }

    /// <summary>Lets large reads go on through a pipe.</summary>
    /// <remarks>
    /// Where bytes go to a process on this host, there is no path to be gentle to: a congestion control that paces (BBR) costs a fifth of
    /// the CPU there, for timers (measured). Reno does not pace, is in every kernel, and is allowed to everyone.
    /// </remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void StartBulk(Channel* source, int target, Channel* sink)
    {
        source->Flags |= ChannelFlags.Bulk;
        if (sink->Has(ChannelFlags.PaceChosen))
        {
            return;
        }

        sink->Flags |= ChannelFlags.PaceChosen;
        var local =
            sink->Kind == ChannelKind.Client ? sink->Address.IsLoopback : loop.Engine.Endpoints[sink->Endpoint].Target.Address.IsLoopback;
        if (local)
        {
            var reno = stackalloc byte[] { (byte)'r', (byte)'e', (byte)'n', (byte)'o' };
            _ = Libc.SetSocketOption(target, SocketLevel.Tcp, SocketOption.TcpCongestion, reno, 4);
        }
    }

    /// <summary>Switches off Nagle's algorithm on an upstream, before its second write.</summary>
    /// <remarks>
    /// It holds back a small segment only behind one that is not acknowledged yet. So the first write, if it is one segment, does
    /// without this system call, and a connection of one request never makes it.
    /// </remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void SetNoDelay(int descriptor, Channel* upstream)
    {
        upstream->NoDelay = true;
        Libc.SetOption(descriptor, SocketLevel.Tcp, SocketOption.TcpNoDelay, 1);
    }

    /// <summary>Writes what is pending, and goes on reading what waited for it. The connection may be gone when this returns.</summary>
    public void OnWritable(int descriptor, Channel* channel)
    {
        var flushed = channel->Has(ChannelFlags.PendingPipe) ? FlushPipe(descriptor, channel) : FlushBuffer(descriptor, channel);
        if (!flushed)
        {
            return;
        }

        if (channel->Has(ChannelFlags.ShutdownAfterFlush))
        {
            channel->Flags &= ~ChannelFlags.ShutdownAfterFlush;
            EndWriting(descriptor, channel);
            return;
        }

        var peer = loop.Table[channel->Peer];
        if (peer->Has(ChannelFlags.ReadPaused))
        {
            peer->Flags &= ~ChannelFlags.ReadPaused;
            // What ended over there meanwhile is not known any more, so read on until there is nothing.
            if (channel->Phase == ChannelPhase.WebSocket)
            {
                loop.Frames.Run(channel->Peer, peer, toEnd: true);
            }
            else
            {
                Run(channel->Peer, peer, toEnd: true);
            }

            if (peer->Kind != ChannelKind.None && peer->Has(ChannelFlags.Muted) && !peer->Has(ChannelFlags.ReadPaused))
            {
                loop.WatchInput(channel->Peer, watch: true);
            }
        }
    }

    /// <summary>Writes the pending buffer. True when nothing is left.</summary>
    public bool FlushBuffer(int descriptor, Channel* channel)
    {
        var left = loop.Pending.Peek(channel->Pending);
        fixed (byte* data = left)
        {
            var written = loop.Send(descriptor, channel, data, left.Length);
            if (written < 0)
            {
                if (Libc.LastError != Errno.EAGAIN)
                {
                    FailWriting(descriptor, channel);
                }

                return false;
            }

            if (channel->Peer >= 0)
            {
                Touch(channel, loop.Table[channel->Peer]);
            }

            if (!loop.Pending.Consume(channel->Pending, written))
            {
                return false;
            }
        }

        channel->Pending = 0;
        return true;
    }

    private bool FlushPipe(int descriptor, Channel* channel)
    {
        var handle = channel->Pending;
        switch (Drain(handle, descriptor))
        {
            case Drained.Blocked:
                Touch(channel, loop.Table[channel->Peer]);
                return false;
            case Drained.Failed:
                FailWriting(descriptor, channel);
                return false;
            default:
                channel->Pending = 0;
                channel->Flags &= ~ChannelFlags.PendingPipe;
                loop.Pipes.Return(handle);
                return true;
        }
    }

    /// <summary>Moves bulk data through a pipe. True: go on with plain reads.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Splice(int from, Channel* source, int to, Channel* sink)
    {
        // What goes through TLS has to come up here.
        var handle = source->Has(ChannelFlags.Tls) || sink->Has(ChannelFlags.Tls) ? 0 : loop.Pipes.Rent();
        if (handle == 0)
        {
            source->Flags &= ~ChannelFlags.Bulk;
            return true;
        }

        for (var moves = 0; moves < MaxReads; moves++)
        {
            ref var pipe = ref loop.Pipes[handle];
            var wanted = PipePool.PipeBytes;
            if (source->Has(ChannelFlags.Shaped) && (wanted = loop.Shaper.Allow(from, source, wanted)) == 0)
            {
                loop.Pipes.Return(handle);
                return false;
            }

            var count = (int)Libc.Splice(from, null, pipe.WriteEnd, null, (nuint)wanted, PipeFlag.SpliceMove | PipeFlag.SpliceNonBlocking);
            if (count <= 0)
            {
                var error = count == 0 ? 0 : Libc.LastError;
                loop.Pipes.Return(handle);
                if (error is Errno.EINVAL)
                {
                    source->Flags &= ~ChannelFlags.Bulk;
                    return true;
                }

                OnNoData(from, source, error);
                return false;
            }

            loop.Traffic.Received(source, count);
            if (!sink->NoDelay && sink->Kind == ChannelKind.Upstream)
            {
                SetNoDelay(to, sink);
            }

            pipe.Filled = count;
            switch (Drain(handle, to))
            {
                case Drained.Blocked:
                    sink->Pending = handle;
                    sink->Flags |= ChannelFlags.PendingPipe;
                    source->Flags |= ChannelFlags.ReadPaused;
                    return false;
                case Drained.Failed:
                    loop.Pipes.Return(handle);
                    FailWriting(to, sink);
                    return false;
            }

            if (count < BulkBytes)
            {
                source->Flags &= ~ChannelFlags.Bulk;
                loop.Pipes.Return(handle);
                return true;
            }
        }

        loop.Pipes.Return(handle);
        loop.Queue(from);
        return false;
    }

    private Drained Drain(int handle, int to)
    {
        ref var pipe = ref loop.Pipes[handle];
        while (pipe.Filled > 0)
        {
            var count = (int)
                Libc.Splice(pipe.ReadEnd, null, to, null, (nuint)pipe.Filled, PipeFlag.SpliceMove | PipeFlag.SpliceNonBlocking);
            if (count < 0)
            {
                return Libc.LastError == Errno.EAGAIN ? Drained.Blocked : Drained.Failed;
            }

            pipe.Filled -= count;
        }

        return Drained.Empty;
    }

    /// <summary>A read gave nothing: the end of the stream (0), nothing more for now, or a failure. False when the connection is gone.</summary>
    public bool OnNoData(int descriptor, Channel* source, int error)
    {
        if (error is Errno.EAGAIN or Errno.EINTR)
        {
            return true;
        }

        if (error != 0)
        {
            Fail(descriptor, source);
            return false;
        }

        source->Flags |= ChannelFlags.ReadEnded;
        var sink = loop.Table[source->Peer];
        if (source->Has(ChannelFlags.Tls) && sink->Has(ChannelFlags.Tls))
        {
            loop.Tls.PassEnd(descriptor, source->Peer);
        }

        if (sink->Pending != 0)
        {
            sink->Flags |= ChannelFlags.ShutdownAfterFlush;
            return true;
        }

        return EndWriting(source->Peer, sink);
    }

    /// <summary>Nothing more will be written to here. True when the connection lives on in the other direction.</summary>
    private bool EndWriting(int descriptor, Channel* channel)
    {
        channel->Flags |= ChannelFlags.WriteEnded;
        var peer = loop.Table[channel->Peer];
        if (channel->Has(ChannelFlags.ReadEnded) && peer->Has(ChannelFlags.WriteEnded))
        {
            // Both directions are done, and close sends what shutdown would have.
            var channelEndedFirst = channel->Kind == ChannelKind.Client;
            loop.Closer.Close(
                ClientOf(descriptor, channel),
                channelEndedFirst ? CloseReason.ClientClosed : CloseReason.BackendClosed,
                reset: false
            );
            return false;
        }

        loop.EndOutput(descriptor, channel);
        return true;
    }

    /// <summary>A socket failed: the other one gets RST, so that its end does not take what came for the whole.</summary>
    public void Fail(int descriptor, Channel* channel) =>
        loop.Closer.Close(
            ClientOf(descriptor, channel),
            channel->Kind == ChannelKind.Client ? CloseReason.ClientReset : CloseReason.BackendReset,
            reset: true
        );

    /// <summary>
    /// As <see cref="Fail"/>, of a socket that could not be written to. What it has said before is passed on first, as where a read comes upon the failure:
    /// who refuses what is sent, with an answer, and closes, is understood then.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void FailWriting(int descriptor, Channel* channel)
    {
        if (!_passesLast && channel->Peer >= 0 && channel->Phase is ChannelPhase.Relaying or ChannelPhase.WebSocket)
        {
            _passesLast = true;
            try
            {
                PassLast(descriptor, channel);
            }
            finally
            {
                _passesLast = false;
            }
        }

        if (channel->Kind != ChannelKind.None)
        {
            Fail(descriptor, channel);
        }
    }

    /// <summary>Passes on what waits to be read from a socket that has failed, as far as the other end takes it. The connection may be gone then.</summary>
    private void PassLast(int descriptor, Channel* source)
    {
        var target = source->Peer;
        var sink = loop.Table[target];
        while (source->Kind != ChannelKind.None && sink->Pending == 0 && !source->Has(ChannelFlags.ReadEnded))
        {
            var count = loop.Receive(descriptor, source, ReadSize);
            if (count <= 0)
            {
                return;
            }

            loop.Traffic.Received(source, count);
            if (source->Phase == ChannelPhase.WebSocket)
            {
                loop.Frames.Forward(descriptor, source, target, sink, new ReadOnlySpan<byte>(loop.ReadBuffer, count));
            }
            else if (loop.Send(target, sink, loop.ReadBuffer, count) < count)
            {
                return;
            }
        }
    }

    private static int ClientOf(int descriptor, Channel* channel) => channel->Kind == ChannelKind.Client ? descriptor : channel->Peer;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Touch(Channel* one, Channel* other) => (one->Kind == ChannelKind.Client ? one : other)->LastActive = loop.Tick;

    private enum Drained
    {
        Empty,
        Blocked,
        Failed,
    }
}
