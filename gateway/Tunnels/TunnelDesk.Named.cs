using System.Text;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.Tls;
using Mooring.Gateway.Tunnels.Protocol;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Tunnels;

/// <summary>Visitors on a shared port, who say by name which tunnel they want.</summary>
internal sealed unsafe partial class TunnelDesk
{
    private readonly byte[] _joined = new byte[ClientHello.MaxBytes + 4];

    private void StartNamed(int visitor, Channel* channel, ListenerSetup setup)
    {
        channel->Phase = ChannelPhase.TunnelName;
        loop.Timers.Arm(visitor, loop.Tick + setup.Config.HandshakeTicks);
        if (!loop.Watch(visitor, channel))
        {
            loop.Closer.Close(visitor, CloseReason.Resources, reset: true);
        }
    }

    private void ReadName(int visitor, Channel* channel)
    {
        // Looked at and left: the tunnel's client is to get all of it. What comes in pieces is read from its start each time.
        var count = (int)Libc.Receive(visitor, loop.ReadBuffer, (nuint)loop.ReadBytes, SocketFlag.Peek);
        if (count <= 0)
        {
            if (count == 0 || Libc.LastError is not (Errno.EAGAIN or Errno.EINTR))
            {
                loop.Closer.Close(visitor, CloseReason.ClientClosed, reset: false);
            }

            return;
        }

        var bytes = new ReadOnlySpan<byte>(loop.ReadBuffer, count);
        var isTls = bytes[0] == 0x16;
        var verdict = isTls ? ClientHello.Read(bytes, _joined, out var name) : HostField.Read(bytes, out name);
        if (verdict == HelloVerdict.More)
        {
            return;
        }

        if (verdict != HelloVerdict.Whole || name.IsEmpty)
        {
            TurnAway(visitor, channel, RefusalReason.BadRequest, isTls ? null : new Refusal(400, "no host name"));
            return;
        }

        var host = Encoding.ASCII.GetString(name).ToLowerInvariant();
        if (Service.FindHost(host) is { } port)
        {
            _ = Move(visitor, channel, port.Session.Loop, desk => desk.HoldNamed(visitor, port, isTls));
            return;
        }

        LookElsewhere(visitor, channel, host, isTls);
    }

    /// <summary>A visitor has come to the loop of the tunnel that it wants.</summary>
    private void HoldNamed(int visitor, TunnelPort port, bool isTls)
    {
        var channel = loop.Table[visitor];
        if (port.Session.IsEnded || port.Slot < 0)
        {
            TurnAway(visitor, channel, RefusalReason.TunnelGone, isTls ? null : NoTunnel(port.Session));
        }
        else if (!port.Session.Tenant.TryVisit())
        {
            TurnAway(visitor, channel, RefusalReason.TunnelQuota, isTls ? null : new Refusal(503, "the tunnel is full"));
        }
        else
        {
            Hold(visitor, channel, port, isHttp: !isTls);
        }
    }

    /// <summary>Refuses a visitor, by an answer of HTTP where it spoke that.</summary>
    private void TurnAway(int visitor, Channel* channel, RefusalReason refusal, Refusal? answer)
    {
        loop.Engine.Listeners[channel->Listener].CountRefusal(refusal);
        if (answer is { } text)
        {
            // What it sent is read first, or the answer would be overtaken by a reset; not for as long as it likes to go on sending.
            for (var reads = 0; reads < MaxReads && loop.Receive(visitor, channel, loop.ReadBytes) == loop.ReadBytes; reads++) { }

            _ = loop.Frames.Send(visitor, channel, PlainAnswer.For(text));
        }

        loop.Closer.Close(visitor, CloseReason.TunnelGone, reset: answer is null);
    }
}
