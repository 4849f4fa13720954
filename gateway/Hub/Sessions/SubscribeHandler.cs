using Mooring.Gateway.Hub.Authentication;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Options;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Queues;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>Subscriptions: from the command to the reply, and out again. What they are for is <see cref="DeliveryHandler"/>'s.</summary>
/// <remarks>
/// In this order, so that nothing is lost between history and live stream: the subscription is put into the channel, which keeps what comes for it; the
/// broker confirms that messages come to this gateway; history is read; the reply goes; what came meanwhile and is newer goes. From then on
/// each offset must be the one after the last.
/// </remarks>
internal sealed class SubscribeHandler(HubLoop loop)
{
    private const int MaxUnparking = 32;

    /// <summary>Whoever cannot be recovered wants an error.</summary>
    private const long RejectUnrecovered = 2;

    public void Handle(HubSession session, ref HubCommand command)
    {
        var (id, channel) = (command.Id, command.Channel);
        var error = Check(session, ref command, out var options);
        if (error is not null)
        {
            loop.SendError(session, id, error);
            return;
        }

        QueueMembership? membership = null;
        if (options!.Queue is { } queue && (membership = QueueRequest.ReadWorker(command.Data, queue)) is null)
        {
            loop.SendError(session, id, HubError.BadRequest);
            return;
        }

        if (options!.IsPositioned && !session.IsPlaced)
        {
            // The first channel says whether it was here before; later ones may come again within a connection.
            session.IsPlaced = true;
            loop.Counters.Resumes += command.Recover ? 1 : 0;
        }

        StreamPosition? recover = command.Recover ? new StreamPosition(command.Offset, command.Epoch) : null;
        var request = new SubscribeRequest(
            id,
            channel,
            options!,
            recover,
            command.JoinLeave,
            command.Delta,
            (command.Flag & RejectUnrecovered) != 0,
            membership
        );
        if (command.Token.Length == 0)
        {
            var own = HubOptions.IsForUser(channel, session.User);
            if (own ?? HubLoop.Admits(options!.Config.Subscribe, session, null))
            {
                Begin(session, request, null);
            }
            else
            {
                loop.SendError(session, id, HubError.PermissionDenied);
            }

            return;
        }

        if (loop.Node.Tokens is not { } tokens)
        {
            loop.SendError(session, id, HubError.PermissionDenied);
            return;
        }

        // Commands behind it wait, or one that takes it for granted would come first.
        session.IsBlocked = true;
        loop.Then(session, tokens.CheckAsync(command.Token), result => OnChecked(session, request, result));
    }

    /// <summary>What waited for the client has gone: the first that waits for that tries again where it was left, and the others behind it, as far as the client takes them.</summary>
    /// <remarks>
    /// One at first: what all of them have missed would be read each time, for the one or two that the client then takes. As long as it takes them, more at once:
    /// where each is a trip to Redis, the last of many would be answered after the client's patience.
    /// </remarks>
    public void Unpark(HubSession session)
    {
        for (var left = 1 + session.UnparkMore - session.Unparking; left > 0; left--)
        {
            if (session.IsClosed || session.IsWaiting || session.Parked is not { } parked)
            {
                return;
            }

            var subscription = parked.Dequeue();
            session.Parked = parked.Count > 0 ? parked : null;
            session.Unparking++;
            loop.Resume(session, subscription.Start.Command, () => GoOn(subscription));
        }
    }

    private void GoOn(HubSubscription subscription)
    {
        if (!subscription.Is(SubscriptionFlags.Left) && !subscription.Is(SubscriptionFlags.Live))
        {
            ReadHistory(subscription, wasParked: true);
            return;
        }

        if (subscription.Is(SubscriptionFlags.Left))
        {
            Abandoned(subscription);
        }
        else
        {
            subscription.Worker?.Resume();
        }

        Unparked(subscription.Session);
    }

    /// <summary>One that went on is through, or waits again.</summary>
    private void Unparked(HubSession session)
    {
        session.Unparking--;
        session.UnparkMore = Math.Min(session.UnparkMore + 1, MaxUnparking - 1);
        if (session is { IsWaiting: false, Parked: not null })
        {
            loop.Post((Action)(() => Unpark(session)));
        }
    }

    /// <summary>Whether a reply with what was missed, or a job, fits behind what waits for the client. If not, <see cref="Unpark"/> comes when that has gone: several such are no reason to end a session that asks for no more than it may.</summary>
    public bool Fits(HubSubscription subscription, int bytes)
    {
        var session = subscription.Session;
        if (session.Out.Bytes + bytes <= loop.Options.Config.QueueBytes || loop.MakeRoom(session, bytes) || !session.IsWaiting)
        {
            return !session.IsClosed;
        }

        subscription.Flags &= ~SubscriptionFlags.DeltaReady;
        (session.Parked ??= []).Enqueue(subscription);
        return false;
    }

    /// <summary>The server subscribes a client: at its connect, or later.</summary>
    /// <param name="session">Whose.</param>
    /// <param name="wanted">To what.</param>
    /// <param name="position">Where the client was; null: it was not there.</param>
    /// <param name="connect">The connect that waits for it; null: the client is told by a push.</param>
    public void BeginServerSide(HubSession session, ServerSubscription wanted, StreamPosition? position, PendingConnect? connect)
    {
        var options = HubOptions.IsValid(wanted.Channel) ? loop.Options.Find(wanted.Channel) : null;
        if (options is null || session.Find(wanted.Channel) is not null)
        {
            if (connect is not null)
            {
                connect.Error ??= options is null ? HubError.UnknownChannel : null;
                loop.Connects.Completed(session, connect);
            }

            return;
        }

        var channel = loop.Ensure(wanted.Channel);
        var start = new SubscriptionStart
        {
            Answer = new SubscribeAnswer(0, connect),
            Data = wanted.Data,
            Recover = position,
        };
        Start(
            new HubSubscription(session, channel, options, start)
            {
                Flags = SubscriptionFlags.ServerSide | SubscriptionFlags.JoinLeave | Positioned(options),
                ChanInfo = wanted.Info,
                ExpiresAt = wanted.ExpiresAt,
            }
        );
    }

    public void Unsubscribe(HubSession session, ref HubCommand command)
    {
        // One that there is not is no error: the client would drop the connection.
        if (session.Find(command.Channel) is { } subscription && !subscription.Is(SubscriptionFlags.ServerSide))
        {
            Leave(subscription);
        }

        loop.Send(session, session.Codec.Empty(command.Id, HubMethod.Unsubscribe));
    }

    /// <summary>Ends a subscription and tells the client.</summary>
    public void End(HubSubscription subscription, uint code, string reason)
    {
        var session = subscription.Session;
        Leave(subscription);
        loop.Send(session, session.Codec.PushUnsubscribe(subscription.Channel.Name, code, reason));
    }

    /// <summary>Takes a subscription out of everything it is in.</summary>
    public void Leave(HubSubscription subscription)
    {
        if (subscription.Is(SubscriptionFlags.Left))
        {
            return;
        }

        var (session, channel) = (subscription.Session, subscription.Channel);
        var wasLive = subscription.Is(SubscriptionFlags.Live);
        subscription.Flags |= SubscriptionFlags.Left;
        session.Remove(subscription);
        channel.Remove(subscription);
        if (channel.Count == 0)
        {
            loop.Drop(channel);
        }

        if (wasLive)
        {
            loop.Counters.Subscriptions--;
            loop.Channels.Left(subscription);
            loop.Queues.Left(subscription);
        }
    }

    /// <summary>The reply has gone: from now on publications do.</summary>
    public void GoLive(HubSubscription subscription)
    {
        if (subscription.Is(SubscriptionFlags.Left))
        {
            return;
        }

        subscription.Flags |= SubscriptionFlags.Live;
        loop.Counters.Subscriptions++;
        loop.Channels.Joined(subscription);
        loop.Queues.Joined(subscription);
        foreach (var publication in subscription.EndStart())
        {
            if (subscription.Is(SubscriptionFlags.Left))
            {
                return;
            }

            loop.Deliveries.Deliver(subscription, publication);
        }
    }

    private static SubscriptionFlags Positioned(HubNamespace options) =>
        options.IsPositioned ? SubscriptionFlags.Positioned : SubscriptionFlags.None;

    private HubError? Check(HubSession session, ref HubCommand command, out HubNamespace? options)
    {
        options = null;
        if (command.Type != 0 || command.HasFilter)
        {
            // Maps, shared polls and filters by tags.
            return HubError.NotAvailable;
        }

        if (!HubOptions.IsValid(command.Channel) || command.UnknownDelta)
        {
            return HubError.BadRequest;
        }

        options = loop.Options.Find(command.Channel);
        return options is null ? HubError.UnknownChannel : CheckPlace(session, command.Channel);
    }

    /// <summary>Whether the client has room for a channel that it is not in. Asked again after a wait: the server subscribes clients meanwhile.</summary>
    private HubError? CheckPlace(HubSession session, string channel) =>
        session.Find(channel) is not null ? HubError.AlreadySubscribed
        : session.SubscriptionCount >= loop.Options.Config.MaxChannels ? HubError.LimitExceeded
        : null;

    private void OnChecked(HubSession session, SubscribeRequest request, in JwtResult result)
    {
        session.IsBlocked = false;
        var claims = result.Claims;
        if (result.Outcome == JwtOutcome.Expired)
        {
            loop.SendError(session, request.Id, HubError.TokenExpired);
        }
        else if (result.Outcome == JwtOutcome.Undecided)
        {
            loop.SendError(session, request.Id, HubError.Internal);
        }
        else if (
            result.Outcome != JwtOutcome.Valid
            || claims!.Channel != request.Channel
            || claims.User != session.User
            || !ConnectHandler.IsInfo(claims.Info)
        )
        {
            loop.SendError(session, request.Id, HubError.PermissionDenied);
        }
        else if (loop.Options.Find(request.Channel) is not { } options)
        {
            loop.SendError(session, request.Id, HubError.UnknownChannel);
        }
        else if (!IsFor(options, request.Membership))
        {
            // What it said of being a worker was read by other rules: it comes again.
            loop.SendError(session, request.Id, HubError.Internal);
        }
        else if (CheckPlace(session, request.Channel) is { } error)
        {
            loop.SendError(session, request.Id, error);
        }
        else
        {
            Begin(session, request with { Options = options }, claims);
        }
    }

    /// <summary>Whether the namespace, which may be another since the command came, has such workers, or none.</summary>
    private static bool IsFor(HubNamespace options, QueueMembership? membership) =>
        options.Queue is { } queue ? membership is not null && queue.Groups.Contains(membership.Group) : membership is null;

    private void Begin(HubSession session, SubscribeRequest request, JwtClaims? claims)
    {
        var options = request.Options;
        var flags = Positioned(options);
        flags |= request.JoinLeave && options.Config.JoinLeave ? SubscriptionFlags.JoinLeave : SubscriptionFlags.None;
        flags |= request.Delta && options.Config.Delta && options.IsPositioned ? SubscriptionFlags.Delta : SubscriptionFlags.None;
        var start = new SubscriptionStart
        {
            Answer = new SubscribeAnswer(request.Id, null),
            Recover = options.IsPositioned ? request.Recover : null,
            RejectUnrecovered = request.RejectUnrecovered,
        };
        Start(
            new HubSubscription(session, loop.Ensure(request.Channel), options, start)
            {
                Flags = flags,
                ChanInfo = claims?.Info ?? default,
                ExpiresAt = claims?.ExpiresAt ?? 0,
                Membership = request.Membership,
            }
        );
    }

    private void Start(HubSubscription subscription)
    {
        var (session, channel) = (subscription.Session, subscription.Channel);
        session.Add(subscription);
        channel.Add(subscription);
        if (channel.IsReady)
        {
            ReadHistory(subscription);
            return;
        }

        // Asked for by each that waits: the node asks the broker once.
        loop.Then(
            session,
            loop.Node.SubscribeAsync(loop, channel.Name),
            status =>
            {
                if (subscription.Is(SubscriptionFlags.Left))
                {
                    Abandoned(subscription);
                }
                else if (status == BrokerStatus.Ok)
                {
                    channel.IsReady = true;
                    loop.Node.Confirmed(channel.Name);
                    ReadHistory(subscription);
                }
                else if (status == BrokerStatus.Unavailable && !subscription.Is(SubscriptionFlags.Positioned))
                {
                    // Local delivery goes on without the broker, which still has the subscription noted.
                    ReadHistory(subscription);
                }
                else
                {
                    Fail(subscription, ChannelHandler.ErrorOf(status));
                }
            }
        );
    }

    private void ReadHistory(HubSubscription subscription, bool wasParked = false)
    {
        var session = subscription.Session;
        if (!subscription.Is(SubscriptionFlags.Positioned))
        {
            Finish(subscription, default);
            if (wasParked)
            {
                Unparked(session);
            }

            return;
        }

        if (
            !wasParked
            && session is { IsWaiting: true, Parked: { } parked }
            && subscription.Start is { Recover: not null, Answer.Connect: null }
        )
        {
            // It would have to wait behind those, and what was read of it be read again.
            parked.Enqueue(subscription);
            subscription.Start.Command = loop.Hold();
            return;
        }

        loop.Then(
            session,
            Read(subscription),
            history =>
            {
                if (subscription.Is(SubscriptionFlags.Left))
                {
                    Abandoned(subscription);
                }
                else if (history.Status is BrokerStatus.Ok or BrokerStatus.WrongEpoch)
                {
                    Finish(subscription, history);
                }
                else
                {
                    Fail(subscription, ChannelHandler.ErrorOf(history.Status));
                }

                if (wasParked)
                {
                    Unparked(session);
                }
            }
        );
    }

    private ValueTask<HistoryResult> Read(HubSubscription subscription)
    {
        var (broker, channel) = (loop.Node.Broker, subscription.Channel.Name);
        var query = StreamRecovery.Query(subscription);
        return query.Since is null
            ? broker.HistoryAsync(channel, query)
            : MissedPublications.ReadAsync(next => broker.HistoryAsync(channel, next), query);
    }

    private void Finish(HubSubscription subscription, HistoryResult history)
    {
        var session = subscription.Session;
        if (subscription.Start.Answer.Connect is { } pending && history.Publications is { Count: > 0 })
        {
            history = Bounded(pending, history);
        }

        if (StreamRecovery.Conclude(subscription, history, loop.Refreshes.TimeLeft(subscription.ExpiresAt)) is not { } reply)
        {
            loop.Disconnect(session, HubDisconnect.InappropriateProtocol);
            return;
        }

        byte[]? message = null;
        if (subscription.Start.Answer.Connect is null)
        {
            message =
                subscription.Start.Answer.Id != 0
                    ? session.Codec.Subscribe(subscription.Start.Answer.Id, reply)
                    : session.Codec.PushSubscribe(subscription.Channel.Name, reply);
            if (reply.Publications.Count > 0 && !Fits(subscription, ServerFrame.SizeOf(message.Length)))
            {
                subscription.Start.Command = loop.Hold();
                return;
            }
        }

        if (reply.WasRecovering)
        {
            loop.Counters.Recovered += reply.Recovered ? 1 : 0;
            loop.Counters.Unrecovered += reply.Recovered ? 0 : 1;
            if (!reply.Recovered && subscription.Start.RejectUnrecovered)
            {
                Fail(subscription, HubError.UnrecoverablePosition);
                return;
            }
        }

        if (subscription.Start.Answer.Connect is { } connect)
        {
            connect.Replies.Add(new(subscription.Channel.Name, reply));
            connect.Begun.Add(subscription);
            loop.Connects.Completed(session, connect);
            return;
        }

        loop.Send(session, message!);
        GoLive(subscription);
        loop.Arm(session);
    }

    /// <summary>With nothing where all that was missed in the channels of one connect is more than may be missed in one.</summary>
    private static HistoryResult Bounded(PendingConnect connect, in HistoryResult history)
    {
        var bytes = history.Publications.Sum(static one => (long)one.Payload.Length);
        if (connect.MissedBytes + bytes > MissedPublications.MaxBytes)
        {
            return history with { Publications = [] };
        }

        connect.MissedBytes += bytes;
        return history;
    }

    /// <summary>Unsubscribed before it stood: the command still gets its answer.</summary>
    private void Abandoned(HubSubscription subscription)
    {
        if (subscription.Start.Answer.Id != 0)
        {
            loop.SendError(subscription.Session, subscription.Start.Answer.Id, HubError.Internal);
        }
    }

    private void Fail(HubSubscription subscription, HubError error)
    {
        var session = subscription.Session;
        Leave(subscription);
        if (subscription.Start.Answer.Connect is { } connect)
        {
            connect.Error ??= error;
            loop.Connects.Completed(session, connect);
        }
        else if (subscription.Start.Answer.Id != 0)
        {
            loop.SendError(session, subscription.Start.Answer.Id, error);
        }
    }

    private sealed record SubscribeRequest(
        uint Id,
        string Channel,
        HubNamespace Options,
        StreamPosition? Recover,
        bool JoinLeave,
        bool Delta,
        bool RejectUnrecovered,
        QueueMembership? Membership
    );
}
