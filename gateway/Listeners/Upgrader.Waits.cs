using Mooring.Gateway.Limits;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Listeners;

/// <summary>What a request whose head is good may wait for before it is routed: its turn, and the fleet's word on its user and device.</summary>
/// <remarks>Its phase is Head, and its client is not read: what it has sent beyond its request waits in the kernel.</remarks>
internal sealed unsafe partial class Upgrader
{
    /// <summary>How long the fleet may take: then this gateway's own count decides.</summary>
    private static readonly uint AskTicks = TimerWheel.Ticks(TimeSpan.FromSeconds(1));

    private void AwaitTurn(int client, Channel* channel, Handshake handshake)
    {
        var listener = loop.Engine.Listeners[channel->Listener];
        if (listener.Setup?.Config.Features is not { UpgradeRate.IsSet: true } features)
        {
            Identify(client, channel, handshake);
            return;
        }

        var wait = UpgradePace.Reserve(features, ref listener.Buckets.Upgrades, loop.Now);
        switch (wait)
        {
            case < 0:
                listener.CountRefusal(RefusalReason.UpgradeRate);
                Answer(client, channel, UpgradeFailure.Paced, CloseReason.Answered);
                break;
            case 0:
                Identify(client, channel, handshake);
                break;
            default:
                handshake.Wait = HandshakeWait.Turn;
                loop.Timers.Arm(client, loop.Tick + TimerWheel.Ticks(TimeSpan.FromTicks(wait / 100)));
                break;
        }
    }

    private void Identify(int client, Channel* channel, Handshake handshake)
    {
        handshake.Wait = HandshakeWait.None;
        if (loop.Identities.Take(client, channel, handshake.Request.User, handshake.Request.Device) is { } refusal)
        {
            RefuseIdentity(client, channel, refusal);
            return;
        }

        if (!loop.Identities.TryAsk(client, channel, OnIdentified))
        {
            Route(client, channel, handshake.Request);
            return;
        }

        handshake.Wait = HandshakeWait.Identity;
        loop.Timers.Arm(client, loop.Tick + AskTicks);
    }

    private void OnIdentified(int client, RefusalReason? refusal)
    {
        if (!_handshakes.TryGetValue(client, out var handshake) || handshake.Wait != HandshakeWait.Identity)
        {
            // It was routed already, without the fleet's word.
            return;
        }

        handshake.Wait = HandshakeWait.None;
        if (refusal is { } reason)
        {
            RefuseIdentity(client, loop.Table[client], reason);
        }
        else
        {
            Route(client, loop.Table[client], handshake.Request);
        }
    }

    private void OnWaitOver(int client, Channel* channel)
    {
        var handshake = _handshakes[client];
        if (handshake.Wait == HandshakeWait.Turn)
        {
            Identify(client, channel, handshake);
            return;
        }

        handshake.Wait = HandshakeWait.None;
        Route(client, channel, handshake.Request);
    }

    /// <summary>A client that waits has sent more, or has ended.</summary>
    private void OnWaiting(int client, Channel* channel, uint events)
    {
        channel->Flags |= ChannelFlags.ReadPaused;
        // The event of a turn that was put off says that it may have ended, so the socket is asked.
        if ((events & (Epoll.ReadHangUp | Epoll.HangUp)) != 0 && TcpState.Of(client) is not (0 or TcpState.Established))
        {
            loop.Closer.Close(client, CloseReason.ClientClosed, reset: false);
        }
    }

    private void RefuseIdentity(int client, Channel* channel, RefusalReason reason)
    {
        loop.Engine.Listeners[channel->Listener].CountRefusal(reason);
        // Not for as long as it reads its answer.
        loop.Identities.Release(client, channel);
        var failure = reason == RefusalReason.PerUser ? UpgradeFailure.UserLimit : UpgradeFailure.DeviceLimit;
        Answer(client, channel, failure, CloseReason.Answered);
    }
}
