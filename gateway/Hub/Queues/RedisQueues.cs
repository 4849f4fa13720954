using System.Text;
using Mooring.Gateway.Hub.Broker;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Resp;

namespace Mooring.Gateway.Hub.Queues;

/// <summary>The queues of a fleet, in Redis: each step is one script, and time is the server's. Thread-safe.</summary>
/// <remarks>What is queued lives as long as the server keeps it: with its append-only file it survives a restart, with replicas a failover but for its last moments.</remarks>
internal sealed class RedisQueues(RespClient client, BrokerKeys keys, TimeProvider time, TimeSpan deadline) : IHubQueues
{
    private static readonly RespScript Enqueue = RespScript.Embedded("queue-enqueue");
    private static readonly RespScript Claim = RespScript.Embedded("queue-common", "queue-claim");
    private static readonly RespScript Settle = RespScript.Embedded("queue-common", "queue-settle");
    private static readonly RespScript Look = RespScript.Embedded("queue-common", "queue-look");

    /// <summary>Bytes of jobs after which an answer has no more.</summary>
    private const int MaxAnswerBytes = 8 << 20;

    private readonly RedisExpiry _expiry = new(client, time, deadline);
    private Action<string>? _ready;

    /// <summary>All that are run here.</summary>
    public static IReadOnlyList<RespScript> Scripts => [Enqueue, Claim, Settle, Look, .. RedisExpiry.Scripts];

    public void Start(Action<string> ready) => _ready = ready;

    /// <summary>A message said that a queue has something. Comes for those whose channel this gateway is subscribed to.</summary>
    public void Ready(string queue) => _ready?.Invoke(queue);

    public async ValueTask<EnqueueResult> EnqueueAsync(string queue, JobDraft job, QueueOptions options)
    {
        try
        {
            var result = await TryEnqueueAsync(queue, job, options);
            if (result.Status == BrokerStatus.Overloaded && await _expiry.MakeRoomAsync(keys.Channel(queue) + ":q:", options))
            {
                result = await TryEnqueueAsync(queue, job, options);
            }

            return result;
        }
        catch (RespException e)
        {
            return new EnqueueResult(RedisBroker.Status(e), 0);
        }
    }

    public async ValueTask<ClaimResult> ClaimAsync(string queue, string group, int count, QueueOptions options)
    {
        try
        {
            var reply = await client.RunAsync(
                Claim,
                Keys(queue, group),
                [
                    count,
                    Milliseconds(options.AckTimeout),
                    options.MaxAttempts,
                    Milliseconds(options.MinBackoff),
                    Milliseconds(options.MaxBackoff),
                    Milliseconds(options.JobTtl),
                    options.MaxDead,
                    Life(options),
                    MaxAnswerBytes,
                ],
                deadline
            );
            var items = reply.Items;
            if (items.Length % 3 != 1)
            {
                throw new RespShapeException("the script 'queue-claim' gave something else");
            }

            var jobs = new LeasedJob[items.Length / 3];
            for (var i = 0; i < jobs.Length; i++)
            {
                var job = items.Slice(1 + (3 * i), 3);
                jobs[i] = new LeasedJob(job[0].Integer, (int)job[1].Integer, job[2].Bytes);
            }

            var due = items[0].Integer;
            return new ClaimResult(BrokerStatus.Ok, jobs, due < 0 ? null : TimeSpan.FromMilliseconds(due));
        }
        catch (RespException e)
        {
            return ClaimResult.Failed(RedisBroker.Status(e));
        }
    }

    public ValueTask<SettleStatus> AckAsync(string queue, string group, long id, int attempt, QueueOptions options) =>
        SettleAsync(queue, group, id, attempt, "ack", null, options);

    public ValueTask<SettleStatus> RejectAsync(string queue, string group, long id, int attempt, TimeSpan? delay, QueueOptions options) =>
        SettleAsync(queue, group, id, attempt, "reject", delay, options);

    public ValueTask<SettleStatus> ReturnAsync(string queue, string group, long id, int attempt, QueueOptions options) =>
        SettleAsync(queue, group, id, attempt, "return", null, options);

    public ValueTask<SettleStatus> ExtendAsync(string queue, string group, long id, int attempt, QueueOptions options) =>
        SettleAsync(queue, group, id, attempt, "extend", null, options);

    public async ValueTask<QueueStats> StatsAsync(string queue, string group, QueueOptions options)
    {
        try
        {
            await _expiry.ExpireAsync(Keys(queue, group), options);
            var reply = await LookAsync(queue, group, "stats", 0, 0);
            return reply.Items is [var ready, var delayed, var leased, var dead]
                ? new QueueStats(BrokerStatus.Ok, (int)ready.Integer, (int)delayed.Integer, (int)leased.Integer, (int)dead.Integer)
                : throw new RespShapeException("the script 'queue-look' gave something else");
        }
        catch (RespException e)
        {
            return new QueueStats(RedisBroker.Status(e), 0, 0, 0, 0);
        }
    }

    public async ValueTask<DeadResult> DeadAsync(string queue, string group, int count, QueueOptions options)
    {
        try
        {
            await _expiry.ExpireAsync(Keys(queue, group), options);
            var reply = await LookAsync(queue, group, "dead", count, 0);
            var items = reply.Items;
            var jobs = new DeadJob[items.Length / 4];
            for (var i = 0; i < jobs.Length; i++)
            {
                var job = items.Slice(4 * i, 4);
                jobs[i] = new DeadJob(job[0].Integer, (int)job[1].Integer, job[2].Text ?? "", job[3].Bytes);
            }

            return new DeadResult(BrokerStatus.Ok, jobs);
        }
        catch (RespException e)
        {
            return new DeadResult(RedisBroker.Status(e), []);
        }
    }

    public async ValueTask<int> RedriveAsync(string queue, string group, int count, QueueOptions options)
    {
        try
        {
            return (int)(await LookAsync(queue, group, "redrive", count, Life(options))).Integer;
        }
        catch (RespException)
        {
            return -1;
        }
    }

    internal static long Milliseconds(TimeSpan time) => (long)Math.Ceiling(time.TotalMilliseconds);

    /// <summary>Dead letters are kept for as long again as their jobs could wait.</summary>
    internal static long Life(QueueOptions options) => 2 * Milliseconds(options.JobTtl + options.AckTimeout + options.MaxBackoff);

    /// <summary>What is one group's, of the queue with these keys.</summary>
    internal static string[] Names(string queue, string group) =>
        [queue + "m", queue + "j", $"{queue}r:{group}", $"{queue}d:{group}", $"{queue}l:{group}", $"{queue}a:{group}", $"{queue}x:{group}"];

    private async Task<EnqueueResult> TryEnqueueAsync(string queue, JobDraft job, QueueOptions options)
    {
        var name = keys.Channel(queue);
        var names = new List<string> { name + ":q:m", name + ":q:j", $"{name}:q:k:{job.Key}" };
        foreach (var group in options.Groups)
        {
            names.AddRange(Keys(queue, group)[2..]);
        }

        var reply = await client.RunAsync(
            Enqueue,
            [.. names],
            [
                job.Payload,
                job.Priority,
                Milliseconds(job.Delay),
                options.Groups.Count,
                options.MaxJobs,
                options.MaxBytes,
                Life(options) + Milliseconds(job.Delay),
                job.Key is null ? "" : MemoryQueues.KeyLife,
                name,
                Verb(name),
            ],
            deadline
        );
        return reply.Items switch
        {
            [] => new EnqueueResult(BrokerStatus.Overloaded, 0),
            [var id, var known] => new EnqueueResult(BrokerStatus.Ok, id.Integer, known.Integer == 1),
            _ => throw new RespShapeException("the script 'queue-enqueue' gave something else"),
        };
    }

    private Task<RespValue> LookAsync(string queue, string group, string what, int count, long life)
    {
        var name = keys.Channel(queue);
        return client.RunAsync(Look, Keys(queue, group), [what, count, name, Verb(name), MaxAnswerBytes, life], deadline);
    }

    private async ValueTask<SettleStatus> SettleAsync(
        string queue,
        string group,
        long id,
        int attempt,
        string what,
        TimeSpan? delay,
        QueueOptions options
    )
    {
        var name = keys.Channel(queue);
        try
        {
            var reply = await client.RunAsync(
                Settle,
                Keys(queue, group),
                [
                    id,
                    attempt,
                    what,
                    delay is { } wait ? Milliseconds(wait) : "",
                    Milliseconds(options.AckTimeout),
                    options.MaxAttempts,
                    Milliseconds(options.MinBackoff),
                    Milliseconds(options.MaxBackoff),
                    options.MaxDead,
                    name,
                    Verb(name),
                    Life(options) + Milliseconds(delay ?? TimeSpan.Zero),
                ],
                deadline
            );
            return reply.Integer == 1 ? SettleStatus.Ok : SettleStatus.NotHeld;
        }
        catch (RespException)
        {
            return SettleStatus.Unavailable;
        }
    }

    private string[] Keys(string queue, string group) => Names(keys.Channel(queue) + ":q:", group);

    private string Verb(string name) =>
        client.Cluster is not null && client.UsesShardedChannels(KeySlot.Of(Encoding.UTF8.GetBytes(name))) ? "SPUBLISH" : "PUBLISH";
}
