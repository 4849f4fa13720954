using Mooring.Gateway.Hub.Broker;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Queues;
using Mooring.Gateway.Tests.Hub.Resp;
using Mooring.Gateway.Tests.Registry;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub.Queues;

public sealed class RedisQueueTests(SharedRedis redis) : HubQueueTests, IClassFixture<SharedRedis>
{
    private BrokerKeys? _keys;
    private RedisBroker? _broker;

    public override async Task DisposeAsync() => await _broker!.DisposeAsync();

    private protected override IHubQueues Create(string space)
    {
        _keys = new BrokerKeys($"default/{space}");
        _broker = new RedisBroker($"default/{space}", RespClientTests.Patient(redis.Server.Port), TimeProvider.System, Limit);
        _broker.Start(new Received());
        return _broker.Queues;
    }

    [Theory]
    [InlineData("reject")]
    [InlineData("delay")]
    [InlineData("redrive")]
    public async Task Keys_OfAQueueThatNobodyUses_AllEnd(string last)
    {
        var (queues, options) = (_broker!.Queues, new QueueOptions { MaxAttempts = last == "redrive" ? 1 : 5 });
        (await queues.EnqueueAsync("q", new JobDraft(new byte[1]), options)).Status.ShouldBe(BrokerStatus.Ok);
        var job = (await queues.ClaimAsync("q", "workers", 1, options)).Jobs.Single();

        // The worker gives it back, and is the last there is: what this makes is not looked after by anybody.
        TimeSpan? delay = last == "delay" ? TimeSpan.FromHours(1) : TimeSpan.Zero;
        (await queues.RejectAsync("q", "workers", job.Id, job.Attempt, delay, options)).ShouldBe(SettleStatus.Ok);
        if (last == "redrive")
        {
            (await queues.RedriveAsync("q", "workers", 1, options)).ShouldBe(1);
        }

        var keys = (await redis.Server.CliAsync("KEYS", $"{_keys!.Channel("q")}:q:*")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        keys.Length.ShouldBe(4, "of the queue, its jobs, their records, and where this one is");
        foreach (var key in keys)
        {
            long.Parse(await redis.Server.CliAsync("PTTL", key.Trim()), System.Globalization.CultureInfo.InvariantCulture)
                .ShouldBeGreaterThan(0, key);
        }
    }

    [Fact]
    public async Task Keys_OfAQueueWhoseJobIsToWaitForLong_AreThereWhenItIsDue()
    {
        var (queues, options) = (_broker!.Queues, new QueueOptions { JobTtl = TimeSpan.FromMinutes(1) });
        (await queues.EnqueueAsync("q", new JobDraft(new byte[1]), options)).Status.ShouldBe(BrokerStatus.Ok);
        var job = (await queues.ClaimAsync("q", "workers", 1, options)).Jobs.Single();
        (await queues.RejectAsync("q", "workers", job.Id, job.Attempt, TimeSpan.FromDays(30), options)).ShouldBe(SettleStatus.Ok);
        foreach (
            var key in (await redis.Server.CliAsync("KEYS", $"{_keys!.Channel("q")}:q:*")).Split(
                '\n',
                StringSplitOptions.RemoveEmptyEntries
            )
        )
        {
            long.Parse(await redis.Server.CliAsync("PTTL", key.Trim()), System.Globalization.CultureInfo.InvariantCulture)
                .ShouldBeGreaterThan((long)TimeSpan.FromDays(30).TotalMilliseconds, key);
        }
    }

    [Fact]
    public async Task Delay_LongerThanJobsLive_CountsFromWhenItIsDue()
    {
        var options = new QueueOptions { JobTtl = TimeSpan.FromMinutes(1) };
        var delay = TimeSpan.FromHours(20);
        (await _broker!.Queues.EnqueueAsync("q", new JobDraft(new byte[1], Delay: delay), options)).Status.ShouldBe(BrokerStatus.Ok);
        // Neither a job without delay nor a look may let the queue end before it.
        (await _broker.Queues.EnqueueAsync("q", new JobDraft(new byte[1]), options)).Status.ShouldBe(BrokerStatus.Ok);
        (await _broker.Queues.ClaimAsync("q", "workers", 5, options)).Jobs.Count.ShouldBe(1);

        var name = _keys!.Channel("q") + ":q:";
        var due = await redis.Server.CliAsync("ZSCORE", $"{name}d:workers", "1");
        (await redis.Server.CliAsync("HGET", $"{name}a:workers", "1")).ShouldBe($"0 0 {due}");
        foreach (var key in new[] { $"{name}a:workers", $"{name}d:workers", $"{name}m", $"{name}j" })
        {
            long.Parse(await redis.Server.CliAsync("PTTL", key), System.Globalization.CultureInfo.InvariantCulture)
                .ShouldBeGreaterThan((long)delay.TotalMilliseconds);
        }
    }

    [Fact]
    public async Task Keys_OfAGroupThatIsGone_AreThereAsLongAsTheQueueIsPublishedTo()
    {
        var options = new QueueOptions { MaxAttempts = 1, JobTtl = TimeSpan.FromMinutes(1) };
        for (var i = 0; i < 2; i++)
        {
            (await _broker!.Queues.EnqueueAsync("q", new JobDraft(new byte[1]), options)).Status.ShouldBe(BrokerStatus.Ok);
        }

        var jobs = (await _broker!.Queues.ClaimAsync("q", "workers", 2, options)).Jobs;
        await _broker.Queues.RejectAsync("q", "workers", jobs[0].Id, 1, null, options);
        var long1D = options with { JobTtl = TimeSpan.FromDays(1) };
        (await _broker.Queues.EnqueueAsync("q", new JobDraft(new byte[1]), long1D)).Status.ShouldBe(BrokerStatus.Ok);
        foreach (var key in new[] { "r:workers", "l:workers", "a:workers", "x:workers", "m", "j" })
        {
            long.Parse(
                    await redis.Server.CliAsync("PTTL", $"{_keys!.Channel("q")}:q:{key}"),
                    System.Globalization.CultureInfo.InvariantCulture
                )
                .ShouldBeGreaterThan((long)TimeSpan.FromDays(1).TotalMilliseconds, key);
        }
    }

    private protected override Task PrepareAsync(string queue) =>
        Until.TrueAsync(async () => await _broker!.SubscribeAsync(queue) == BrokerStatus.Ok, Limit, "subscribed");
}
