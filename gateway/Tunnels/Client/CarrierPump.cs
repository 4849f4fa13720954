// Hot path: every event. See tests/benchmarks.
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Tunnels.Client;

/// <summary>Moves bytes both ways between a data connection and the local service: the gateway's <see cref="Listeners.Pump"/> without what only gateways have.</summary>
/// <remarks>An end of one direction leaves the other open; a failure resets both.</remarks>
internal sealed unsafe class CarrierPump(Carrier loop)
{
    /// <summary>A read of this size is bulk, and goes on through a pipe.</summary>
    private const int BulkBytes = 16 * 1024;

    /// <summary>Reads per event before the loop's other connections get their turn.</summary>
    private const int MaxReads = 8;

    public void OnEvent(int descriptor, Channel* channel, uint events)
    {
        if ((events & Epoll.Out) != 0 && channel->Pending != 0)
        {
            Flush(descriptor, channel);
            if (channel->Kind == ChannelKind.None)
            {
                return;
            }
        }

        const uint Over = Epoll.ReadHangUp | Epoll.HangUp | Epoll.Error;
        if ((events & (Epoll.In | Over)) == 0)
        {
            return;
        }

        if (!channel->Has(ChannelFlags.ReadEnded) && loop.Table[channel->Peer]->Pending == 0)
        {
            Run(descriptor, channel, toEnd: (events & Over) != 0);
            return;
        }

        channel->Flags |= ChannelFlags.ReadPaused;
        if ((events & Epoll.Error) != 0)
        {
            loop.End(descriptor, reset: true);
        }
        else if (!channel->Has(ChannelFlags.Muted | ChannelFlags.ReadEnded))
        {
            // Where the sender goes on until the kernel's buffer is full, each segment would wake the loop for nothing.
            loop.WatchInput(descriptor, watch: false);
        }
    }

    /// <summary>Reads from a socket and writes to its peer, to which nothing is pending.</summary>
    /// <param name="descriptor">Where to read.</param>
    /// <param name="source">Its channel.</param>
    /// <param name="toEnd">A short read does not mean drained: an end of stream may be behind it.</param>
    private void Run(int descriptor, Channel* source, bool toEnd)
    {
        var target = source->Peer;
        var sink = loop.Table[target];
        for (var reads = 0; reads < MaxReads; reads++)
        {
            if (source->Has(ChannelFlags.Bulk) && !Splice(descriptor, source, target, sink))
            {
                return;
            }

            var count = (int)Libc.Receive(descriptor, loop.ReadBuffer, (nuint)loop.ReadBytes, 0);
            if (count <= 0)
            {
                OnNoData(descriptor, source, count == 0 ? 0 : Libc.LastError);
                return;
            }

            var written = (int)Libc.Send(target, loop.ReadBuffer, (nuint)count, SocketFlag.NoSignal);
            if (written < count)
            {
                if (written < 0 && Libc.LastError != Errno.EAGAIN)
                {
                    FailWriting(target, sink);
                    return;
                }

                written = Math.Max(written, 0);
                sink->Pending = loop.Pending.Store(loop.ReadBuffer + written, count - written);
                source->Flags |= ChannelFlags.ReadPaused;
                return;
            }

            if (count >= BulkBytes)
            {
                StartBulk(source, target, sink);
            }

            if (count < loop.ReadBytes && !toEnd)
            {
                return;
            }
        }

        loop.Queue(descriptor);
    }

    /// <summary>Large reads go on through a pipe; and to a process on this host without a pace, as in the gateway.</summary>
    private static void StartBulk(Channel* source, int target, Channel* sink)
    {
        source->Flags |= ChannelFlags.Bulk;
        if (sink->Has(ChannelFlags.PaceChosen))
        {
            return;
        }

        sink->Flags |= ChannelFlags.PaceChosen;
        var address = stackalloc byte[KernelAddress.MaxBytes];
        uint length = KernelAddress.MaxBytes;
        if (Libc.GetPeerName(target, address, &length) == 0 && KernelAddress.Read(address).Address.IsLoopback)
        {
            var reno = stackalloc byte[] { (byte)'r', (byte)'e', (byte)'n', (byte)'o' };
            _ = Libc.SetSocketOption(target, SocketLevel.Tcp, SocketOption.TcpCongestion, reno, 4);
        }
    }

    /// <summary>Moves bulk data through a pipe. True: go on with plain reads.</summary>
    private bool Splice(int from, Channel* source, int to, Channel* sink)
    {
        var handle = loop.Pipes.Rent();
        if (handle == 0)
        {
            source->Flags &= ~ChannelFlags.Bulk;
            return true;
        }

        for (var moves = 0; moves < MaxReads; moves++)
        {
            ref var pipe = ref loop.Pipes[handle];
            var count = (int)
                Libc.Splice(from, null, pipe.WriteEnd, null, PipePool.PipeBytes, PipeFlag.SpliceMove | PipeFlag.SpliceNonBlocking);
            if (count <= 0)
            {
                var error = count == 0 ? 0 : Libc.LastError;
                loop.Pipes.Return(handle);
                if (error == Errno.EINVAL)
                {
                    source->Flags &= ~ChannelFlags.Bulk;
                    return true;
                }

                OnNoData(from, source, error);
                return false;
            }

            pipe.Filled = count;
            if (!Drain(handle, to, out var failed))
            {
                if (failed)
                {
                    loop.Pipes.Return(handle);
                    FailWriting(to, sink);
                    return false;
                }

                sink->Pending = handle;
                sink->Flags |= ChannelFlags.PendingPipe;
                source->Flags |= ChannelFlags.ReadPaused;
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

    /// <summary>Writes a pipe's bytes. True when nothing is left.</summary>
    private bool Drain(int handle, int to, out bool failed)
    {
        ref var pipe = ref loop.Pipes[handle];
        failed = false;
        while (pipe.Filled > 0)
        {
            var count = (int)
                Libc.Splice(pipe.ReadEnd, null, to, null, (nuint)pipe.Filled, PipeFlag.SpliceMove | PipeFlag.SpliceNonBlocking);
            if (count < 0)
            {
                failed = Libc.LastError != Errno.EAGAIN;
                return false;
            }

            pipe.Filled -= count;
        }

        return true;
    }

    /// <summary>Writes what is pending, and goes on reading what waited for it. The pair may be gone when this returns.</summary>
    private void Flush(int descriptor, Channel* channel)
    {
        if (!(channel->Has(ChannelFlags.PendingPipe) ? FlushPipe(descriptor, channel) : FlushBuffer(descriptor, channel)))
        {
            return;
        }

        channel->Pending = 0;
        if (channel->Has(ChannelFlags.ShutdownAfterFlush))
        {
            channel->Flags &= ~ChannelFlags.ShutdownAfterFlush;
            EndWriting(descriptor, channel);
            return;
        }

        var source = channel->Peer;
        var peer = loop.Table[source];
        if (!peer->Has(ChannelFlags.ReadPaused) || peer->Has(ChannelFlags.ReadEnded))
        {
            return;
        }

        // What ended over there meanwhile is not known any more, so read on until there is nothing.
        peer->Flags &= ~ChannelFlags.ReadPaused;
        Run(source, peer, toEnd: true);
        if (peer->Kind != ChannelKind.None && peer->Has(ChannelFlags.Muted) && !peer->Has(ChannelFlags.ReadPaused))
        {
            loop.WatchInput(source, watch: true);
        }
    }

    private bool FlushBuffer(int descriptor, Channel* channel)
    {
        var left = loop.Pending.Peek(channel->Pending);
        fixed (byte* data = left)
        {
            var written = (int)Libc.Send(descriptor, data, (nuint)left.Length, SocketFlag.NoSignal);
            if (written >= 0)
            {
                return loop.Pending.Consume(channel->Pending, written);
            }
        }

        if (Libc.LastError != Errno.EAGAIN)
        {
            FailWriting(descriptor, channel);
        }

        return false;
    }

    private bool FlushPipe(int descriptor, Channel* channel)
    {
        if (Drain(channel->Pending, descriptor, out var failed))
        {
            channel->Flags &= ~ChannelFlags.PendingPipe;
            loop.Pipes.Return(channel->Pending);
            return true;
        }

        if (failed)
        {
            FailWriting(descriptor, channel);
        }

        return false;
    }

    /// <summary>Ends a pair of which this socket cannot be written to. What it has said before is passed on first, as far as the other takes it.</summary>
    private void FailWriting(int descriptor, Channel* source)
    {
        var target = source->Peer;
        while (loop.Table[target]->Pending == 0 && !source->Has(ChannelFlags.ReadEnded))
        {
            var count = (int)Libc.Receive(descriptor, loop.ReadBuffer, (nuint)loop.ReadBytes, 0);
            if (count <= 0 || Libc.Send(target, loop.ReadBuffer, (nuint)count, SocketFlag.NoSignal) < count)
            {
                break;
            }
        }

        loop.End(descriptor, reset: true);
    }

    /// <summary>A read gave nothing: the end of the stream (0), nothing more for now, or a failure.</summary>
    private void OnNoData(int descriptor, Channel* source, int error)
    {
        if (error is Errno.EAGAIN or Errno.EINTR)
        {
            return;
        }

        if (error != 0)
        {
            loop.End(descriptor, reset: true);
            return;
        }

        source->Flags |= ChannelFlags.ReadEnded;
        var sink = loop.Table[source->Peer];
        if (sink->Pending != 0)
        {
            sink->Flags |= ChannelFlags.ShutdownAfterFlush;
        }
        else
        {
            EndWriting(source->Peer, sink);
        }
    }

    private void EndWriting(int descriptor, Channel* channel)
    {
        channel->Flags |= ChannelFlags.WriteEnded;
        if (channel->Has(ChannelFlags.ReadEnded) && loop.Table[channel->Peer]->Has(ChannelFlags.WriteEnded))
        {
            // Both directions are done, and close sends what shutdown would have.
            loop.End(descriptor, reset: false);
        }
        else
        {
            _ = Libc.Shutdown(descriptor, SocketFlag.ShutdownWrite);
        }
    }
}
