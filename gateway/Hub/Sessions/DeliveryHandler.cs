// Hot path: per publication and subscriber. See tests/benchmarks.
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Protocol;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>Publications to those who are subscribed: in order, without a gap that is not said, within each client's queue. For the loop's thread only.</summary>
internal sealed class DeliveryHandler(HubLoop loop)
{
    /// <summary>Publications that are kept for a subscription before its reply.</summary>
    private const int MaxEarly = 4096;

    private const long MaxEarlyBytes = 4 * 1024 * 1024;

    private static readonly Func<HubSubscription, bool> GivesUpOldest = static subscription =>
        subscription.Options.Config.WhenQueueFull == HubOverflow.DropOldest && !subscription.Is(SubscriptionFlags.Positioned);

    /// <summary>A publication for everybody in its channel.</summary>
    public void Deliver(HubPublication publication)
    {
        loop.Counters.Received++;
        if (loop.Find(publication.Channel) is not { } channel)
        {
            return;
        }

        // From the end: one that leaves meanwhile is replaced by one that had its turn.
        for (var i = channel.Count - 1; i >= 0; i--)
        {
            Deliver(channel[i], publication);
        }
    }

    /// <summary>Somebody came or went: for those who asked to be told.</summary>
    public void Deliver(HubJoinLeave change)
    {
        if (loop.Find(change.Channel) is not { } channel)
        {
            return;
        }

        for (var i = channel.Count - 1; i >= 0; i--)
        {
            var subscription = channel[i];
            if (subscription.Is(SubscriptionFlags.JoinLeave) && subscription.Is(SubscriptionFlags.Live))
            {
                loop.Queue(subscription.Session, change.Frame(subscription.Session), null);
            }
        }
    }

    /// <summary>The broker's stream was there some time ago: who has not come so far since has lost something.</summary>
    public void Compare(string name, StreamPosition top)
    {
        if (loop.Find(name) is not { } channel)
        {
            return;
        }

        for (var i = channel.Count - 1; i >= 0; i--)
        {
            var subscription = channel[i];
            if (
                subscription.Is(SubscriptionFlags.Live)
                && subscription.Is(SubscriptionFlags.Positioned)
                && (subscription.Position.Epoch != top.Epoch || subscription.Position.Offset < top.Offset)
            )
            {
                Insufficient(subscription);
            }
        }
    }

    /// <summary>One publication for one subscription, in its turn: each offset is the one after the last, or the client is told.</summary>
    public void Deliver(HubSubscription subscription, HubPublication publication)
    {
        if (!subscription.Is(SubscriptionFlags.Live))
        {
            if (!subscription.KeepEarly(publication, MaxEarly, MaxEarlyBytes))
            {
                loop.Disconnect(subscription.Session, HubDisconnect.InsufficientState);
            }

            return;
        }

        if (subscription.Is(SubscriptionFlags.Positioned) && publication.Position.Offset != 0)
        {
            var position = subscription.Position;
            if (position.Epoch.Length > 0 && position.Epoch != publication.Position.Epoch)
            {
                Insufficient(subscription);
                return;
            }

            if (publication.Position.Offset <= position.Offset)
            {
                return;
            }

            if (publication.Position.Offset != position.Offset + 1)
            {
                Insufficient(subscription);
                return;
            }
        }

        var session = subscription.Session;
        if (session.Out.Publications >= loop.Options.Config.QueueSize && !MakeRoom(subscription))
        {
            return;
        }

        var form =
            !subscription.Is(SubscriptionFlags.Delta) ? DeltaForm.None
            : subscription.Is(SubscriptionFlags.DeltaReady) ? DeltaForm.Delta
            : DeltaForm.Whole;
        var frame = publication.Frame(session.Codec, form);
        if (frame.Length == 0)
        {
            loop.Disconnect(session, HubDisconnect.InappropriateProtocol);
            return;
        }

        if (session.WindowBits != 0)
        {
            frame = publication.Compressed(session, frame);
        }

        if (publication.Position.Offset != 0)
        {
            subscription.Position = publication.Position;
            subscription.Flags |= SubscriptionFlags.DeltaReady;
        }
        else
        {
            // It is what the client takes the next difference against, and no stream has it.
            subscription.Flags &= ~SubscriptionFlags.DeltaReady;
        }

        loop.Counters.Delivered++;
        loop.Queue(session, frame, subscription);
    }

    /// <summary>The queue is full. True: there is room now; false: this publication is not delivered.</summary>
    private bool MakeRoom(HubSubscription subscription)
    {
        var session = subscription.Session;
        if (!session.IsWaiting)
        {
            // All this came within a turn: it has not been offered to the client yet.
            loop.Transport.Flush(session);
            if (session.IsClosed)
            {
                return false;
            }

            if (session.Out.Publications < loop.Options.Config.QueueSize)
            {
                return true;
            }
        }

        if (subscription.Options.Config.WhenQueueFull == HubOverflow.Disconnect)
        {
            loop.Disconnect(session, HubDisconnect.Slow);
            return false;
        }

        if (GivesUpOldest(subscription) && session.Out.DropOldest(GivesUpOldest) is not null)
        {
            loop.Counters.DroppedOldest++;
            return true;
        }

        loop.Counters.DroppedNewest++;
        if (subscription.Is(SubscriptionFlags.Positioned))
        {
            // Said, not lost: the client subscribes again and gets what is missing.
            Insufficient(subscription);
        }

        return false;
    }

    private void Insufficient(HubSubscription subscription)
    {
        loop.Counters.Insufficient++;
        if (subscription.Is(SubscriptionFlags.ServerSide))
        {
            loop.Disconnect(subscription.Session, HubDisconnect.InsufficientState);
        }
        else
        {
            loop.Subscribes.End(subscription, HubUnsubscribe.Insufficient, "insufficient state");
        }
    }
}
