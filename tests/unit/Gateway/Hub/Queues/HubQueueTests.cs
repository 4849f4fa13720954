using System.Collections.Concurrent;
using System.Text;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Queues;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub.Queues;

/// <summary>What every queue does, wherever it keeps its jobs.</summary>
public abstract partial class HubQueueTests : IAsyncLifetime
{
    private protected static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    private static readonly QueueOptions Options = new()
    {
        AckTimeout = TimeSpan.FromMinutes(5),
        MinBackoff = TimeSpan.FromMilliseconds(20),
        MaxBackoff = TimeSpan.FromMilliseconds(40),
        MaxAttempts = 3,
        MaxJobs = 20,
        MaxDead = 3,
    };

    private const string Group = "workers";
    private readonly ConcurrentQueue<string> _ready = new();
    private IHubQueues? _queues;

    private IHubQueues Queues => _queues!;

    public async Task InitializeAsync()
    {
        _queues = Create($"q{Guid.NewGuid():N}");
        _queues.Start(_ready.Enqueue);
        await Until.TrueAsync(async () => (await Queues.StatsAsync("q", Group, Options)).Status == BrokerStatus.Ok, Limit, "it answers");
        await PrepareAsync("q");
    }

    public virtual Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task Claim_ByPriorityThenAge_EachOnce()
    {
        await EnqueueAsync("a", 0);
        await EnqueueAsync("b", 9);
        await EnqueueAsync("c", 5);
        await EnqueueAsync("d", 9);

        Texts(await ClaimAsync(3)).ShouldBe(["b", "d", "c"]);
        Texts(await ClaimAsync(3)).ShouldBe(["a"]);
        Texts(await ClaimAsync(3)).ShouldBeEmpty();
        (await Queues.StatsAsync("q", Group, Options)).ShouldBe(new QueueStats(BrokerStatus.Ok, 0, 0, 4, 0));
        Texts(await Queues.ClaimAsync("other", Group, 3, Options)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Claim_OfMuch_IsGivenInAnswersThatAClientTakes()
    {
        // Longer than the longest answer of Redis that is read, in sum.
        const int jobs = 18;
        var long4M = new byte[4 << 20];
        var options = Options with { MaxBytes = long.MaxValue };
        for (var i = 0; i < jobs; i++)
        {
            (await Queues.EnqueueAsync("q", new JobDraft(long4M), options)).Status.ShouldBe(BrokerStatus.Ok);
        }

        var taken = new HashSet<long>();
        while (taken.Count < jobs)
        {
            var claim = await Queues.ClaimAsync("q", Group, jobs, options);
            claim.Status.ShouldBe(BrokerStatus.Ok);
            claim.Jobs.ShouldNotBeEmpty();
            claim.Jobs.ShouldAllBe(job => job.Payload.Length == long4M.Length && taken.Add(job.Id));
        }
    }

    [Fact]
    public async Task Ack_Once_AndTheJobIsGone()
    {
        await EnqueueAsync("a");
        var job = (await ClaimAsync(1)).Jobs.Single();
        job.Attempt.ShouldBe(1);
        (await Queues.AckAsync("q", Group, job.Id, 2, Options)).ShouldBe(SettleStatus.NotHeld);
        (await Queues.AckAsync("q", Group, job.Id + 1, 1, Options)).ShouldBe(SettleStatus.NotHeld);
        (await Queues.AckAsync("q", Group, job.Id, 1, Options)).ShouldBe(SettleStatus.Ok);
        (await Queues.AckAsync("q", Group, job.Id, 1, Options)).ShouldBe(SettleStatus.NotHeld);
        (await Queues.StatsAsync("q", Group, Options)).ShouldBe(new QueueStats(BrokerStatus.Ok, 0, 0, 0, 0));
    }

    [Fact]
    public async Task Reject_IsTriedAgainLaterUntilItIsADeadLetter_AndCanBePutBack()
    {
        await EnqueueAsync("a", 7);
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            var job = await ClaimOneAsync();
            job.Attempt.ShouldBe(attempt);
            (await Queues.RejectAsync("q", Group, job.Id, job.Attempt, null, Options)).ShouldBe(SettleStatus.Ok);
        }

        (await Queues.StatsAsync("q", Group, Options)).ShouldBe(new QueueStats(BrokerStatus.Ok, 0, 0, 0, 1));
        var dead = (await Queues.DeadAsync("q", Group, 10, Options)).Jobs.Single();
        (dead.Attempts, dead.Reason, Text(dead.Payload)).ShouldBe((3, "attempts", "a"));
        await EnqueueAsync("b", 0);
        (await Queues.RedriveAsync("q", Group, 10, Options)).ShouldBe(1);
        (await Queues.DeadAsync("q", Group, 10, Options)).Jobs.ShouldBeEmpty();
        (await ClaimOneAsync()).ShouldBe(new LeasedJob(dead.Id, 1, default), new JobComparer());
    }

    [Fact]
    public async Task Return_IsReadyAgain_AndWasNoAttempt()
    {
        await EnqueueAsync("a", 7);
        await EnqueueAsync("b", 7);
        for (var i = 0; i < Options.MaxAttempts + 1; i++)
        {
            var job = (await ClaimAsync(1)).Jobs.Single();
            (job.Attempt, Text(job.Payload)).ShouldBe((1, "a"));
            (await Queues.ReturnAsync("q", Group, job.Id, 2, Options)).ShouldBe(SettleStatus.NotHeld);
            (await Queues.ReturnAsync("q", Group, job.Id, 1, Options)).ShouldBe(SettleStatus.Ok);
            (await Queues.ReturnAsync("q", Group, job.Id, 1, Options)).ShouldBe(SettleStatus.NotHeld);
        }

        (await Queues.StatsAsync("q", Group, Options)).ShouldBe(new QueueStats(BrokerStatus.Ok, 2, 0, 0, 0));
    }

    [Fact]
    public async Task Dispatcher_WorkerThatIsGoneButNotRemovedYet_CostsNoAttempt()
    {
        var once = Options with { MaxAttempts = 1 };
        using var dispatcher = new QueueDispatcher(Queues, TimeProvider.System);
        var done = new ConcurrentDictionary<string, int>();
        var gone = new QueueWorker(dispatcher, Group, done);
        gone.Leave();
        dispatcher.Add("q", Group, once, gone, 3);
        (await Queues.EnqueueAsync("q", new JobDraft(Bytes("a")), once)).Status.ShouldBe(BrokerStatus.Ok);
        await Until.TrueAsync(() => gone.Refused > 0, Limit, "it was offered the job");
        dispatcher.Remove("q", Group, gone);
        dispatcher.Add("q", Group, once, new QueueWorker(dispatcher, Group, done), 1);
        await Until.TrueAsync(() => done.ContainsKey("a"), Limit, "another has done it");
        gone.Refused.ShouldBe(1);
    }

    [Fact]
    public async Task Dispatcher_NextWorkerBringsOtherOptions_TheyHoldForAll()
    {
        var (brief, long1H) = (Options with { AckTimeout = TimeSpan.FromMinutes(1) }, Options with { AckTimeout = TimeSpan.FromHours(1) });
        using var dispatcher = new QueueDispatcher(Queues, TimeProvider.System);
        var silent = new SilentWorker();
        dispatcher.Add("q", Group, brief, silent, 1);
        dispatcher.Add("q", Group, long1H, new SilentWorker(), 1);
        await EnqueueAsync("a");
        await EnqueueAsync("b");
        await Until.TrueAsync(() => dispatcher.Held == 2, Limit, "each has one");

        silent.Lease.ShouldBe(long1H.AckTimeout);
        (await ClaimAsync(1)).NextDue.ShouldNotBeNull().ShouldBeGreaterThan(TimeSpan.FromMinutes(50));
    }

    [Fact]
    public async Task Reject_WithADelay_WaitsSoLong()
    {
        await EnqueueAsync("a");
        var job = await ClaimOneAsync();
        await Queues.RejectAsync("q", Group, job.Id, job.Attempt, TimeSpan.FromHours(1), Options);
        var nothing = await ClaimAsync(1);
        nothing.Jobs.ShouldBeEmpty();
        nothing.NextDue.ShouldNotBeNull().ShouldBeGreaterThan(TimeSpan.FromMinutes(59));
        (await Queues.StatsAsync("q", Group, Options)).Delayed.ShouldBe(1);
        // At once, where that is what the worker wants.
        await EnqueueAsync("b");
        job = await ClaimOneAsync();
        await Queues.RejectAsync("q", Group, job.Id, job.Attempt, TimeSpan.Zero, Options);
        (await ClaimAsync(1)).Jobs.Single().Id.ShouldBe(job.Id);
    }

    [Fact]
    public async Task Delay_IsNotDoneBefore()
    {
        await EnqueueAsync("late", delay: TimeSpan.FromMilliseconds(100));
        await EnqueueAsync("never", delay: TimeSpan.FromHours(2));
        (await ClaimOneAsync()).ShouldBe(new LeasedJob(1, 1, default), new JobComparer());
        (await ClaimAsync(5)).Jobs.ShouldBeEmpty();
    }

    [Fact]
    public async Task Lease_NotAcknowledgedInTime_IsAnothersAndTheFirstNoMore()
    {
        var brief = Options with { AckTimeout = TimeSpan.FromMilliseconds(50) };
        await EnqueueAsync("a");
        var first = (await Queues.ClaimAsync("q", Group, 1, brief)).Jobs.Single();
        var second = await ClaimOneAsync();
        (second.Id, second.Attempt).ShouldBe((first.Id, 2));
        (await Queues.AckAsync("q", Group, first.Id, first.Attempt, Options)).ShouldBe(SettleStatus.NotHeld);
        (await Queues.RejectAsync("q", Group, first.Id, first.Attempt, null, Options)).ShouldBe(SettleStatus.NotHeld);
        (await Queues.AckAsync("q", Group, second.Id, second.Attempt, Options)).ShouldBe(SettleStatus.Ok);
    }

    [Fact]
    public async Task Extend_HoldsTheLease()
    {
        await EnqueueAsync("a");
        var job = (await Queues.ClaimAsync("q", Group, 1, Options)).Jobs.Single();
        (await Queues.ExtendAsync("q", Group, job.Id, job.Attempt, Options with { AckTimeout = TimeSpan.FromHours(3) })).ShouldBe(
            SettleStatus.Ok
        );
        (await ClaimAsync(1)).NextDue.ShouldNotBeNull().ShouldBeGreaterThan(TimeSpan.FromHours(2));
        (await Queues.ExtendAsync("q", Group, job.Id, 9, Options)).ShouldBe(SettleStatus.NotHeld);
    }

    [Fact]
    public async Task Expired_IsADeadLetter_AndTheOldestMakeRoom()
    {
        for (var i = 0; i < 5; i++)
        {
            await EnqueueAsync($"{i}");
        }

        (await Queues.ClaimAsync("q", Group, 1, Options with { JobTtl = TimeSpan.Zero })).Jobs.ShouldBeEmpty();
        (await Queues.StatsAsync("q", Group, Options)).ShouldBe(new QueueStats(BrokerStatus.Ok, 0, 0, 0, 3));
        var dead = (await Queues.DeadAsync("q", Group, 10, Options)).Jobs;
        dead.Select(job => (job.Reason, Text(job.Payload))).ShouldBe([("expired", "2"), ("expired", "3"), ("expired", "4")]);
    }

    [Fact]
    public async Task Full_IsSaid_InJobsAndInBytes()
    {
        for (var i = 0; i < 20; i++)
        {
            await EnqueueAsync($"{i}");
        }

        (await Queues.EnqueueAsync("q", new JobDraft(Bytes("over")), Options)).Status.ShouldBe(BrokerStatus.Overloaded);
        var job = await ClaimOneAsync();
        await Queues.AckAsync("q", Group, job.Id, job.Attempt, Options);
        await EnqueueAsync("again");

        var small = Options with { MaxBytes = 100 };
        (await Queues.EnqueueAsync("small", new JobDraft(new byte[60]), small)).Status.ShouldBe(BrokerStatus.Ok);
        (await Queues.EnqueueAsync("small", new JobDraft(new byte[60]), small)).Status.ShouldBe(BrokerStatus.Overloaded);
        job = (await Queues.ClaimAsync("small", Group, 1, small)).Jobs.Single();
        await Queues.AckAsync("small", Group, job.Id, job.Attempt, small);
        (await Queues.EnqueueAsync("small", new JobDraft(new byte[60]), small)).Status.ShouldBe(BrokerStatus.Ok);
    }

    [Fact]
    public async Task Key_IsQueuedOnce()
    {
        var first = await Queues.EnqueueAsync("q", new JobDraft(Bytes("a"), Key: "k"), Options);
        (await Queues.EnqueueAsync("q", new JobDraft(Bytes("b"), Key: "k"), Options)).ShouldBe(first with { Suppressed = true });
        Texts(await ClaimAsync(5)).ShouldBe(["a"]);
    }

    [Fact]
    public async Task Groups_EachGetEveryJob()
    {
        var two = Options with { Groups = ["mail", "audit"] };
        await Queues.EnqueueAsync("q", new JobDraft(Bytes("a")), two);
        var mail = (await Queues.ClaimAsync("q", "mail", 5, two)).Jobs.Single();
        (await Queues.AckAsync("q", "mail", mail.Id, mail.Attempt, two)).ShouldBe(SettleStatus.Ok);
        var audit = (await Queues.ClaimAsync("q", "audit", 5, two)).Jobs.Single();
        Text(audit.Payload).ShouldBe("a");
        (await Queues.AckAsync("q", "mail", audit.Id, audit.Attempt, two)).ShouldBe(SettleStatus.NotHeld);
        (await Queues.AckAsync("q", "audit", audit.Id, audit.Attempt, two)).ShouldBe(SettleStatus.Ok);
        for (var i = 0; i < Options.MaxJobs; i++)
        {
            (await Queues.EnqueueAsync("q", new JobDraft(Bytes("b")), two)).Status.ShouldBe(BrokerStatus.Ok, "what both have done is gone");
        }
    }

    [Fact]
    public async Task Dispatcher_ManyWorkersThatFailAndVanish_EveryJobIsDoneOnce()
    {
        var options = Options with { MaxJobs = 1000, MaxAttempts = 50 };
        using var dispatcher = new QueueDispatcher(Queues, TimeProvider.System);
        var done = new ConcurrentDictionary<string, int>();
        var random = new Random(7);
        var workers = new ConcurrentBag<QueueWorker>();
        void Join()
        {
            var worker = new QueueWorker(dispatcher, Group, done);
            workers.Add(worker);
            dispatcher.Add("q", Group, options, worker, random.Next(1, 4));
        }

        for (var i = 0; i < 4; i++)
        {
            Join();
        }

        for (var i = 0; i < 200; i++)
        {
            (await Queues.EnqueueAsync("q", new JobDraft(Bytes($"j{i}"), i % 10), options)).Status.ShouldBe(BrokerStatus.Ok);
            if (i % 20 == 10)
            {
                // It goes with whatever it holds.
                var gone = workers.First(worker => !worker.IsGone);
                gone.Leave();
                dispatcher.Remove("q", Group, gone);
                Join();
            }
        }

        await Until.TrueAsync(() => done.Count == 200, Limit, "all are done");
        await Until.TrueAsync(
            async () => (await Queues.StatsAsync("q", Group, Options)) is { Ready: 0, Delayed: 0, Leased: 0, Dead: 0 },
            Limit,
            "and gone"
        );
        dispatcher.Counters.Acknowledged.ShouldBe(200);
        dispatcher.Counters.Rejected.ShouldBeGreaterThan(0);
        workers.ShouldAllBe(worker => worker.MostHeld <= 3);
        await Until.TrueAsync(() => dispatcher.Held == 0, Limit, "nobody holds anything");
        dispatcher.Workers.ShouldBe(4);
    }

    private protected abstract IHubQueues Create(string space);

    /// <summary>Makes what is said of a queue come.</summary>
    private protected virtual Task PrepareAsync(string queue) => Task.CompletedTask;

    private protected static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private protected static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    private static IEnumerable<string> Texts(ClaimResult claimed) => claimed.Jobs.Select(job => Text(job.Payload));

    private async Task EnqueueAsync(string text, int priority = 0, TimeSpan delay = default) =>
        (await Queues.EnqueueAsync("q", new JobDraft(Bytes(text), priority, delay), Options)).Status.ShouldBe(BrokerStatus.Ok);

    private async Task<ClaimResult> ClaimAsync(int count) => await Queues.ClaimAsync("q", Group, count, Options);

    private async Task<LeasedJob> ClaimOneAsync()
    {
        LeasedJob? job = null;
        await Until.TrueAsync(
            async () => (job = (await ClaimAsync(1)).Jobs.Cast<LeasedJob?>().FirstOrDefault()) is not null,
            Limit,
            "a job"
        );
        return job!.Value;
    }

    private sealed class JobComparer : IEqualityComparer<LeasedJob>
    {
        public bool Equals(LeasedJob x, LeasedJob y) => x.Id == y.Id && x.Attempt == y.Attempt;

        public int GetHashCode(LeasedJob obj) => obj.Id.GetHashCode();
    }

    /// <summary>Says nothing of its job.</summary>
    private sealed class SilentWorker : IQueueWorker
    {
        public TimeSpan Lease { get; private set; }

        public bool TryDeliver(string queue, in LeasedJob job, TimeSpan lease)
        {
            Lease = lease;
            return true;
        }
    }

    /// <summary>Does two of three jobs, and says of the others that it has not.</summary>
    private sealed class QueueWorker(QueueDispatcher dispatcher, string group, ConcurrentDictionary<string, int> done) : IQueueWorker
    {
        private int _held;
        private int _count;

        public bool IsGone { get; private set; }

        public int MostHeld { get; private set; }

        public int Refused { get; private set; }

        public void Leave() => IsGone = true;

        public bool TryDeliver(string queue, in LeasedJob job, TimeSpan lease)
        {
            if (IsGone)
            {
                Refused++;
                return false;
            }

            var (id, text) = (job.Id, Text(job.Payload));
            MostHeld = Math.Max(MostHeld, Interlocked.Increment(ref _held));
            var fails = Interlocked.Increment(ref _count) % 3 == 0;
            _ = Task.Run(async () =>
            {
                Interlocked.Decrement(ref _held);
                if (IsGone)
                {
                    return;
                }

                var status = await dispatcher.SettleAsync(queue, group, this, id, fails ? QueueVerdict.Failed : QueueVerdict.Done, null);
                if (!fails && status == SettleStatus.Ok)
                {
                    done.AddOrUpdate(text, 1, static (_, count) => count + 1);
                }
            });
            return true;
        }
    }
}
