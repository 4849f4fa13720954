using System.Globalization;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Sessions;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Hub.Queues;

/// <summary>A client's subscription to a queue. Jobs come as publications without an offset, whose tags say which and how often.</summary>
internal sealed class SubscribedWorker(HubSubscription subscription) : IQueueWorker
{
    private volatile bool _gone;

    /// <summary>It is unsubscribed; what it has is given back by the dispatcher.</summary>
    public void Leave() => _gone = true;

    public bool TryDeliver(string queue, in LeasedJob job)
    {
        if (_gone)
        {
            return false;
        }

        var (session, leased) = (subscription.Session, job);
        session.Loop.Post((Action)(() => Send(session, queue, leased)));
        return true;
    }

    private void Send(HubSession session, string queue, in LeasedJob job)
    {
        // A job that cannot be carried stays the worker's until its time is over, and ends as a dead letter.
        if (_gone || !PublicationParts.TryDecode(job.Payload, 0, out var parts) || !session.Codec.CanCarry(parts.Data.Span))
        {
            return;
        }

        parts = parts with
        {
            Tags =
            [
                .. parts.Tags ?? [],
                new("job", job.Id.ToString(CultureInfo.InvariantCulture)),
                new("attempt", job.Attempt.ToString(CultureInfo.InvariantCulture)),
            ],
        };
        var message = session.Codec.PushPublication(queue, parts, asText: false);
        var frame = new byte[ServerFrame.SizeOf(message.Length)];
        ServerFrame.Write(frame, session.Codec.Opcode, message, compressed: false);
        // No publication to the queue of frames: those may be dropped.
        session.Loop.Queue(session, frame, null);
    }
}
