// Hot path: per connection of listeners behind another proxy.
using Mooring.Gateway.Limits;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.ProxyProtocol;

namespace Mooring.Gateway.Listeners;

/// <summary>Reads the PROXY header of a connection from a trusted peer, which stands before everything else on the wire, TLS included.</summary>
/// <remarks>
/// The header is looked at where it waits in the kernel (MSG_PEEK), and taken off once it is whole, to the byte: so a peer that sends it
/// byte by byte, or not at all, costs no memory here, and the next stage finds the socket as if there had been no header.
/// </remarks>
internal sealed unsafe class ProxyStage(RelayLoop loop)
{
    /// <summary>A client was accepted from a trusted peer. It may be gone, or in its next stage, when this returns.</summary>
    public void Start(int client, Channel* channel, ListenerSetup setup)
    {
        channel->Phase = ChannelPhase.ProxyHeader;
        // Proxies send it with their first packet, so mostly it is here; else the socket would have to be watched twice.
        if (!Read(client, channel, mayCome: true))
        {
            return;
        }

        loop.Timers.Arm(client, loop.Tick + setup.Config.Proxy!.Ticks);
        if (!loop.Register(client))
        {
            loop.Closer.Close(client, CloseReason.Resources, reset: true);
        }
    }

    public void OnEvent(int client, Channel* channel, uint events)
    {
        if ((events & (Epoll.Error | Epoll.HangUp)) != 0)
        {
            loop.Closer.Close(client, CloseReason.ClientReset, reset: true);
        }
        else if ((events & (Epoll.In | Epoll.ReadHangUp)) != 0)
        {
            Read(client, channel, mayCome: (events & Epoll.ReadHangUp) == 0);
        }
    }

    public void OnTimer(int client, Channel* channel)
    {
        loop.Engine.Listeners[channel->Listener].CountRefusal(RefusalReason.HandshakeTimeout);
        loop.Closer.Close(client, CloseReason.HandshakeTimeout, reset: true);
    }

    /// <param name="client">The client's descriptor.</param>
    /// <param name="channel">Its channel.</param>
    /// <param name="mayCome">False: nothing more comes than is there.</param>
    /// <returns>True: more of the header is to be waited for.</returns>
    private bool Read(int client, Channel* channel, bool mayCome)
    {
        var count = (int)Libc.Receive(client, loop.ReadBuffer, ProxyHeader.MaxBytes, SocketFlag.Peek);
        if (count < 0 && Libc.LastError is Errno.EAGAIN or Errno.EINTR)
        {
            return true;
        }

        if (count <= 0)
        {
            loop.Closer.Close(client, count == 0 ? CloseReason.ClientClosed : CloseReason.ClientReset, reset: count < 0);
            return false;
        }

        var bytes = new ReadOnlySpan<byte>(loop.ReadBuffer, count);
        // Once: another thread may take it away at any moment.
        var setup = loop.Engine.Listeners[channel->Listener].Setup;
        if (setup?.Config.Proxy is not { } proxy)
        {
            Refuse(client, channel, null, RefusalReason.ProxyHeader);
            return false;
        }

        var result = ProxyHeaderParser.Parse(bytes, proxy.Versions, ProxyHeader.MaxBytes, out _header);
        if (result.Status == ProxyStatus.NeedMore && mayCome)
        {
            return true;
        }

        if (result.Status != ProxyStatus.Complete)
        {
            Refuse(client, channel, setup, RefusalReason.ProxyHeader);
            return false;
        }

        // It is all there, so this takes it whole.
        if (Libc.Receive(client, loop.ReadBuffer, (nuint)_header.Length, 0) != _header.Length)
        {
            loop.Closer.Close(client, CloseReason.ClientReset, reset: true);
            return false;
        }

        Accept(client, channel, setup, bytes[.._header.Length]);
        return false;
    }

    private ProxyHeader _header;

    private void Accept(int client, Channel* channel, ListenerSetup setup, ReadOnlySpan<byte> bytes)
    {
        if (_header.HasAddresses || _header.Tlvs.Any)
        {
            loop.Sides.Keep(client, channel, ref _header, bytes);
        }

        if (_header.HasAddresses)
        {
            if (loop.Admission.Identify(channel, _header.Source) is { } refusal)
            {
                Refuse(client, channel, setup, refusal);
                return;
            }

            channel->Port = _header.SourcePort;
        }

        // Else (LOCAL, UNKNOWN) it is the proxy's own, such as its health check, which stays counted as the proxy's and is bound by no limit of clients.
        loop.Acceptor.Serve(client, channel, setup);
    }

    /// <param name="setup">Null: the listener is gone.</param>
    private void Refuse(int client, Channel* channel, ListenerSetup? setup, RefusalReason reason)
    {
        loop.Engine.Listeners[channel->Listener].CountRefusal(reason);
        if (reason == RefusalReason.ProxyHeader)
        {
            loop.Closer.Close(client, CloseReason.ProxyHeader, reset: true);
        }
        else
        {
            loop.Refuser.TurnAway(client, setup?.Config, reason, CloseReason.Refused);
        }
    }
}
