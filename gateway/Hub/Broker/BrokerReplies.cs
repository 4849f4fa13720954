using System.Text;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Resp;

namespace Mooring.Gateway.Hub.Broker;

/// <summary>Replies of the broker's scripts. Pure; each throws <see cref="RespShapeException"/> for what is none.</summary>
internal static class BrokerReplies
{
    public static PublishResult Published(in RespValue reply) =>
        reply.Items is [var offset, var epoch, var known]
            ? new PublishResult(BrokerStatus.Ok, Position(offset, epoch), known.Integer == 1)
            : throw Shape("publish");

    public static HistoryResult History(in RespValue reply)
    {
        if (reply.Items is not [var top, var epoch, var isOther, var entries])
        {
            throw Shape("history");
        }

        var position = Position(top, epoch);
        if (isOther.Integer == 1)
        {
            return new HistoryResult(BrokerStatus.WrongEpoch, position, []);
        }

        var items = entries.Items;
        var publications = new StoredPublication[items.Length / 2];
        for (var i = 0; i < publications.Length; i++)
        {
            publications[i] = new StoredPublication((ulong)items[2 * i].Integer, items[(2 * i) + 1].Bytes);
        }

        return new HistoryResult(BrokerStatus.Ok, position, publications);
    }

    /// <summary>What Redis keeps of one that is present: the user's length, the user, what is shown.</summary>
    public static byte[] Present(in PresenceEntry entry)
    {
        var user = Encoding.UTF8.GetBytes(entry.User);
        return user.Length <= byte.MaxValue
            ? [(byte)user.Length, .. user, .. entry.Info.Span]
            : throw new ArgumentException("A user of more than 255 bytes.", nameof(entry));
    }

    public static PresenceResult Presence(in RespValue reply)
    {
        if (reply.Kind == RespKind.Integer)
        {
            return new PresenceResult(BrokerStatus.TooMany, []);
        }

        var items = reply.Items;
        var entries = new List<PresenceEntry>(items.Length / 2);
        for (var i = 0; i + 1 < items.Length; i += 2)
        {
            var known = items[i + 1].Bytes;
            // Another version may have written it; the others still count.
            if (!known.IsEmpty && known.Length >= 1 + known.Span[0])
            {
                var length = known.Span[0];
                entries.Add(
                    new PresenceEntry(items[i].Text ?? "", Encoding.UTF8.GetString(known.Span.Slice(1, length)), known[(1 + length)..])
                );
            }
        }

        return new PresenceResult(BrokerStatus.Ok, entries);
    }

    public static PresenceStats Stats(in RespValue reply) =>
        reply.Items is [var clients, var users]
            ? new PresenceStats(BrokerStatus.Ok, (int)clients.Integer, (int)users.Integer)
            : throw Shape("presence");

    private static StreamPosition Position(in RespValue offset, in RespValue epoch) => new((ulong)offset.Integer, epoch.Text ?? "");

    private static RespShapeException Shape(string script) => new($"the script '{script}' gave something else");
}
