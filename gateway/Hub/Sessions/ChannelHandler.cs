// Hot path: per publication. See tests/benchmarks.
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Options;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Rpc;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>What clients do with channels beyond subscribing: publish, history, presence; and RPCs.</summary>
internal sealed class ChannelHandler(HubLoop loop)
{
    private static readonly long PresenceRefresh = (long)HubOptions.PresenceTtl.TotalMilliseconds / 3;

    public void Publish(HubSession session, ref HubCommand command)
    {
        var id = command.Id;
        if (command.Type != 0)
        {
            loop.SendError(session, id, HubError.NotAvailable);
            return;
        }

        if (!TryFind(session, ref command, out var options))
        {
            return;
        }

        var subscription = session.Find(command.Channel);
        if (command.Data.IsEmpty || !HubLoop.Admits(options!.Config.Publish, session, subscription))
        {
            loop.SendError(session, id, command.Data.IsEmpty ? HubError.BadRequest : HubError.PermissionDenied);
            return;
        }

        var payload = PublicationParts.Encode(
            command.Data,
            session.User,
            session.ClientId,
            session.ConnInfo.Span,
            subscription is null ? default : subscription.ChanInfo.Span,
            loop.Node.UnixMilliseconds
        );
        if (options.Queue is not null)
        {
            loop.Queues.Publish(session, id, command.Channel, options, payload);
            return;
        }

        var published = loop.Node.Broker.PublishAsync(command.Channel, payload, options.Publish);
        if (published.IsCompletedSuccessfully)
        {
            OnPublished(session, id, published.GetAwaiter().GetResult());
            return;
        }

        loop.Then(session, published, result => OnPublished(session, id, result));
    }

    public void History(HubSession session, ref HubCommand command)
    {
        var id = command.Id;
        if (!TryFind(session, ref command, out var options))
        {
            return;
        }

        if (options!.Config.History is null)
        {
            loop.SendError(session, id, HubError.NotAvailable);
            return;
        }

        if (!HubLoop.Admits(options.Config.ReadHistory, session, session.Find(command.Channel)))
        {
            loop.SendError(session, id, HubError.PermissionDenied);
            return;
        }

        var limit = command.Limit < 0 ? HubOptions.MaxHistory : (int)Math.Min(command.Limit, HubOptions.MaxHistory);
        StreamPosition? since = command.HasSince ? new StreamPosition(command.Offset, command.Epoch) : null;
        loop.Then(
            session,
            loop.Node.Broker.HistoryAsync(command.Channel, new HistoryQuery(since, limit, command.Reverse, options.MetaTtl)),
            history => OnHistory(session, id, history)
        );
    }

    public void Presence(HubSession session, ref HubCommand command)
    {
        var id = command.Id;
        if (!MayReadPresence(session, ref command))
        {
            return;
        }

        loop.Then(
            session,
            loop.Node.Broker.PresenceAsync(command.Channel),
            result =>
            {
                if (result.Status != BrokerStatus.Ok)
                {
                    loop.SendError(session, id, ErrorOf(result.Status));
                    return;
                }

                loop.Send(session, session.Codec.Presence(id, Decode(result.Entries)));
            }
        );
    }

    public void PresenceStats(HubSession session, ref HubCommand command)
    {
        var id = command.Id;
        if (!MayReadPresence(session, ref command))
        {
            return;
        }

        loop.Then(
            session,
            loop.Node.Broker.PresenceStatsAsync(command.Channel),
            result =>
            {
                if (result.Status != BrokerStatus.Ok)
                {
                    loop.SendError(session, id, ErrorOf(result.Status));
                    return;
                }

                loop.Send(session, session.Codec.PresenceStats(id, result.Clients, result.Users));
            }
        );
    }

    public void Rpc(HubSession session, ref HubCommand command)
    {
        if (loop.Queues.TryRpc(session, ref command))
        {
            return;
        }

        var id = command.Id;
        if (loop.Node.Rpc is not { } backend)
        {
            loop.SendError(session, id, HubError.NotAvailable);
            return;
        }

        var call = new RpcCall(session.Client, session.User, command.Name, command.Data.ToArray(), session.Codec == HubCodec.Json);
        loop.Then(
            session,
            backend.CallAsync(call),
            result =>
            {
                if (result.Disconnect is { } disconnect)
                {
                    loop.Disconnect(session, disconnect);
                }
                else if (result.Error is { } error)
                {
                    loop.SendError(session, id, error);
                }
                else
                {
                    loop.Send(session, session.Codec.Rpc(id, result.Data.Span));
                }
            }
        );
    }

    /// <summary>A subscription stands: others may see it.</summary>
    public void Joined(HubSubscription subscription)
    {
        var config = subscription.Options.Config;
        if (!config.Presence && !config.JoinLeave)
        {
            return;
        }

        var session = subscription.Session;
        var info = PublicationParts.EncodeInfo(session.InfoIn(subscription));
        if (config.Presence)
        {
            Note(session, subscription, info);
            session.PresenceAt = session.PresenceAt > 0 ? session.PresenceAt : loop.Now + PresenceRefresh;
        }

        if (config.JoinLeave)
        {
            Forget(loop.Node.Broker.PublishPresenceAsync(subscription.Channel.Name, joined: true, info));
        }
    }

    /// <summary>A subscription that stood is no more.</summary>
    public void Left(HubSubscription subscription)
    {
        var config = subscription.Options.Config;
        var session = subscription.Session;
        if (config.Presence)
        {
            Forget(loop.Node.Broker.RemovePresenceAsync(subscription.Channel.Name, session.Client, session.User));
        }

        if (config.JoinLeave)
        {
            var info = PublicationParts.EncodeInfo(session.InfoIn(subscription));
            Forget(loop.Node.Broker.PublishPresenceAsync(subscription.Channel.Name, joined: false, info));
        }
    }

    public void RefreshPresence(HubSession session)
    {
        session.PresenceAt = 0;
        foreach (var subscription in session.Subscriptions)
        {
            if (subscription.Options.Config.Presence && subscription.Is(SubscriptionFlags.Live))
            {
                Note(session, subscription, PublicationParts.EncodeInfo(session.InfoIn(subscription)));
                session.PresenceAt = loop.Now + PresenceRefresh;
            }
        }
    }

    public static HubError ErrorOf(BrokerStatus status) =>
        status switch
        {
            BrokerStatus.Overloaded => HubError.TooManyRequests,
            BrokerStatus.WrongEpoch => HubError.UnrecoverablePosition,
            BrokerStatus.TooMany => HubError.LimitExceeded,
            _ => HubError.Internal,
        };

    /// <summary>What is shown of who is present.</summary>
    public static List<ClientInfo> Decode(IReadOnlyList<PresenceEntry> entries)
    {
        var present = new List<ClientInfo>(entries.Count);
        foreach (var entry in entries)
        {
            if (PublicationParts.TryDecodeInfo(entry.Info, out var info))
            {
                present.Add(info!);
            }
        }

        return present;
    }

    private void OnPublished(HubSession session, uint id, in PublishResult result)
    {
        if (result.Status == BrokerStatus.Ok)
        {
            loop.Queue(session, session.Codec.EmptyFrame(id, HubMethod.Publish), null);
        }
        else
        {
            loop.SendError(session, id, ErrorOf(result.Status));
        }
    }

    private void OnHistory(HubSession session, uint id, in HistoryResult history)
    {
        if (history.Status != BrokerStatus.Ok)
        {
            loop.SendError(session, id, ErrorOf(history.Status));
            return;
        }

        var publications = new List<PublicationParts>(history.Publications.Count);
        foreach (var one in history.Publications)
        {
            if (PublicationParts.TryDecode(one.Payload, one.Offset, out var parts) && session.Codec.CanCarry(parts.Data.Span))
            {
                publications.Add(parts);
            }
        }

        loop.Send(session, session.Codec.History(id, history.Top, publications));
    }

    private bool MayReadPresence(HubSession session, ref HubCommand command)
    {
        if (!TryFind(session, ref command, out var options))
        {
            return false;
        }

        if (!options!.Config.Presence)
        {
            loop.SendError(session, command.Id, HubError.NotAvailable);
            return false;
        }

        if (HubLoop.Admits(options.Config.ReadPresence, session, session.Find(command.Channel)))
        {
            return true;
        }

        loop.SendError(session, command.Id, HubError.PermissionDenied);
        return false;
    }

    private bool TryFind(HubSession session, ref HubCommand command, out HubNamespace? options)
    {
        options = null;
        if (!HubOptions.IsValid(command.Channel))
        {
            loop.SendError(session, command.Id, HubError.BadRequest);
            return false;
        }

        options = loop.Options.Find(command.Channel);
        if (options is null)
        {
            loop.SendError(session, command.Id, HubError.UnknownChannel);
        }

        return options is not null;
    }

    private void Note(HubSession session, HubSubscription subscription, byte[] info) =>
        Forget(
            loop.Node.Broker.AddPresenceAsync(
                subscription.Channel.Name,
                new PresenceEntry(session.Client, session.User, info),
                HubOptions.PresenceTtl
            )
        );

    /// <summary>Nobody waits for it: what fails is made good by the next refresh, or ends with its time.</summary>
    private static void Forget<T>(ValueTask<T> task)
    {
        if (!task.IsCompleted)
        {
            _ = task.AsTask();
        }
    }
}
