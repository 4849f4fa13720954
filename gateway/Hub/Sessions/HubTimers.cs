using Mooring.Gateway.Hub.Options;
using Mooring.Gateway.Hub.Protocol;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>What of a session is due when: one timer each, for whatever comes first.</summary>
internal sealed class HubTimers(HubLoop loop)
{
    private static readonly byte[] JsonPing = HubCodec.Json.Framed(HubCodec.Json.Ping);
    private static readonly byte[] ProtobufPing = HubCodec.Protobuf.Framed(HubCodec.Protobuf.Ping);

    /// <summary>Asks the transport to be woken when the next thing is due. Cheap where nothing has moved forward.</summary>
    public void Arm(HubSession session)
    {
        if (session.IsClosed)
        {
            return;
        }

        var due = Due(session);
        if (session.WakesAt == 0 || due < session.WakesAt)
        {
            session.WakesAt = due;
            loop.Transport.WakeAt(session, due);
        }
    }

    /// <summary>When a client is pinged that is due after so long: a little earlier (a 256th, 250 ms at most), together with others.</summary>
    /// <remarks>Ten thousand clients that are due one by one wake their loop, and each of the processes they are in, for one frame at a time.</remarks>
    public static long PingAt(long now, long milliseconds)
    {
        var due = now + milliseconds;
        return due - (due % Math.Clamp(milliseconds / 256, 1, 250));
    }

    public void OnTimer(HubSession session)
    {
        session.WakesAt = 0;
        var now = loop.Now;
        if (session.Out.Count > 0 && (uint)now - session.Out.OldestTick >= (uint)loop.Options.Config.QueueAge.TotalMilliseconds)
        {
            loop.Disconnect(session, HubDisconnect.Slow);
            return;
        }

        if (session.TurnAt > 0 && now >= session.TurnAt && session.Turn is { } turn)
        {
            (session.TurnAt, session.Turn) = (0, null);
            turn();
        }

        if (session.State is SessionState.Opened or SessionState.Connecting && now >= session.PingAt)
        {
            loop.Disconnect(session, HubDisconnect.Stale);
            return;
        }

        if (session.State == SessionState.Connected && !CheckConnected(session, now))
        {
            return;
        }

        Arm(session);
    }

    /// <summary>False when the session is gone.</summary>
    private bool CheckConnected(HubSession session, long now)
    {
        if (session.PongBy > 0 && now >= session.PongBy)
        {
            loop.Disconnect(session, HubDisconnect.NoPong);
            return false;
        }

        var unix = loop.Node.UnixSeconds;
        var grace = (long)HubOptions.ExpiryGrace.TotalSeconds;
        if (session.ExpiresAt > 0 && unix >= session.ExpiresAt + grace)
        {
            loop.Disconnect(session, HubDisconnect.Expired);
            return false;
        }

        for (var i = session.SubscriptionCount - 1; i >= 0 && i < session.SubscriptionCount; i--)
        {
            var subscription = session.Subscriptions[i];
            if (subscription.ExpiresAt > 0 && unix >= subscription.ExpiresAt + grace)
            {
                loop.Subscribes.End(subscription, HubUnsubscribe.Expired, "subscription expired");
            }
        }

        if (session.PresenceAt > 0 && now >= session.PresenceAt)
        {
            loop.Channels.RefreshPresence(session);
        }

        if (now >= session.PingAt)
        {
            loop.Queue(session, session.Codec == HubCodec.Json ? JsonPing : ProtobufPing, null);
            session.PingAt = PingAt(now, (long)loop.Options.Config.PingInterval.TotalMilliseconds);
            session.Pings = (byte)Math.Min(session.Pings + 1, byte.MaxValue);
            session.PongBy = session.PongBy > 0 ? session.PongBy : now + (long)HubOptions.PongTimeout.TotalMilliseconds;
        }

        return !session.IsClosed;
    }

    private long Due(HubSession session)
    {
        var due = session.State == SessionState.Refused ? session.TurnAt : session.PingAt;
        due = Sooner(due, session.TurnAt);
        due = Sooner(due, session.PongBy);
        due = Sooner(due, session.PresenceAt);
        if (session.Out.Count > 0)
        {
            var waited = (uint)loop.Now - session.Out.OldestTick;
            due = Math.Min(due, loop.Now + Math.Max(0, (long)loop.Options.Config.QueueAge.TotalMilliseconds - waited));
        }

        due = Sooner(due, OnThisClock(session.ExpiresAt));
        foreach (var subscription in session.Subscriptions)
        {
            due = Sooner(due, OnThisClock(subscription.ExpiresAt));
        }

        return Math.Max(due, loop.Now + 1);
    }

    private long OnThisClock(long expiresAt) =>
        expiresAt == 0
            ? 0
            : Math.Max(1, loop.Now + ((expiresAt + (long)HubOptions.ExpiryGrace.TotalSeconds - loop.Node.UnixSeconds) * 1000));

    private static long Sooner(long due, long time) => time > 0 && time < due ? time : due;
}
