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
        var proxy = loop.Engine.Listeners[channel->Listener].Setup?.Config.Proxy;
        var result = proxy is null
            ? ProxyParse.Error(0, "the listener is gone")
            : ProxyHeaderParser.Parse(bytes, proxy.Versions, ProxyHeader.MaxBytes, out _header);
        if (result.Status == ProxyStatus.NeedMore && mayCome)
        {
            return true;
        }

        if (result.Status != ProxyStatus.Complete)
        {
            Refuse(client, channel, RefusalReason.ProxyHeader);
            return false;
        }

        // It is all there, so this takes it whole.
        if (Libc.Receive(client, loop.ReadBuffer, (nuint)_header.Length, 0) != _header.Length)
        {
            loop.Closer.Close(client, CloseReason.ClientReset, reset: true);
            return false;
        }

        Accept(client, channel, bytes[.._header.Length]);
        return false;
    }

    private ProxyHeader _header;

    private void Accept(int client, Channel* channel, ReadOnlySpan<byte> bytes)
    {
        var listener = loop.Engine.Listeners[channel->Listener];
        if (_header.HasAddresses || _header.Tlvs.Any)
        {
            loop.Sides.Keep(client, channel, ref _header, bytes);
        }

        var address = _header.HasAddresses ? _header.Source : channel->Address;
        if (loop.Admission.Identify(channel, address) is { } refusal)
        {
            Refuse(client, channel, refusal);
            return;
        }

        if (_header.HasAddresses)
        {
            channel->Port = _header.SourcePort;
        }

        loop.Acceptor.Serve(client, channel, listener.Setup!);
    }

    private void Refuse(int client, Channel* channel, RefusalReason reason)
    {
        var listener = loop.Engine.Listeners[channel->Listener];
        listener.CountRefusal(reason);
        var broken = reason == RefusalReason.ProxyHeader;
        var answered = !broken && Refuser.TryAnswer(client, listener.Setup!.Config, reason);
        loop.Closer.Close(client, broken ? CloseReason.ProxyHeader : CloseReason.Refused, reset: !answered);
    }
}
