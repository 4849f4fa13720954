using Mooring.Gateway.Hub.Resp;

namespace Mooring.Gateway.Hub.Queues;

/// <summary>Lets go of what queues in Redis need not keep, whether or not anybody takes jobs of them. Thread-safe.</summary>
/// <remarks>A full queue is looked through by each gateway once in <see cref="LookInterval"/>: where it stays full, publishing to it costs no more than that.</remarks>
internal sealed class RedisExpiry(RespClient client, TimeProvider time, TimeSpan deadline)
{
    private static readonly RespScript Expire = RespScript.Embedded("queue-common", "queue-expire");
    private static readonly RespScript Orphans = RespScript.Embedded("queue-orphans");

    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    /// <summary>Calls of the script for one group at most; each moves some 500 jobs.</summary>
    private const int MaxRounds = 20;

    /// <summary>Jobs that one look compares with what groups have.</summary>
    private const int OrphanPage = 1000;

    /// <summary>Full queues whose last look is known.</summary>
    private const int MaxLooks = 10_000;

    private readonly Dictionary<string, Look> _looks = [];

    /// <summary>All that are run here.</summary>
    public static IReadOnlyList<RespScript> Scripts => [Expire, Orphans];

    /// <summary>Lets go of what has expired in any group, and of what only groups have that are in the options no more.</summary>
    /// <param name="queue">What the names of its keys begin with.</param>
    /// <param name="options">Its namespace's.</param>
    /// <returns>Whether it is worth trying again: there was a look, and it has not taken longer than one answer may.</returns>
    public async Task<bool> MakeRoomAsync(string queue, QueueOptions options)
    {
        var began = time.GetTimestamp();
        string cursor;
        lock (_looks)
        {
            if (_looks.TryGetValue(queue, out var last) && time.GetElapsedTime(last.At, began) < LookInterval)
            {
                return false;
            }

            if (_looks.Count >= MaxLooks)
            {
                _looks.Clear();
            }

            cursor = last.Cursor ?? "0";
            _looks[queue] = new Look(began, cursor);
        }

        foreach (var group in options.Groups)
        {
            await ExpireAsync(RedisQueues.Names(queue, group), options);
        }

        var records = options.Groups.Select(group => $"{queue}a:{group}");
        var reply = await client.RunAsync(Orphans, [queue + "m", queue + "j", .. records], [cursor, OrphanPage], deadline);
        cursor = reply.Items is [var next, _] ? next.Text! : throw new RespShapeException("the script 'queue-orphans' gave something else");
        lock (_looks)
        {
            _looks[queue] = new Look(began, cursor);
        }

        return time.GetElapsedTime(began) < deadline;
    }

    /// <summary>Makes dead letters of what nobody of a group has done in time, as far as one answer's time lasts.</summary>
    /// <param name="names">The keys of the group.</param>
    /// <param name="options">Its namespace's.</param>
    public async Task ExpireAsync(string[] names, QueueOptions options)
    {
        var began = time.GetTimestamp();
        for (var round = 0; round < MaxRounds && time.GetElapsedTime(began) < deadline; round++)
        {
            var moved = await client.RunAsync(
                Expire,
                names,
                [
                    options.MaxAttempts,
                    RedisQueues.Milliseconds(options.MinBackoff),
                    RedisQueues.Milliseconds(options.MaxBackoff),
                    RedisQueues.Milliseconds(options.JobTtl),
                    options.MaxDead,
                    RedisQueues.Life(options),
                ],
                deadline
            );
            if (moved.Integer == 0)
            {
                return;
            }
        }
    }

    private readonly record struct Look(long At, string? Cursor);
}
