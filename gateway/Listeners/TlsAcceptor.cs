// Hot path: per connection. See tests/benchmarks.
using Mooring.Gateway.Limits;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Listeners;

/// <summary>Takes clients of listeners with TLS through the handshake, or reads where a ClientHello wants to go.</summary>
/// <remarks>
/// Begins where accept, and the PROXY header where there is one, are over, and ends in <see cref="Acceptor.ServeInside"/>. What a stranger can
/// make the gateway hold: nothing before its whole ClientHello waits in the kernel; then one <c>SSL</c> with buffers, until the handshake's time
/// is up, and of these no more than <see cref="Line"/> lets in. Passthrough holds nothing: the bytes stay in the kernel until the backend is known.
/// </remarks>
internal sealed unsafe class TlsAcceptor(RelayLoop loop, DescriptorTable<TlsState> table)
{
    /// <summary>Steps of handshakes in one turn, some 0.3 ms each: the connections being served get theirs in between.</summary>
    private const int MaxStepsPerTurn = 16;

    private readonly byte[] _joined = new byte[ClientHello.MaxBytes + 4];
    private uint _turn;
    private int _steps;

    /// <summary>Handshakes under way, and those that wait for their turn.</summary>
    public HandshakeLine Line { get; } = new(loop);

    /// <summary>A client has come to the point where its handshake begins.</summary>
    public void Start(int client, Channel* channel, ListenerTls tls)
    {
        channel->Phase = ChannelPhase.Securing;
        loop.Counters[channel->Listener]->Securing++;
        loop.Timers.Arm(client, loop.Tick + tls.HandshakeTicks);
        if (!loop.Watch(client, channel))
        {
            loop.Closer.Close(client, CloseReason.Resources, reset: true);
        }
    }

    public void OnEvent(int client, Channel* channel, uint events)
    {
        if ((events & Epoll.Error) != 0)
        {
            Refuse(client, channel, RefusalReason.TlsHandshake, CloseReason.ClientReset);
            return;
        }

        if (_turn != loop.Turn)
        {
            (_turn, _steps) = (loop.Turn, 0);
        }

        if (++_steps > MaxStepsPerTurn)
        {
            loop.Queue(client);
            return;
        }

        var listener = loop.Engine.Listeners[channel->Listener];
        if (listener.Setup is not { Tls: { } tls } setup || (tls.Routes is not null && channel->Has(ChannelFlags.Tls)))
        {
            // Removed, or without TLS, since this client came; or passing it on, since its handshake began here.
            Refuse(client, channel, RefusalReason.NoBackend, CloseReason.NoBackend);
        }
        else if (tls.Routes is not null)
        {
            Route(client, channel, setup, tls, events);
        }
        else if (channel->Has(ChannelFlags.Tls) || Begin(client, channel, tls, events))
        {
            Shake(client, channel, listener, setup, tls);
        }
    }

    /// <summary>The server that a client of passthrough asks for, while its ClientHello still waits in the kernel; empty: none. Good until the next read.</summary>
    public ReadOnlySpan<byte> NamePassed(int client, Channel* channel)
    {
        if (loop.Engine.Listeners[channel->Listener].Setup is not { Tls.Routes: not null })
        {
            return [];
        }

        var count = (int)Libc.Receive(client, loop.ReadBuffer, (nuint)loop.ReadBytes, SocketFlag.Peek);
        return count > 0 && ClientHello.Read(new ReadOnlySpan<byte>(loop.ReadBuffer, count), _joined, out var name) == HelloVerdict.Whole
            ? name
            : [];
    }

    /// <summary>The time is up.</summary>
    public void OnTimer(int client, Channel* channel) => Refuse(client, channel, RefusalReason.TlsTimeout, CloseReason.TlsTimeout);

    /// <summary>The client's connection ends in the middle of it.</summary>
    public void Forget(int client, Channel* channel)
    {
        if (channel->Has(ChannelFlags.Tls))
        {
            EndHandshake(channel);
        }
        else
        {
            Line.Leave(client);
        }

        loop.Counters[channel->Listener]->Securing--;
    }

    /// <summary>An <c>SSL</c> has done its handshake, or is about to go.</summary>
    private void EndHandshake(Channel* channel)
    {
        loop.Counters[channel->Listener]->Handshakes--;
        Line.End();
    }

    /// <summary>Makes the <c>SSL</c> once the ClientHello is whole, and there is room for another. False: not yet, or the client is gone.</summary>
    private bool Begin(int client, Channel* channel, ListenerTls tls, uint events)
    {
        // Looked at where it is: OpenSSL is to read all of it, and who sends it byte by byte holds nothing here.
        var count = (int)Libc.Receive(client, loop.ReadBuffer, ClientHello.MaxWireBytes, SocketFlag.Peek);
        if (count <= 0)
        {
            OnNothing(client, channel, count);
            return false;
        }

        var verdict = ClientHello.Arrived(new ReadOnlySpan<byte>(loop.ReadBuffer, count));
        if (verdict == HelloVerdict.More)
        {
            OnWaiting(client, channel, events);
            return false;
        }

        if (verdict == HelloVerdict.Refused)
        {
            Refuse(client, channel, RefusalReason.TlsHandshake, CloseReason.TlsFailed);
            return false;
        }

        if (!Line.TryBegin(client))
        {
            OnWaiting(client, channel, events);
            return false;
        }

        var context = tls.Server!.Default;
        var ssl = OpenSsl.New(context.Value);
        GC.KeepAlive(context);
        if (ssl == 0 || OpenSsl.SetDescriptor(ssl, client) != 1)
        {
            OpenSsl.Free(ssl);
            Line.End();
            Refuse(client, channel, RefusalReason.Resources, CloseReason.Resources);
            return false;
        }

        OpenSsl.SetAccept(ssl);
        *table.Claim(client) = new TlsState { Ssl = ssl };
        channel->Flags |= ChannelFlags.Tls;
        loop.Counters[channel->Listener]->Handshakes++;
        return true;
    }

    private void Shake(int client, Channel* channel, ListenerState listener, ListenerSetup setup, ListenerTls tls)
    {
        var ssl = table[client]->Ssl;
        TlsCallbacks.Server = tls.Server;
        TlsCallbacks.NameUnknown = false;
        OpenSsl.ClearErrors();
        var result = OpenSsl.Handshake(ssl);
        TlsCallbacks.Server = null;
        if (TlsCallbacks.NameUnknown)
        {
            listener.Tls.CountUnknownName();
        }

        if (result == 1)
        {
            listener.Tls.Count(ssl);
            EndHandshake(channel);
            loop.Counters[channel->Listener]->Securing--;
            loop.Acceptor.ServeInside(client, channel, setup);
            return;
        }

        if (OpenSsl.GetError(ssl, result) is SslError.WantRead or SslError.WantWrite)
        {
            // Either way an event of the socket comes.
            return;
        }

        listener.Tls.CountFailed();
        var certificate = SslReason.Of(OpenSsl.TakeError()) is SslReason.CertificateVerifyFailed or SslReason.PeerDidNotReturnCertificate;
        var verdict = certificate ? OpenSsl.VerifyResult(ssl) : 0;
        // Not by RST: the alert is on its way.
        Refuse(
            client,
            channel,
            !certificate ? RefusalReason.TlsHandshake
                : verdict == SslVerdict.Revoked ? RefusalReason.CertificateRevoked
                : SslVerdict.IsOfRevocationList(verdict) ? RefusalReason.RevocationList
                : RefusalReason.ClientCertificate,
            CloseReason.TlsFailed,
            reset: false
        );
    }

    private void Route(int client, Channel* channel, ListenerSetup setup, ListenerTls tls, uint events)
    {
        // Looked at and left: the backend is to get all of it. A ClientHello that comes in pieces is read from its start each time.
        var count = (int)Libc.Receive(client, loop.ReadBuffer, (nuint)loop.ReadBytes, SocketFlag.Peek);
        if (count <= 0)
        {
            OnNothing(client, channel, count);
            return;
        }

        var verdict = ClientHello.Read(new ReadOnlySpan<byte>(loop.ReadBuffer, count), _joined, out var name);
        if (verdict == HelloVerdict.More && count < loop.ReadBytes)
        {
            OnWaiting(client, channel, events);
            return;
        }

        if (verdict != HelloVerdict.Whole)
        {
            Refuse(client, channel, RefusalReason.TlsHandshake, CloseReason.TlsFailed);
            return;
        }

        var backend = tls.Routes!.Find(name) is { } route ? loop.Engine.Backends.GetValueOrDefault(route) : setup.Backend;
        if (backend is null)
        {
            Refuse(client, channel, RefusalReason.ServerName, CloseReason.NoBackend);
            return;
        }

        if (loop.Engine.AccessLog is not null && !name.IsEmpty)
        {
            loop.Sides.KeepName(client, channel, name);
        }

        // It may have come while the listener had handshakes of its own.
        Line.Leave(client);
        loop.Counters[channel->Listener]->Securing--;
        loop.Connector.Start(client, channel, backend);
    }

    /// <summary>Waits on, for more of a ClientHello or for its turn, where the client has not ended: nothing comes of it then.</summary>
    private void OnWaiting(int client, Channel* channel, uint events)
    {
        // The event of a turn that was put off says that it may have ended, so the socket is asked.
        if ((events & (Epoll.ReadHangUp | Epoll.HangUp)) != 0 && TcpState.Of(client) is not (0 or TcpState.Established))
        {
            Refuse(client, channel, RefusalReason.TlsHandshake, CloseReason.ClientClosed);
        }
    }

    private void OnNothing(int client, Channel* channel, int count)
    {
        if (count == 0 || Libc.LastError is not (Errno.EAGAIN or Errno.EINTR))
        {
            Refuse(client, channel, RefusalReason.TlsHandshake, CloseReason.ClientClosed);
        }
    }

    private void Refuse(int client, Channel* channel, RefusalReason refusal, CloseReason reason, bool reset = true)
    {
        loop.Engine.Listeners[channel->Listener].CountRefusal(refusal);
        loop.Closer.Close(client, reason, reset);
    }
}
