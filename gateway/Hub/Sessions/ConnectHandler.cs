using System.Text.Json;
using Mooring.Gateway.Hub.Authentication;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Protocol;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>The connect command: token, turn, server-side subscriptions, reply. Until that the session is blocked, so nothing overtakes it.</summary>
internal sealed class ConnectHandler(HubLoop loop)
{
    /// <summary>A client that was refused has so long to go by itself.</summary>
    private const long RefusedMilliseconds = 2000;

    /// <summary>How long the fleet may take to say whether a user has room; then this gateway's own count decides.</summary>
    private const long AskMilliseconds = 1000;

    private static readonly HubDisconnect ConnectionClosed = new(3000, "connection closed");

    public void Handle(HubSession session, ref HubCommand command)
    {
        if (session.State != SessionState.Opened)
        {
            loop.Disconnect(session, HubDisconnect.BadRequest);
            return;
        }

        session.State = SessionState.Connecting;
        session.IsBlocked = true;
        var (id, positions) = (command.Id, command.Positions ?? []);
        if (positions.Count > loop.Options.Config.MaxChannels)
        {
            loop.Disconnect(session, HubDisconnect.ChannelLimit);
            return;
        }

        if (command.Token.Length == 0)
        {
            if (loop.Options.Config.Anonymous)
            {
                AwaitTurn(session, id, new JwtClaims(), positions);
            }
            else
            {
                Refuse(session, id, HubError.Unauthorized);
            }

            return;
        }

        if (loop.Node.Tokens is not { } tokens)
        {
            loop.Disconnect(session, HubDisconnect.InvalidToken);
            return;
        }

        loop.Then(session, tokens.CheckAsync(command.Token), result => OnChecked(session, id, result, positions));
    }

    /// <summary>One of the connect's subscriptions stands, or cannot.</summary>
    public void Completed(HubSession session, PendingConnect connect)
    {
        if (--connect.Waiting > 0)
        {
            return;
        }

        if (connect.Error is { } error)
        {
            Refuse(session, connect.Id, error);
            return;
        }

        var config = loop.Options.Config;
        var ping = (long)config.PingInterval.TotalMilliseconds;
        session.State = SessionState.Connected;
        session.IsBlocked = false;
        // At a random moment, or all that came at once would be pinged at once for ever.
        session.PingAt = HubTimers.PingAt(loop.Now, (ping / 2) + Random.Shared.NextInt64((ping / 2) + 1));
        loop.Counters.Clients++;
        loop.Send(
            session,
            session.Codec.Connect(
                connect.Id,
                new ConnectReply
                {
                    Client = session.Client,
                    Expires = session.ExpiresAt > 0,
                    Ttl = loop.Refreshes.TimeLeft(session.ExpiresAt),
                    Ping = (uint)Math.Ceiling(config.PingInterval.TotalSeconds),
                    Pong = true,
                    Time = loop.Node.UnixMilliseconds,
                    Subscriptions = connect.Replies,
                }
            )
        );
        foreach (var subscription in connect.Begun)
        {
            loop.Subscribes.GoLive(subscription);
        }

        loop.Arm(session);
        loop.Continue(session);
        session.Trim();
    }

    private void OnChecked(HubSession session, uint id, in JwtResult result, List<KeyValuePair<string, StreamPosition>> positions)
    {
        switch (result.Outcome)
        {
            case JwtOutcome.Valid when result.Claims!.Channel is null:
                AwaitTurn(session, id, result.Claims, positions);
                break;
            case JwtOutcome.Expired:
                Refuse(session, id, HubError.TokenExpired);
                break;
            case JwtOutcome.Undecided:
                Refuse(session, id, HubError.Internal);
                break;
            default:
                // A token for a channel opens no connection.
                loop.Disconnect(session, HubDisconnect.InvalidToken);
                break;
        }
    }

    /// <summary>Clients that come back all at once are answered one after the other: they wait, since none of them listens to a hint.</summary>
    private void AwaitTurn(HubSession session, uint id, JwtClaims claims, List<KeyValuePair<string, StreamPosition>> positions)
    {
        var wait = loop.Node.Pacer.Reserve(loop.Now, loop.Options.Config.ConnectsPerSecond);
        if (wait < 0)
        {
            Refuse(session, id, HubError.TooManyRequests);
            return;
        }

        if (wait == 0)
        {
            Accept(session, id, claims, positions);
            return;
        }

        loop.Counters.Held++;
        var command = loop.Hold();
        session.TurnAt = loop.Now + wait;
        session.Turn = () => loop.Resume(session, command, () => Accept(session, id, claims, positions));
        loop.Arm(session);
    }

    private void Accept(HubSession session, uint id, JwtClaims claims, List<KeyValuePair<string, StreamPosition>> positions)
    {
        var now = loop.Node.UnixSeconds;
        if (claims.ExpiresAt is { } end && end + (long)(loop.Node.Tokens?.Leeway.TotalSeconds ?? 0) <= now)
        {
            Refuse(session, id, HubError.Expired);
            return;
        }

        if (!IsInfo(claims.Info) || !claims.Subscriptions.All(static one => IsInfo(one.Info)))
        {
            loop.Disconnect(session, HubDisconnect.InvalidToken);
            return;
        }

        session.ClientId = Guid.NewGuid();
        session.User = claims.User;
        session.ConnInfo = claims.Info;
        session.ExpiresAt = claims.ExpiresAt ?? 0;
        if (positions.Count > 0)
        {
            session.IsPlaced = true;
            loop.Counters.Resumes++;
        }

        var wanted = Subscriptions(claims);
        if (wanted.Count > loop.Options.Config.MaxChannels)
        {
            loop.Disconnect(session, HubDisconnect.ChannelLimit);
            return;
        }

        Place(session, id, positions, wanted);
    }

    /// <summary>A user has so many connections and no more; it is the verified token's. What the fleet does not say in time this gateway's own count decides.</summary>
    private void Place(HubSession session, uint id, List<KeyValuePair<string, StreamPosition>> positions, List<ServerSubscription> wanted)
    {
        if (session.User.Length == 0)
        {
            Begin(session, id, positions, wanted);
            return;
        }

        CommandUnderWay? command = null;
        Action begin = () => Begin(session, id, positions, wanted);
        Action later = () => loop.Resume(session, command, begin);
        switch (loop.Transport.TakePlace(session, OnAnswer))
        {
            case PlaceAnswer.Taken:
                begin();
                break;
            case PlaceAnswer.Full:
                loop.Disconnect(session, HubDisconnect.ConnectionLimit);
                break;
            default:
                command = loop.Hold();
                session.TurnAt = loop.Now + AskMilliseconds;
                session.Turn = later;
                loop.Arm(session);
                break;
        }

        void OnAnswer(bool hasRoom)
        {
            if (session.IsClosed || !ReferenceEquals(session.Turn, later))
            {
                return;
            }

            (session.Turn, session.TurnAt) = (null, 0);
            if (hasRoom)
            {
                later();
            }
            else
            {
                loop.Disconnect(session, HubDisconnect.ConnectionLimit);
            }
        }
    }

    private void Begin(HubSession session, uint id, List<KeyValuePair<string, StreamPosition>> positions, List<ServerSubscription> wanted)
    {
        // One more than there are, until all have begun: the first ones may be done before the last one begins.
        var connect = new PendingConnect(id) { Waiting = wanted.Count + 1 };
        foreach (var subscription in wanted)
        {
            StreamPosition? position = null;
            foreach (var (channel, known) in positions)
            {
                position = channel == subscription.Channel ? known : position;
            }

            loop.Subscribes.BeginServerSide(session, subscription, position, connect);
            if (session.IsClosed)
            {
                // By what it missed in that channel. It has left all that it was in, and nobody would take it out of another again.
                return;
            }
        }

        Completed(session, connect);
    }

    private List<ServerSubscription> Subscriptions(JwtClaims claims)
    {
        var all = claims.Subscriptions.DistinctBy(static one => one.Channel).ToList();
        if (loop.Options.PersonalChannel(claims.User) is { } personal && all.TrueForAll(one => one.Channel != personal))
        {
            all.Add(new ServerSubscription(personal, default, default));
        }

        return all;
    }

    /// <summary>Answers with an error; the client goes by itself, or is closed soon.</summary>
    private void Refuse(HubSession session, uint id, HubError error)
    {
        loop.SendError(session, id, error);
        if (session.IsClosed)
        {
            return;
        }

        while (session.SubscriptionCount > 0)
        {
            loop.Subscribes.Leave(session.Subscriptions[^1]);
        }

        session.State = SessionState.Refused;
        session.TurnAt = loop.Now + RefusedMilliseconds;
        session.Turn = () => loop.Disconnect(session, ConnectionClosed);
        loop.Arm(session);
    }

    /// <summary>Whether it is nothing, or what others can be shown.</summary>
    internal static bool IsInfo(ReadOnlyMemory<byte> info) => info.IsEmpty || IsJson(info.Span);

    private static bool IsJson(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var reader = new Utf8JsonReader(bytes);
            return reader.Read() && reader.TrySkip() && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
