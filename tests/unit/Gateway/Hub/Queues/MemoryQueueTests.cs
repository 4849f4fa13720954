using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Queues;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub.Queues;

public sealed class MemoryQueueTests : HubQueueTests
{
    private protected override IHubQueues Create(string space) => new MemoryQueues(TimeProvider.System);

    [Fact]
    public void Delay_LongerThanJobsLive_IsDoneWhenItIsDue()
    {
        var (queue, options) = (new MemoryQueue(), new QueueOptions { JobTtl = TimeSpan.FromMinutes(1) });
        queue.Enqueue(new JobDraft(new byte[1], Delay: TimeSpan.FromHours(1)), options, 0, 1000).ShouldNotBeNull();
        var due = (long)TimeSpan.FromHours(1).TotalMilliseconds;

        queue.Claim("workers", 1, options, due - 1).Jobs.ShouldBeEmpty();
        queue.Claim("workers", 1, options, due + 59_000).Jobs.Count.ShouldBe(1);

        queue.Enqueue(new JobDraft(new byte[1], Delay: TimeSpan.FromHours(1)), options, 0, 1000).ShouldNotBeNull();
        queue.Claim("workers", 1, options, due + 60_000).Jobs.ShouldBeEmpty("it has waited for a minute");
    }

    [Fact]
    public void Keys_AreForgottenInTime_AndSoManyAreKnown()
    {
        var (queue, options) = (new MemoryQueue(), new QueueOptions { MaxJobs = 1_000_000 });
        for (var i = 0; i < 70_000; i++)
        {
            queue.Enqueue(new JobDraft(default, Key: $"{i}"), options, i / 70, 1000)!.Value.Known.ShouldBeFalse();
        }

        queue.Enqueue(new JobDraft(default, Key: "1"), options, 999, 1000)!.Value.Known.ShouldBeTrue();
        queue.Enqueue(new JobDraft(default, Key: "69999"), options, 999, 1000)!.Value.Known.ShouldBeFalse("there were too many to note it");
        queue.Enqueue(new JobDraft(default, Key: "1"), options, 1000, 1000)!.Value.Known.ShouldBeFalse("its time is over");
        queue.Enqueue(new JobDraft(default, Key: "1"), options, 1001, 1000)!.Value.Known.ShouldBeTrue();
        queue.IsEmpty(1001).ShouldBeFalse();
    }

    [Fact]
    public async Task AllQueues_FullOfWhatNobodyHasDoneInTime_TakeMore()
    {
        var time = new ManualTime();
        var queues = new MemoryQueues(time, maxBytes: 1000);
        var options = new QueueOptions { MaxDead = 0, JobTtl = TimeSpan.FromMinutes(1) };
        (await queues.EnqueueAsync("nobody", new JobDraft(new byte[1000]), options)).Status.ShouldBe(BrokerStatus.Ok);
        (await queues.EnqueueAsync("more", new JobDraft(new byte[1]), options)).Status.ShouldBe(BrokerStatus.Overloaded);
        time.Advance(TimeSpan.FromMinutes(1));
        (await queues.EnqueueAsync("more", new JobDraft(new byte[1]), options)).Status.ShouldBe(BrokerStatus.Ok);
        queues.Bytes.ShouldBe(1);
    }

    [Fact]
    public async Task AllQueues_AreBoundedInBytes()
    {
        var queues = new MemoryQueues(TimeProvider.System, maxBytes: 1000);
        var options = new QueueOptions();
        for (var i = 0; i < 10; i++)
        {
            (await queues.EnqueueAsync($"{i}", new JobDraft(new byte[100]), options)).Status.ShouldBe(BrokerStatus.Ok);
        }

        (await queues.EnqueueAsync("more", new JobDraft(new byte[1]), options)).Status.ShouldBe(BrokerStatus.Overloaded);
        var job = (await queues.ClaimAsync("3", "workers", 1, options)).Jobs.Single();
        await queues.AckAsync("3", "workers", job.Id, job.Attempt, options);
        queues.Bytes.ShouldBe(900);
        (await queues.EnqueueAsync("more", new JobDraft(new byte[100]), options)).Status.ShouldBe(BrokerStatus.Ok);
    }
}
