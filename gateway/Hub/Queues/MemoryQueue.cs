namespace Mooring.Gateway.Hub.Queues;

/// <summary>One queue in memory. Pure but for the clock that is passed in, in milliseconds. Not thread-safe.</summary>
internal sealed class MemoryQueue
{
    /// <summary>Keys of jobs that are known at a time; with more, the newest are not noted.</summary>
    private const int MaxKeys = 65_536;

    /// <summary>Between two looks through a full queue for what may go, in milliseconds.</summary>
    private const long LookInterval = 1000;

    private readonly Dictionary<long, Stored> _jobs = [];
    private readonly Dictionary<string, Group> _groups = [];
    private readonly Dictionary<string, long> _keys = [];
    private readonly Queue<(string Key, long Expires)> _ends = new(); // in their order, since all live equally long
    private long _last;
    private long? _looked;
    private QueueOptions _options = new();

    /// <summary>Of all jobs' payloads.</summary>
    public long Bytes { get; private set; }

    /// <summary>Whether nothing would be lost with it.</summary>
    public bool IsEmpty(long now)
    {
        ForgetKeys(now);
        return _jobs.Count == 0 && _keys.Count == 0;
    }

    /// <summary>The job's id and whether its key was known; null: the queue is full.</summary>
    public (long Id, bool Known)? Enqueue(in JobDraft job, QueueOptions options, long now, long keyLife)
    {
        _options = options;
        ForgetKeys(now);
        if (job.Key is not null && _keys.TryGetValue(job.Key, out var known))
        {
            return (known, true);
        }

        var isFull = IsFull(job, options);
        if (isFull && now - (_looked ?? long.MinValue / 2) >= LookInterval)
        {
            _looked = now;
            Expire(now);
            isFull = IsFull(job, options);
        }

        if (isFull)
        {
            return null;
        }

        var id = ++_last;
        _jobs[id] = new Stored(job.Payload, options.Groups.Count);
        Bytes += job.Payload.Length;
        var wait = (long)job.Delay.TotalMilliseconds;
        foreach (var name in options.Groups)
        {
            var group = GroupOf(name);
            // It ages from when it may be done: one that is to wait for longer than jobs live is done all the same.
            group.Records[id] = new Record(0, job.Priority, now + wait, "");
            if (wait > 0)
            {
                group.Delayed.Add((now + wait, id));
            }
            else
            {
                group.Ready.Add((-job.Priority, id));
            }
        }

        if (job.Key is not null && _keys.Count < MaxKeys)
        {
            _keys[job.Key] = id;
            _ends.Enqueue((job.Key, now + keyLife));
        }

        return (id, false);
    }

    public ClaimResult Claim(string name, int count, QueueOptions options, long now)
    {
        var group = GroupOf(name);
        MakeReady(group, options, now);
        var jobs = new List<LeasedJob>();
        while (jobs.Count < count && group.Ready.Count > 0)
        {
            var id = group.Ready.Min.Id;
            group.Ready.Remove(group.Ready.Min);
            var record = group.Records[id];
            if (HasExpired(record, options, now))
            {
                Bury(group, id, "expired", options, now);
                continue;
            }

            record = record with { Attempts = record.Attempts + 1 };
            group.Records[id] = record;
            Lease(group, id, now + (long)options.AckTimeout.TotalMilliseconds);
            jobs.Add(new LeasedJob(id, record.Attempts, _jobs[id].Payload));
        }

        var due = Math.Min(
            group.Leased.Count > 0 ? group.Leased.Min.Due : long.MaxValue,
            group.Delayed.Count > 0 ? group.Delayed.Min.Due : long.MaxValue
        );
        TimeSpan? next = due == long.MaxValue ? null : TimeSpan.FromMilliseconds(Math.Max(0, due - now));
        return new ClaimResult(Delivery.BrokerStatus.Ok, jobs, next);
    }

    public bool Ack(string name, long id, int attempt)
    {
        var group = GroupOf(name);
        if (!Release(group, id, attempt))
        {
            return false;
        }

        Forget(group, id);
        return true;
    }

    public bool Reject(string name, long id, int attempt, TimeSpan? delay, QueueOptions options, long now)
    {
        var group = GroupOf(name);
        if (!Release(group, id, attempt))
        {
            return false;
        }

        Retry(group, id, delay, options, now);
        return true;
    }

    public bool Return(string name, long id, int attempt)
    {
        var group = GroupOf(name);
        if (!Release(group, id, attempt))
        {
            return false;
        }

        var record = group.Records[id];
        group.Records[id] = record with { Attempts = attempt - 1 };
        group.Ready.Add((-record.Priority, id));
        return true;
    }

    public bool Extend(string name, long id, int attempt, QueueOptions options, long now)
    {
        var group = GroupOf(name);
        if (!Release(group, id, attempt))
        {
            return false;
        }

        Lease(group, id, now + (long)options.AckTimeout.TotalMilliseconds);
        return true;
    }

    /// <summary>What nobody has done in time becomes a dead letter, and a group that the options of the last job have no more goes with all it has.</summary>
    public void Expire(long now)
    {
        foreach (var (name, group) in _groups)
        {
            if (_options.Groups.Contains(name))
            {
                Expire(group, _options, now);
                continue;
            }

            foreach (var id in group.Records.Keys)
            {
                Forget(group, id);
            }

            _groups.Remove(name);
        }
    }

    public QueueStats Stats(string name, QueueOptions options, long now)
    {
        var group = GroupOf(name);
        Expire(group, options, now);
        return new QueueStats(Delivery.BrokerStatus.Ok, group.Ready.Count, group.Delayed.Count, group.Leased.Count, group.Dead.Count);
    }

    public IReadOnlyList<DeadJob> Dead(string name, int count, QueueOptions options, long now)
    {
        var group = GroupOf(name);
        Expire(group, options, now);
        return
        [
            .. group
                .Dead.Take(count)
                .Select(dead => new DeadJob(
                    dead.Id,
                    group.Records[dead.Id].Attempts,
                    group.Records[dead.Id].Reason,
                    _jobs[dead.Id].Payload
                )),
        ];
    }

    public int Redrive(string name, int count, long now)
    {
        var group = GroupOf(name);
        var ids = group.Dead.Take(count).ToList();
        foreach (var dead in ids)
        {
            group.Dead.Remove(dead);
            var priority = group.Records[dead.Id].Priority;
            group.Records[dead.Id] = new Record(0, priority, now, "");
            group.Ready.Add((-priority, dead.Id));
        }

        return ids.Count;
    }

    private static bool HasExpired(Record record, QueueOptions options, long now) =>
        now - record.Born >= (long)options.JobTtl.TotalMilliseconds;

    private static bool Release(Group group, long id, int attempt)
    {
        if (!group.Leases.TryGetValue(id, out var due) || group.Records[id].Attempts != attempt)
        {
            return false;
        }

        group.Leases.Remove(id);
        group.Leased.Remove((due, id));
        return true;
    }

    private static void Lease(Group group, long id, long due)
    {
        group.Leases[id] = due;
        group.Leased.Add((due, id));
    }

    private bool IsFull(in JobDraft job, QueueOptions options) =>
        _jobs.Count >= options.MaxJobs || Bytes + job.Payload.Length > options.MaxBytes;

    /// <summary>What has waited or was held for long enough goes on.</summary>
    private void MakeReady(Group group, QueueOptions options, long now)
    {
        while (group.Leased.Count > 0 && group.Leased.Min.Due <= now)
        {
            var id = group.Leased.Min.Id;
            group.Leased.Remove(group.Leased.Min);
            group.Leases.Remove(id);
            Retry(group, id, null, options, now);
        }

        while (group.Delayed.Count > 0 && group.Delayed.Min.Due <= now)
        {
            var id = group.Delayed.Min.Id;
            group.Delayed.Remove(group.Delayed.Min);
            group.Ready.Add((-group.Records[id].Priority, id));
        }
    }

    private void Expire(Group group, QueueOptions options, long now)
    {
        MakeReady(group, options, now);
        foreach (var job in group.Ready.Where(job => HasExpired(group.Records[job.Id], options, now)).ToList())
        {
            group.Ready.Remove(job);
            Bury(group, job.Id, "expired", options, now);
        }
    }

    private void Retry(Group group, long id, TimeSpan? delay, QueueOptions options, long now)
    {
        var record = group.Records[id];
        if (record.Attempts >= options.MaxAttempts)
        {
            Bury(group, id, "attempts", options, now);
            return;
        }

        var wait = (long)(delay ?? options.Backoff(record.Attempts)).TotalMilliseconds;
        if (wait > 0)
        {
            group.Delayed.Add((now + wait, id));
        }
        else
        {
            group.Ready.Add((-record.Priority, id));
        }
    }

    private void Bury(Group group, long id, string reason, QueueOptions options, long now)
    {
        group.Records[id] = group.Records[id] with { Reason = reason };
        group.Dead.Add((now, id));
        while (group.Dead.Count > options.MaxDead)
        {
            var oldest = group.Dead.Min;
            group.Dead.Remove(oldest);
            Forget(group, oldest.Id);
        }
    }

    /// <summary>The group has done with it; with the last group the job goes.</summary>
    private void Forget(Group group, long id)
    {
        group.Records.Remove(id);
        var stored = _jobs[id];
        if (stored.Groups > 1)
        {
            _jobs[id] = stored with { Groups = stored.Groups - 1 };
            return;
        }

        _jobs.Remove(id);
        Bytes -= stored.Payload.Length;
    }

    private void ForgetKeys(long now)
    {
        while (_ends.TryPeek(out var first) && first.Expires <= now)
        {
            _keys.Remove(_ends.Dequeue().Key);
        }
    }

    private Group GroupOf(string name)
    {
        if (!_groups.TryGetValue(name, out var group))
        {
            _groups[name] = group = new Group();
        }

        return group;
    }

    private readonly record struct Stored(ReadOnlyMemory<byte> Payload, int Groups);

    private readonly record struct Record(int Attempts, int Priority, long Born, string Reason);

    private sealed class Group
    {
        public SortedSet<(int Rank, long Id)> Ready { get; } = [];

        public SortedSet<(long Due, long Id)> Delayed { get; } = [];

        public SortedSet<(long Due, long Id)> Leased { get; } = [];

        public SortedSet<(long Since, long Id)> Dead { get; } = [];

        public Dictionary<long, long> Leases { get; } = [];

        public Dictionary<long, Record> Records { get; } = [];
    }
}
