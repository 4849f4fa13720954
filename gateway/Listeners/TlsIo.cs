// Hot path: every event of a TLS connection. See tests/benchmarks.
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Listeners;

/// <summary>The socket calls of the pumps for descriptors that speak TLS: what they return, and errno, mean the same as the kernel's.</summary>
/// <remarks>
/// So the pumps need not know: a read that is shorter than asked for means drained, since it goes on until the socket has nothing more;
/// -1 with EAGAIN means that an event will come; 0 is the other end's close_notify, or its FIN without one. Anybody on the way could have cut
/// there (RFC 8446 §6.1), but many programs end so: what came is passed on, and the end as it came (<see cref="PassEnd"/>). Owned by one loop.
/// </remarks>
internal sealed unsafe class TlsIo(RelayLoop loop, DescriptorTable<TlsState> table)
{
    /// <summary>As <c>recv</c> into the loop's buffer.</summary>
    public int Receive(int descriptor, int length)
    {
        var state = table[descriptor];
        var total = 0;
        // What OpenSSL has already may be of a read that was not short.
        var fresh = OpenSsl.HasPending(state->Ssl) == 0;
        var before = OpenSsl.BytesRead(OpenSsl.ReadBio(state->Ssl));
        while (total < length)
        {
            OpenSsl.ClearErrors();
            var count = OpenSsl.Read(state->Ssl, loop.ReadBuffer + total, length - total);
            if (count > 0)
            {
                total += count;
                if (fresh && IsDrained(state->Ssl, before))
                {
                    break;
                }

                continue;
            }

            var error = OpenSsl.GetError(state->Ssl, count);
            if (error == SslError.WantRead)
            {
                break;
            }

            if (error == SslError.WantWrite)
            {
                state->Wants |= TlsWants.ReadWrites;
                break;
            }

            if (total > 0)
            {
                // First what came before; the end or the failure is still there in the next turn.
                loop.Queue(descriptor);
                break;
            }

            return error == SslError.ZeroReturn && !IsCutNow(descriptor, state) ? 0 : Failed(Errno.ECONNRESET);
        }

        return total > 0 ? total : Failed(Errno.EAGAIN);
    }

    /// <summary>As <c>send</c>.</summary>
    public int Send(int descriptor, byte* data, int length)
    {
        var state = table[descriptor];
        var sent = 0;
        // A record at a time, of 16 KiB at most.
        while (sent < length)
        {
            OpenSsl.ClearErrors();
            var count = OpenSsl.Write(state->Ssl, data + sent, length - sent);
            if (count > 0)
            {
                sent += count;
                continue;
            }

            switch (OpenSsl.GetError(state->Ssl, count))
            {
                case SslError.WantWrite:
                    break;
                case SslError.WantRead:
                    state->Wants |= TlsWants.WriteReads;
                    break;
                default:
                    return Failed(Errno.EPIPE);
            }

            // What OpenSSL has begun to send of the rest must be offered again, and is: it waits in the channel's buffer.
            return sent > 0 ? sent : Failed(Errno.EAGAIN);
        }

        return sent;
    }

    /// <summary>As <c>shutdown</c> of the writing side: close_notify and FIN. The other direction goes on (RFC 8446 §6.1).</summary>
    public void EndOutput(int descriptor)
    {
        var state = table[descriptor];
        OpenSsl.ClearErrors();
        var result = state->EndsCut ? 0 : OpenSsl.Shutdown(state->Ssl);
        if (result < 0 && OpenSsl.GetError(state->Ssl, result) == SslError.WantWrite)
        {
            state->Wants |= TlsWants.Shutdown;
            return;
        }

        state->Wants &= ~TlsWants.Shutdown;
        _ = Libc.Shutdown(descriptor, SocketFlag.ShutdownWrite);
    }

    /// <summary>What is read from one socket has ended. Where it was cut, its sink ends without close_notify too: whoever cares is told the truth.</summary>
    /// <param name="descriptor">That was read from; speaks TLS, as <paramref name="sink"/> does.</param>
    /// <param name="sink">Where it went.</param>
    public void PassEnd(int descriptor, int sink) => table[sink]->EndsCut = table[descriptor]->IsCut;

    /// <summary>The <c>SSL</c> of a descriptor that speaks TLS.</summary>
    public nint SslOf(int descriptor) => table[descriptor]->Ssl;

    /// <summary>It speaks TLS, and has ended by FIN alone.</summary>
    public bool IsCut(int descriptor, Channel* channel) => channel->Has(ChannelFlags.Tls) && table[descriptor]->IsCut;

    /// <summary>An event, as it concerns the plaintext: OpenSSL may want to write for a read, and the other way round.</summary>
    public uint Translate(int descriptor, uint events)
    {
        var state = table[descriptor];
        if (state->Wants == TlsWants.None)
        {
            return events;
        }

        var writable = (events & Epoll.Out) != 0;
        var readable = (events & (Epoll.In | Epoll.ReadHangUp)) != 0;
        if (writable && (state->Wants & TlsWants.Shutdown) != TlsWants.None)
        {
            EndOutput(descriptor);
        }

        if (writable && (state->Wants & TlsWants.ReadWrites) != TlsWants.None)
        {
            state->Wants &= ~TlsWants.ReadWrites;
            events |= Epoll.In;
        }

        if (readable && (state->Wants & TlsWants.WriteReads) != TlsWants.None)
        {
            state->Wants &= ~TlsWants.WriteReads;
            events |= Epoll.Out;
        }

        return events;
    }

    /// <summary>The channel is being closed: says goodbye where there is somebody to hear it, and frees what belongs to it.</summary>
    public void Free(int descriptor, bool reset)
    {
        var state = table[descriptor];
        if (state->Ssl != 0)
        {
            OpenSsl.ClearErrors();
            if (!reset && !state->EndsCut && OpenSsl.IsReady(state->Ssl) == 1)
            {
                _ = OpenSsl.Shutdown(state->Ssl);
            }

            // Without both marks OpenSSL takes the end for a truncation, and the session for one that must not be resumed.
            const int SentAndReceived = 3;
            OpenSsl.SetShutdown(state->Ssl, SentAndReceived);
            OpenSsl.Free(state->Ssl);
        }

        *state = default;
    }

    /// <summary>Notes an end without close_notify. True: it is to be a failure.</summary>
    private bool IsCutNow(int descriptor, TlsState* state)
    {
        // Once it was told of an end itself, whoever closes at once has nothing more to say.
        var channel = loop.Table[descriptor];
        if (OpenSsl.BioControl(OpenSsl.ReadBio(state->Ssl), BioControl.Eof, 0, null) == 0 || channel->Has(ChannelFlags.WriteEnded))
        {
            return false;
        }

        state->IsCut = true;
        // An HTTP answer may end with its connection, and would pass for whole.
        return channel->Kind == ChannelKind.Upstream && channel->Phase is not (ChannelPhase.Relaying or ChannelPhase.WebSocket);
    }

    /// <summary>
    /// Nothing is left, neither in OpenSSL nor in the socket: all that was read since is less than the room of one read, so the last
    /// read was short. Spares the read that would say so.
    /// </summary>
    private static bool IsDrained(nint ssl, ulong before) =>
        OpenSsl.HasPending(ssl) == 0 && OpenSsl.BytesRead(OpenSsl.ReadBio(ssl)) - before < SslContext.ReadBufferBytes / 2;

    private static int Failed(int errno)
    {
        *Libc.ErrnoLocation() = errno;
        return -1;
    }
}
