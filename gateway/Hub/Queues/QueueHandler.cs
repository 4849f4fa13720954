using System.Text;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Options;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway.Hub.Queues;

/// <summary>What clients do with queues: publish jobs, subscribe as workers, and say by RPC what became of a job. For the loop's thread only.</summary>
/// <remarks>
/// RPCs with data in JSON: <c>queue.push</c> {channel, data, priority, delay, key} → {job}; <c>queue.ack</c>, <c>queue.nack</c> and <c>queue.extend</c>
/// {channel, job}, the second with a delay where the namespace's backoff is not wanted. Delays are milliseconds.
/// </remarks>
internal sealed class QueueHandler(HubLoop loop)
{
    private const string Prefix = "queue.";

    /// <summary>The job is not this worker's, or no more: it took too long, and another has it.</summary>
    internal static readonly HubError NotHeld = new(404, "job is not held");

    /// <summary>A publication to a queue is a job.</summary>
    public void Publish(HubSession session, uint id, string channel, HubNamespace options, byte[] payload) =>
        loop.Then(
            session,
            loop.Node.Queues.EnqueueAsync(channel, new JobDraft(payload), options.Queue!),
            result =>
            {
                if (result.Status == BrokerStatus.Ok)
                {
                    loop.Send(session, session.Codec.Empty(id, HubMethod.Publish));
                }
                else
                {
                    loop.SendError(session, id, ChannelHandler.ErrorOf(result.Status));
                }
            }
        );

    /// <summary>Answers an RPC that concerns queues. False: it does not.</summary>
    public bool TryRpc(HubSession session, ref HubCommand command)
    {
        if (!command.Name.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return false;
        }

        var id = command.Id;
        if (QueueRequest.Read(command.Data) is not { } request || !HubOptions.IsValid(request.Channel))
        {
            loop.SendError(session, id, HubError.BadRequest);
        }
        else if (loop.Options.Find(request.Channel) is not { Queue: { } queue } options)
        {
            loop.SendError(session, id, HubError.UnknownChannel);
        }
        else
        {
            switch (command.Name[Prefix.Length..])
            {
                case "push":
                    Push(session, id, request, options, queue);
                    break;
                case "ack":
                    Settle(session, id, request, QueueVerdict.Done);
                    break;
                case "nack":
                    Settle(session, id, request, QueueVerdict.Failed);
                    break;
                case "extend":
                    Settle(session, id, request, QueueVerdict.MoreTime);
                    break;
                default:
                    loop.SendError(session, id, HubError.MethodNotFound);
                    break;
            }
        }

        return true;
    }

    /// <summary>The subscription stands: it gets jobs.</summary>
    public void Joined(HubSubscription subscription)
    {
        if (subscription.Options.Queue is not { } queue)
        {
            return;
        }

        var (channel, membership) = (subscription.Channel.Name, subscription.Membership ?? new QueueMembership(queue.Groups[0], 1));
        subscription.Membership = membership;
        subscription.Worker = new SubscribedWorker(subscription);
        QueueOptions current;
        do
        {
            // The config may be another since it asked, and while this adds it.
            current = loop.Options.Find(channel)?.Queue ?? queue;
            loop.Node.Dispatcher.Add(channel, membership.Group, current, subscription.Worker, membership.Slots);
        } while (!ReferenceEquals(current, loop.Options.Find(channel)?.Queue ?? queue));
    }

    /// <summary>It gets none any more, and those it has are another's.</summary>
    public void Left(HubSubscription subscription)
    {
        if (subscription.Worker is { } worker)
        {
            worker.Leave();
            loop.Node.Dispatcher.Remove(subscription.Channel.Name, subscription.Membership!.Group, worker);
        }
    }

    private void Push(HubSession session, uint id, QueueRequest request, HubNamespace options, QueueOptions queue)
    {
        var subscription = session.Find(request.Channel);
        if (request.Data.Length == 0 || !HubLoop.Admits(options.Config.Publish, session, subscription))
        {
            loop.SendError(session, id, request.Data.Length == 0 ? HubError.BadRequest : HubError.PermissionDenied);
            return;
        }

        var payload = PublicationParts.Encode(request.Data, session.InfoIn(subscription), null, loop.Node.UnixMilliseconds);
        var job = new JobDraft(payload, request.Priority, request.Delay ?? TimeSpan.Zero, request.Key);
        loop.Then(
            session,
            loop.Node.Queues.EnqueueAsync(request.Channel, job, queue),
            result =>
            {
                if (result.Status == BrokerStatus.Ok)
                {
                    loop.Send(session, session.Codec.Rpc(id, Encoding.ASCII.GetBytes($$"""{"job":{{result.Id}}}""")));
                }
                else
                {
                    loop.SendError(session, id, ChannelHandler.ErrorOf(result.Status));
                }
            }
        );
    }

    private void Settle(HubSession session, uint id, QueueRequest request, QueueVerdict verdict)
    {
        if (session.Find(request.Channel) is not { Worker: { } worker, Membership: { } membership } || request.Job == 0)
        {
            loop.SendError(session, id, request.Job == 0 ? HubError.BadRequest : HubError.PermissionDenied);
            return;
        }

        loop.Then(
            session,
            loop.Node.Dispatcher.SettleAsync(request.Channel, membership.Group, worker, request.Job, verdict, request.Delay),
            status =>
            {
                switch (status)
                {
                    case SettleStatus.Ok:
                        loop.Send(session, session.Codec.Rpc(id, "{}"u8));
                        break;
                    case SettleStatus.NotHeld:
                        loop.SendError(session, id, NotHeld);
                        break;
                    default:
                        loop.SendError(session, id, HubError.Internal);
                        break;
                }
            }
        );
    }
}
