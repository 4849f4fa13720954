using System.Globalization;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Sessions;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Hub.Queues;

/// <summary>A client's subscription to a queue. Jobs come as publications without an offset, whose tags say which and how often.</summary>
/// <remarks>What the client has no room for yet waits, and no more is taken from the queue for it meanwhile: who may have many long jobs is not slow for that.</remarks>
internal sealed class SubscribedWorker(HubSubscription subscription) : IQueueWorker
{
    private volatile bool _gone;
    private volatile bool _isBehind;

    // The loop's: jobs and when their leases are over. Null: none waits.
    private Queue<(LeasedJob Job, long Until)>? _waiting;

    public bool TakesMore => !_isBehind;

    /// <summary>It is unsubscribed; what it has is given back by the dispatcher.</summary>
    public void Leave() => _gone = true;

    /// <summary>What waited for the client has gone: goes on with the jobs that did. On the loop.</summary>
    public void Resume()
    {
        var loop = subscription.Session.Loop;
        while (!_gone && _waiting is { } waiting && waiting.TryPeek(out var next))
        {
            // The lease of one that has waited too long is over, and another has it.
            if (loop.Now < next.Until && !TrySend(next.Job))
            {
                return;
            }

            waiting.Dequeue();
        }

        _waiting = null;
        _isBehind = false;
        loop.Node.Dispatcher.Wake(subscription.Channel.Name);
    }

    public bool TryDeliver(string queue, in LeasedJob job, TimeSpan lease)
    {
        if (_gone)
        {
            return false;
        }

        var leased = job;
        subscription.Session.Loop.Post((Action)(() => Send(leased, lease)));
        return true;
    }

    private void Send(in LeasedJob job, TimeSpan lease)
    {
        if (!_gone && (_waiting is not null || !TrySend(job)))
        {
            _isBehind = true;
            (_waiting ??= new Queue<(LeasedJob, long)>()).Enqueue((job, subscription.Session.Loop.Now + (long)lease.TotalMilliseconds));
        }
    }

    /// <summary>False: there is no room yet, and <see cref="Resume"/> comes when there is.</summary>
    private bool TrySend(in LeasedJob job)
    {
        var session = subscription.Session;
        // A job that cannot be carried stays the worker's until its time is over, and ends as a dead letter.
        if (!PublicationParts.TryDecode(job.Payload, 0, out var parts) || !session.Codec.CanCarry(parts.Data.Span))
        {
            return true;
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
        var message = session.Codec.PushPublication(subscription.Channel.Name, parts, asText: false);
        if (!session.Loop.Subscribes.Fits(subscription, ServerFrame.SizeOf(message.Length)))
        {
            return session.IsClosed;
        }

        // No publication to the queue of frames: those may be dropped.
        session.Loop.Send(session, message);
        return true;
    }
}
