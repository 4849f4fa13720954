using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Fossil;
using Mooring.Gateway.Hub.Protocol;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>Whether a client that comes again can have all that it has missed. Pure.</summary>
internal static class StreamRecovery
{
    /// <summary>What is to be read of the stream for a subscription, first.</summary>
    public static HistoryQuery Query(HubSubscription subscription)
    {
        var options = subscription.Options;
        return subscription.Start.Recover is not { } position ? new HistoryQuery(null, 0, false, options.MetaTtl)
            : options.IsCache ? new HistoryQuery(null, 1, true, options.MetaTtl)
            : new HistoryQuery(position, MissedPublications.Page, false, options.MetaTtl);
    }

    /// <summary>The reply, after which the subscription stands where its stream was read.</summary>
    /// <param name="subscription">Gets its position.</param>
    /// <param name="history">What was read; not looked at without positions.</param>
    /// <param name="ttl">Seconds to its expiry; 0: it does not expire.</param>
    /// <returns>Null: some of what was missed is nothing that the client's encoding can carry.</returns>
    public static SubscribeReply? Conclude(HubSubscription subscription, in HistoryResult history, uint ttl)
    {
        var positioned = subscription.Is(SubscriptionFlags.Positioned);
        var reply = new SubscribeReply
        {
            Expires = subscription.ExpiresAt > 0,
            Ttl = ttl,
            Recoverable = positioned,
            Positioned = positioned,
            Position = positioned ? history.Top : new StreamPosition(0, ""),
            Delta = subscription.Is(SubscriptionFlags.Delta),
            Data = subscription.Start.Data,
            Publications = [],
        };
        if (!positioned)
        {
            return reply;
        }

        subscription.Position = history.Top;
        if (subscription.Start.Recover is not { } from)
        {
            return reply;
        }

        var isCache = subscription.Options.IsCache;
        if (!IsRecovered(from, history, isCache) || Decode(history.Publications) is not { } missed)
        {
            return reply with { WasRecovering = true };
        }

        // In cache mode, one that the client has is not sent again.
        missed = isCache && from.Epoch == history.Top.Epoch ? missed.FindAll(one => one.Offset > from.Offset) : missed;
        if (!missed.TrueForAll(one => subscription.Session.Codec.CanCarry(one.Data.Span)))
        {
            return null;
        }

        if (subscription.Is(SubscriptionFlags.Delta) && missed.Count > 0)
        {
            missed = Chain(missed);
            subscription.Flags |= SubscriptionFlags.DeltaReady;
        }

        return reply with
        {
            WasRecovering = true,
            Recovered = true,
            Publications = missed,
            // The client goes on from where it was, by the publications themselves.
            Position = isCache ? history.Top : new StreamPosition(from.Offset, history.Top.Epoch),
        };
    }

    /// <summary>Whether these are all publications from there to the top.</summary>
    private static bool IsRecovered(StreamPosition from, in HistoryResult history, bool isCache)
    {
        var publications = history.Publications;
        if (isCache)
        {
            // The newest there is, if any, is all that is wanted; without one it is not known what the client lacks.
            return publications.Count > 0 || (from.Epoch == history.Top.Epoch && from.Offset == history.Top.Offset);
        }

        if (history.Status == BrokerStatus.WrongEpoch)
        {
            return false;
        }

        // Of another epoch, and not wrong: the stream has gone on from there under a new one.

        return publications.Count == 0
            ? from.Offset == history.Top.Offset
            : publications[0].Offset == from.Offset + 1 && publications[^1].Offset == history.Top.Offset;
    }

    private static List<PublicationParts>? Decode(IReadOnlyList<StoredPublication> stored)
    {
        var result = new List<PublicationParts>(stored.Count);
        foreach (var one in stored)
        {
            if (!PublicationParts.TryDecode(one.Payload, one.Offset, out var parts))
            {
                return null;
            }

            result.Add(parts);
        }

        return result;
    }

    /// <summary>The first one whole, each other one as what differs from the one before, where that is shorter.</summary>
    private static List<PublicationParts> Chain(List<PublicationParts> publications)
    {
        var chain = new List<PublicationParts>(publications.Count) { publications[0] };
        for (var i = 1; i < publications.Count; i++)
        {
            var delta = FossilDelta.TryCreate(publications[i - 1].Data.Span, publications[i].Data.Span);
            chain.Add(delta is null ? publications[i] : publications[i] with { Data = delta, IsDelta = true });
        }

        return chain;
    }
}
