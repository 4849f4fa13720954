using Mooring.Gateway.Hub.Authentication;
using Mooring.Gateway.Hub.Protocol;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>New tokens for connections and subscriptions that expire.</summary>
internal sealed class RefreshHandler(HubLoop loop)
{
    public void Connection(HubSession session, ref HubCommand command)
    {
        if (loop.Node.Tokens is not { } tokens)
        {
            loop.SendError(session, command.Id, HubError.NotAvailable);
            return;
        }

        if (command.Token.Length == 0)
        {
            loop.Disconnect(session, HubDisconnect.BadRequest);
            return;
        }

        var id = command.Id;
        loop.Then(session, tokens.CheckAsync(command.Token), result => OnConnection(session, id, result));
    }

    public void Subscription(HubSession session, ref HubCommand command)
    {
        var (id, channel) = (command.Id, command.Channel);
        if (command.Type != 0 || loop.Node.Tokens is not { } tokens)
        {
            loop.SendError(session, id, HubError.NotAvailable);
            return;
        }

        if (session.Find(channel) is not { } subscription || subscription.Is(SubscriptionFlags.ServerSide))
        {
            loop.SendError(session, id, HubError.PermissionDenied);
            return;
        }

        loop.Then(session, tokens.CheckAsync(command.Token), result => OnSubscription(subscription, id, result));
    }

    /// <summary>Seconds until that Unix time, at least 1; 0 for one that is 0.</summary>
    public uint TimeLeft(long expiresAt) => expiresAt == 0 ? 0 : (uint)Math.Clamp(expiresAt - loop.Node.UnixSeconds, 1, int.MaxValue);

    private void OnConnection(HubSession session, uint id, in JwtResult result)
    {
        if (result.Outcome == JwtOutcome.Expired)
        {
            // It comes again, and then learns that it needs another token.
            loop.Disconnect(session, HubDisconnect.Expired);
            return;
        }

        if (result.Outcome == JwtOutcome.Undecided)
        {
            loop.SendError(session, id, HubError.Internal);
            return;
        }

        if (result.Outcome != JwtOutcome.Valid || result.Claims!.User != session.User || result.Claims.Channel is not null)
        {
            loop.Disconnect(session, HubDisconnect.InvalidToken);
            return;
        }

        session.ExpiresAt = result.Claims.ExpiresAt ?? 0;
        session.ConnInfo = !result.Claims.Info.IsEmpty && ConnectHandler.IsInfo(result.Claims.Info) ? result.Claims.Info : session.ConnInfo;
        loop.Send(session, session.Codec.Refresh(id, session.Client, session.ExpiresAt > 0, TimeLeft(session.ExpiresAt)));
        loop.Arm(session);
    }

    private void OnSubscription(HubSubscription subscription, uint id, in JwtResult result)
    {
        var session = subscription.Session;
        if (result.Outcome == JwtOutcome.Expired)
        {
            // It subscribes again, and then learns that it needs another token. The error alone, centrifuge-js takes for the end of the subscription.
            if (!subscription.Is(SubscriptionFlags.Left))
            {
                loop.Subscribes.End(subscription, HubUnsubscribe.Expired, "subscription expired");
            }

            loop.SendError(session, id, HubError.TokenExpired);
            return;
        }

        if (result.Outcome == JwtOutcome.Undecided)
        {
            loop.SendError(session, id, HubError.Internal);
            return;
        }

        var claims = result.Claims;
        if (
            result.Outcome != JwtOutcome.Valid
            || claims!.User != session.User
            || claims.Channel != subscription.Channel.Name
            || subscription.Is(SubscriptionFlags.Left)
        )
        {
            loop.SendError(session, id, HubError.PermissionDenied);
            return;
        }

        subscription.ExpiresAt = claims.ExpiresAt ?? 0;
        loop.Send(session, session.Codec.SubRefresh(id, subscription.ExpiresAt > 0, TimeLeft(subscription.ExpiresAt)));
        loop.Arm(session);
    }
}
