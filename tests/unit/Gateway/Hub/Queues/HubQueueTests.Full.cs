using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Queues;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub.Queues;

// What nobody has done in time does not keep others out.
public abstract partial class HubQueueTests
{
    [Fact]
    public async Task Full_OfWhatAGroupHasNotDoneInTime_TakesAnother()
    {
        var two = Options with { Groups = [Group, "audit"], MaxJobs = 2, MaxDead = 0, JobTtl = TimeSpan.FromMilliseconds(300) };
        await FillAsync(two);
        await Until.TrueAsync(
            async () => (await Queues.EnqueueAsync("q", new JobDraft(Bytes("c")), two)).Status == BrokerStatus.Ok,
            Limit,
            "room"
        );
    }

    [Fact]
    public async Task Full_OfWhatAGroupHolds_TakesAnotherOnceItsLeasesEnded()
    {
        var two = Options with
        {
            Groups = [Group, "audit"],
            MaxJobs = 2,
            MaxDead = 0,
            AckTimeout = TimeSpan.FromMilliseconds(300),
            MaxBackoff = TimeSpan.FromMinutes(1),
        };
        await FillAsync(two);
        (await Queues.ClaimAsync("q", "audit", 2, two)).Jobs.Count.ShouldBe(2);
        two = two with { JobTtl = TimeSpan.Zero };
        await Until.TrueAsync(
            async () => (await Queues.EnqueueAsync("q", new JobDraft(Bytes("c")), two)).Status == BrokerStatus.Ok,
            Limit,
            "room"
        );
    }

    [Fact]
    public async Task Full_OfWhatOnlyAGroupHasThatIsNoMore_TakesAnother()
    {
        var two = Options with { Groups = [Group, "audit"], MaxJobs = 2 };
        await FillAsync(two);
        var one = two with { Groups = [Group] };
        await Until.TrueAsync(
            async () => (await Queues.EnqueueAsync("q", new JobDraft(Bytes("c")), one)).Status == BrokerStatus.Ok,
            Limit,
            "room"
        );

        // Should the group come back, it gets what is queued from then on.
        (await Queues.EnqueueAsync("q", new JobDraft(Bytes("d")), two)).Status.ShouldBe(BrokerStatus.Ok);
        Texts(await Queues.ClaimAsync("q", "audit", 5, two)).ShouldBe(["d"]);
        Texts(await Queues.ClaimAsync("q", Group, 5, two)).ShouldBe(["c", "d"]);
    }

    [Fact]
    public async Task Stats_AndDeadLetters_KnowWhatNobodyHasDoneInTime()
    {
        await EnqueueAsync("a");
        await EnqueueAsync("b", 5);
        await EnqueueAsync("late", delay: TimeSpan.FromHours(1));
        var over = Options with { JobTtl = TimeSpan.Zero };
        (await Queues.StatsAsync("q", Group, over)).ShouldBe(new QueueStats(BrokerStatus.Ok, 0, 1, 0, 2));
        (await Queues.DeadAsync("q", Group, 10, over))
            .Jobs.Select(job => (job.Reason, Text(job.Payload)))
            .ShouldBe([("expired", "b"), ("expired", "a")], ignoreOrder: true);
        (await ClaimAsync(5)).Jobs.ShouldBeEmpty();
    }

    /// <summary>Two jobs, which are all that the queue takes, and which one group has done.</summary>
    private async Task FillAsync(QueueOptions options)
    {
        for (var i = 0; i < 2; i++)
        {
            (await Queues.EnqueueAsync("q", new JobDraft(Bytes($"{i}")), options)).Status.ShouldBe(BrokerStatus.Ok);
        }

        foreach (var job in (await Queues.ClaimAsync("q", Group, 2, Options)).Jobs)
        {
            (await Queues.AckAsync("q", Group, job.Id, job.Attempt, Options)).ShouldBe(SettleStatus.Ok);
        }

        (
            await Queues.EnqueueAsync("q", new JobDraft(Bytes("over")), Options with { MaxJobs = 2, Groups = options.Groups })
        ).Status.ShouldBe(BrokerStatus.Overloaded);
    }
}
