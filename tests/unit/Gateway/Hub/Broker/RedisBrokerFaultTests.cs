using System.Text;
using Mooring.Gateway.Hub.Broker;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Resp;
using Mooring.Gateway.Tests.Hub.Resp;
using Mooring.Gateway.Tests.Registry;
using Mooring.Testing;
using Mooring.Testing.Faults;
using Mooring.Testing.Redis;

namespace Mooring.Gateway.Tests.Hub.Broker;

/// <summary>Brokers whose Redis dies, hangs, falls silent or loses what it had: what is missed is noticed, and nothing waits without end.</summary>
public sealed class RedisBrokerFaultTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private static readonly PublishOptions Kept = new()
    {
        HistorySize = 1000,
        HistoryTtl = TimeSpan.FromMinutes(5),
        MetaTtl = TimeSpan.FromMinutes(10),
    };

    [Fact]
    public async Task Away_WithoutHistoryGoesOnLocally_WithHistoryIsRefused_AndBackThereIsANewEpoch()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var broker = await StartAsync(redis.Port, out var received);
        await Until.TrueAsync(async () => await broker.SubscribeAsync("c") == BrokerStatus.Ok, Limit, "subscribed");
        var first = await broker.PublishAsync("c", Bytes("1"), Kept);
        await Until.TrueAsync(() => received.Of("c").Count == 1, Limit, "it has come");

        redis.Kill();
        await Until.TrueAsync(() => !broker.IsAvailable, Limit, "it knows");
        (await broker.PublishAsync("c", Bytes("local"), PublishOptions.None)).Status.ShouldBe(BrokerStatus.Ok);
        received.Of("c")[^1].Payload.ShouldBe("local");
        (await broker.PublishAsync("unknown", Bytes("local"), PublishOptions.None)).Status.ShouldBe(BrokerStatus.Ok);
        (await broker.PublishAsync("c", Bytes("no"), Kept)).Status.ShouldBe(BrokerStatus.Unavailable);
        (await broker.PublishAsync("c", Bytes("no"), new PublishOptions { IdempotencyKey = "k" })).Status.ShouldBe(
            BrokerStatus.Unavailable
        );
        (await broker.HistoryAsync("c", new HistoryQuery(null, -1, false, Kept.MetaTtl))).Status.ShouldBe(BrokerStatus.Unavailable);
        (await broker.PresenceAsync("c")).Status.ShouldBe(BrokerStatus.Unavailable);
        (await broker.SendControlAsync(Bytes("x"))).ShouldBe(BrokerStatus.Unavailable);
        // New subscribers are taken, and get what is delivered locally.
        var subscribing = broker.SubscribeAsync("late");
        await broker.PublishAsync("late", Bytes("hello"), PublishOptions.None);
        received.Of("late").Single().Payload.ShouldBe("hello");
        (await subscribing).ShouldBe(BrokerStatus.Unavailable);
        broker.DeliveredLocally.ShouldBe(2);
        received.Interruptions.ShouldBe(0);

        await redis.StartAgainAsync();
        await Until.TrueAsync(
            () => broker.IsAvailable && received.Interruptions > 0,
            Limit,
            "it is back, and what was missed is to be looked for"
        );
        var top = (await broker.HistoryAsync("c", new HistoryQuery(first.Position, -1, false, Kept.MetaTtl)));
        top.Status.ShouldBe(BrokerStatus.WrongEpoch, "Redis has forgotten everything, and one that recovers is told so");
        var second = await broker.PublishAsync("c", Bytes("2"), Kept);
        second.Position.ShouldBe(new StreamPosition(1, top.Top.Epoch));
        await Until.TrueAsync(() => received.Of("c")[^1] == (second.Position, "2"), Limit, "it has come");
        await Until.TrueAsync(
            async () =>
            {
                await broker.PublishAsync("late", Bytes("on"), PublishOptions.None);
                return received.Of("late").Count > 1;
            },
            Limit,
            "what was subscribed to meanwhile comes too"
        );
    }

    [Fact]
    public async Task Full_WhatWouldBeKeptIsRefusedAsTooMuch_AndTheRestGoesOn()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var broker = await StartAsync(redis.Port, out var received);
        await Until.TrueAsync(async () => await broker.SubscribeAsync("c") == BrokerStatus.Ok, Limit, "subscribed");
        var first = await broker.PublishAsync("c", Bytes("1"), Kept);
        await redis.CliAsync("CONFIG", "SET", "maxmemory", "1");

        (await broker.PublishAsync("c", Bytes("no"), Kept)).Status.ShouldBe(BrokerStatus.Overloaded);
        (await broker.PublishAsync("c", Bytes("plain"), PublishOptions.None)).Status.ShouldBe(BrokerStatus.Ok);
        (await broker.SubscribeAsync("d")).ShouldBe(BrokerStatus.Ok);
        (await broker.HistoryAsync("c", new HistoryQuery(null, -1, false, Kept.MetaTtl))).Top.ShouldBe(first.Position);

        await redis.CliAsync("CONFIG", "SET", "maxmemory", "0");
        var second = await broker.PublishAsync("c", Bytes("2"), Kept);
        second.Position.ShouldBe(new StreamPosition(2, first.Position.Epoch), "what was refused has left nothing");
        await Until.TrueAsync(() => received.Of("c").Count == 3, Limit, "all have come");
    }

    [Theory]
    [InlineData("OOM command not allowed when used memory > 'maxmemory'.", true)]
    [InlineData(
        "ERR Error running script (call to f_1): @user_script:18: @user_script: 18: -OOM command not allowed when used memory > 'maxmemory'. ",
        true
    )]
    [InlineData("ERR unknown command", false)]
    public void Status_OfAServerThatIsFull_IsThatOfTooMuch(string answer, bool tooMuch) =>
        RedisBroker.Status(new RespServerException(answer)).ShouldBe(tooMuch ? BrokerStatus.Overloaded : BrokerStatus.Unavailable);

    [Fact]
    public async Task HalfOpenNetwork_WhatWasMissedIsSeenByItsOffsetsAndReadFromHistory()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var network = new StallProxy(redis.Port);
        await using var near = await StartAsync(redis.Port, out _);
        await using var far = await StartAsync(network.Port, out var received);
        await Until.TrueAsync(async () => await far.SubscribeAsync("c") == BrokerStatus.Ok, Limit, "subscribed");
        var last = (await near.PublishAsync("c", Bytes("1"), Kept)).Position;
        await Until.TrueAsync(() => received.Of("c").Count == 1, Limit, "it has come");

        network.Stall();
        for (var i = 2; i <= 5; i++)
        {
            (await near.PublishAsync("c", Bytes($"{i}"), Kept)).Status.ShouldBe(BrokerStatus.Ok);
        }

        await Until.TrueAsync(() => received.Interruptions > 0, Limit, "the silence is noticed");
        var missed = await Result(() => far.HistoryAsync("c", new HistoryQuery(last, -1, false, Kept.MetaTtl)));
        missed.Publications.Select(one => Encoding.UTF8.GetString(one.Payload.Span)).ShouldBe(["2", "3", "4", "5"]);
        var next = await near.PublishAsync("c", Bytes("6"), Kept);
        await Until.TrueAsync(() => received.Of("c")[^1] == (next.Position, "6"), Limit, "and it goes on");
    }

    [Fact]
    public async Task Hang_CallsFailInTime_AndNothingLocalComesTwice()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var broker = await StartAsync(redis.Port, out var received, new RespLimits { DeadAfter = TimeSpan.FromSeconds(60) });
        await Until.TrueAsync(async () => await broker.SubscribeAsync("c") == BrokerStatus.Ok, Limit, "subscribed");

        redis.Hang();
        var results = await Task.WhenAll(
            Enumerable.Range(0, 50).Select(i => broker.PublishAsync("c", Bytes($"{i}"), PublishOptions.None).AsTask())
        );
        results.ShouldAllBe(result => result.Status == BrokerStatus.Ok);
        received.Of("c").Count.ShouldBe(50);
        (await broker.PublishAsync("c", Bytes("no"), Kept)).Status.ShouldBe(BrokerStatus.Unavailable);

        // It has them all in its socket, and sends them now.
        redis.Resume();
        await Until.TrueAsync(
            async () => (await broker.PublishAsync("c", Bytes("end"), Kept)).Status == BrokerStatus.Ok,
            Limit,
            "it answers again"
        );
        await Until.TrueAsync(() => received.Of("c")[^1].Payload == "end", Limit, "all has come");
        received
            .Of("c")
            .Select(one => one.Payload)
            .Where(payload => payload is not ("end" or "no"))
            .Order()
            .Distinct()
            .Count()
            .ShouldBe(50);
        received.Of("c").Count(one => one.Position.Offset == 0).ShouldBe(50);
    }

    [Fact]
    public async Task AnswerIsLost_WhatHasComeMeanwhile_IsNotDeliveredOnceMore()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var service = new ServiceProxy(redis.Port);
        await using var broker = await StartPatientAsync(service.Port, out var received);
        await Until.TrueAsync(async () => await broker.SubscribeAsync("c") == BrokerStatus.Ok, Limit, "subscribed");

        service.Mute("PUBLISH");
        var publishing = broker.PublishAsync("c", Bytes("once"), PublishOptions.None).AsTask();
        await Until.TrueAsync(() => received.Of("c").Count > 0, Limit, "it has come, and no answer has");
        publishing.IsCompleted.ShouldBeFalse();
        service.CutMuted();

        (await publishing).Status.ShouldBe(BrokerStatus.Ok);
        received.Of("c").Count.ShouldBe(1);
        broker.DeliveredLocally.ShouldBe(0);
    }

    [Fact]
    public async Task SlowConnection_IsBoundedInBytes_AndSaysOverloaded()
    {
        await using var redis = await RedisServer.StartAsync();
        // Nothing is read from it once the scripts are loaded, for longer than the test takes.
        var stall = FaultPlan.None with
        {
            StallAt = 40_000,
            StallTime = TimeSpan.FromMinutes(5),
            BufferBytes = 128 * 1024,
        };
        using var network = new FaultProxy(redis.Port, _ => (stall, FaultPlan.None));
        var limits = new RespLimits { MaxUnsent = 512 * 1024, DeadAfter = TimeSpan.FromMinutes(5) };
        await using var broker = await StartAsync(network.Port, out _, limits);
        var results = new List<Task<PublishResult>>();
        for (var i = 0; i < 400; i++)
        {
            results.Add(broker.PublishAsync("c", new byte[50_000], Kept).AsTask());
            broker.Unsent.ShouldBeLessThanOrEqualTo(limits.MaxUnsent);
        }

        var statuses = (await Task.WhenAll(results).WaitAsync(Limit)).Select(result => result.Status).ToList();
        statuses.ShouldContain(BrokerStatus.Overloaded);
        broker.Counters.Refused.ShouldBeGreaterThan(0);
        broker.InFlight.ShouldBeLessThan(400);
    }

    [Fact]
    public async Task MetaLost_TheOldStreamIsNotTakenForTheNew()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var broker = await StartAsync(redis.Port, out _);
        for (var i = 0; i < 3; i++)
        {
            await Result(async () => (await broker.PublishAsync("c", Bytes($"{i}"), Kept)));
        }

        var keys = new BrokerKeys("default/f");
        await redis.CliAsync("DEL", keys.Meta("c"));
        var fresh = await broker.PublishAsync("c", Bytes("new"), Kept);
        fresh.Position.Offset.ShouldBe(1ul);
        (await broker.HistoryAsync("c", new HistoryQuery(null, -1, false, Kept.MetaTtl))).Publications.Count.ShouldBe(1);

        await redis.CliAsync("DEL", keys.Meta("c"));
        var read = await broker.HistoryAsync("c", new HistoryQuery(null, -1, false, Kept.MetaTtl));
        read.Publications.ShouldBeEmpty();
        read.Top.Offset.ShouldBe(0ul);
        read.Top.Epoch.ShouldNotBe(fresh.Position.Epoch);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task StreamGoneBack_AsAfterAFailover_GetsANewEpoch(bool publishes)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var broker = await StartAsync(redis.Port, out var received);
        await Until.TrueAsync(async () => await broker.SubscribeAsync("c") == BrokerStatus.Ok, Limit, "subscribed");
        PublishResult last = default;
        for (var i = 1; i <= 5; i++)
        {
            await Result(async () => last = await broker.PublishAsync("c", Bytes($"{i}"), Kept));
        }

        await Until.TrueAsync(() => received.Of("c").Count >= 5, Limit, "all have come");
        // The replica had three of them.
        var keys = new BrokerKeys("default/f");
        await redis.CliAsync("XDEL", keys.Stream("c"), "4-0", "5-0");
        await redis.CliAsync("XSETID", keys.Stream("c"), "3-0");
        await redis.CliAsync("HSET", keys.Meta("c"), "s", "3");
        if (publishes)
        {
            await broker.PublishAsync("c", Bytes("again four"), Kept);
            await Until.TrueAsync(() => received.Interruptions > 0, Limit, "it is to be looked at");
        }

        var read = await Result(() => broker.HistoryAsync("c", new HistoryQuery(null, -1, false, Kept.MetaTtl)));
        read.Top.Epoch.ShouldNotBe(last.Position.Epoch);
        (await broker.HistoryAsync("c", new HistoryQuery(last.Position, -1, false, Kept.MetaTtl))).Status.ShouldBe(BrokerStatus.WrongEpoch);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AnotherLife_ThatLacksTheLastMoments_AndIsPublishedToBeyondThem_RecoversOnlyWhoDidNotSeeThem(bool restarts)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var replica = restarts ? null : await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{redis.Port}");
        var publisher = await StartPatientAsync(redis.Port, out _);
        PublishResult last = default;
        for (var i = 1; i <= 95; i++)
        {
            await Result(async () => last = await publisher.PublishAsync("c", Bytes($"{i}"), Kept));
        }

        if (replica is null)
        {
            await redis.CliAsync("SAVE");
        }
        else
        {
            await Until.TrueAsync(
                async () => await replica.CliAsync("HGET", new BrokerKeys("default/f").Meta("c"), "s") == "95",
                Limit,
                "it is copied"
            );
            await replica.CliAsync("REPLICAOF", "NO", "ONE");
        }

        for (var i = 96; i <= 100; i++)
        {
            await Result(async () => last = await publisher.PublishAsync("c", Bytes($"{i}"), Kept));
        }

        await publisher.DisposeAsync();
        redis.Kill();
        if (replica is null)
        {
            await redis.StartAgainAsync();
        }

        // Nobody is left who has seen the hundredth but clients that come back.
        await using var broker = await StartPatientAsync(replica?.Port ?? redis.Port, out var received);
        await Until.TrueAsync(async () => await broker.SubscribeAsync("c") == BrokerStatus.Ok, Limit, "subscribed");
        var (epoch, fresh) = (last.Position.Epoch, default(PublishResult));
        var quiet = await Result(() => Since(95));
        (quiet.Top, quiet.Publications.Count).ShouldBe((new StreamPosition(95, epoch), 0), "nothing came yet, and who was there goes on");
        for (var i = 96; i <= 105; i++)
        {
            await Result(async () => fresh = await broker.PublishAsync("c", Bytes($"other {i}"), Kept));
        }

        fresh.Position.Offset.ShouldBe(105ul);
        fresh.Position.Epoch.ShouldNotBe(epoch);
        (await Since(100)).Status.ShouldBe(BrokerStatus.WrongEpoch);
        (await Since(96)).Status.ShouldBe(BrokerStatus.WrongEpoch);
        var read = await Result(() => Since(95));
        read.Top.ShouldBe(fresh.Position);
        read.Publications.Select(one => Encoding.UTF8.GetString(one.Payload.Span))
            .ShouldBe(Enumerable.Range(96, 10).Select(i => $"other {i}"));
        (await Result(() => Since(90))).Publications.Count.ShouldBe(15);
        await Until.TrueAsync(() => received.Of("c").Count >= 10, Limit, "all have come");
        received.Of("c").ShouldAllBe(one => one.Position.Epoch == fresh.Position.Epoch);

        ValueTask<HistoryResult> Since(ulong offset) =>
            broker.HistoryAsync("c", new HistoryQuery(new StreamPosition(offset, epoch), -1, false, Kept.MetaTtl));
    }

    [Fact]
    public async Task Restart_ScriptsAreKnownBeforeTheyAreCalled()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var broker = await StartAsync(redis.Port, out _);
        redis.Kill();
        await Until.TrueAsync(() => !broker.IsAvailable, Limit, "it knows");
        await redis.StartAgainAsync();
        await Until.TrueAsync(() => broker.IsAvailable, Limit, "it is back");

        var results = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => broker.PublishAsync("c", Bytes($"{i}"), Kept).AsTask()));

        results.Where(result => result.Status == BrokerStatus.Ok).Select(result => result.Position.Offset).ShouldBeInOrder();
        // In time or not, one was run.
        await Result(async () => await broker.PublishAsync("c", Bytes("last"), Kept));
        (await redis.CliAsync("INFO", "commandstats")).ShouldNotContain("cmdstat_eval:");
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("p")]
    [InlineData("p1")]
    [InlineData("p1:")]
    [InlineData("p1::x")]
    [InlineData("pa:e:x")]
    [InlineData("p1:123456789012345678901234567890123:x")]
    [InlineData("n1234567890123456")]
    public void Message_OfSomebodyElse_IsNone(string text)
    {
        var bytes = Encoding.ASCII.GetBytes(text);
        (BrokerMessage.Read(bytes) is { Kind: not BrokerMessageKind.Plain }).ShouldBeFalse();
        if (text is not "n1234567890123456")
        {
            BrokerMessage.Read(bytes).ShouldBeNull();
        }
    }

    [Fact]
    public void Message_RoundTrips()
    {
        var plain = BrokerMessage.Read(BrokerMessage.Plain(7, ulong.MaxValue, "x:y"u8)).ShouldNotBeNull();
        (plain.Kind, plain.Sent).ShouldBe((BrokerMessageKind.Plain, (7ul, ulong.MaxValue)));
        Encoding.ASCII.GetString(plain.Payload.Span).ShouldBe("x:y");
        var kept = BrokerMessage.Read(Bytes("p9007199254740993:ab:c:d")).ShouldNotBeNull();
        (kept.Position, Encoding.ASCII.GetString(kept.Payload.Span)).ShouldBe((new StreamPosition(9007199254740993, "ab"), "c:d"));
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static async Task<HistoryResult> Result(Func<ValueTask<HistoryResult>> read)
    {
        HistoryResult result = default;
        await Until.TrueAsync(async () => (result = await read()).Status == BrokerStatus.Ok, Limit, "it answers");
        return result;
    }

    private static Task Result(Func<Task<PublishResult>> publish) =>
        Until.TrueAsync(async () => (await publish()).Status == BrokerStatus.Ok, Limit, "it answers");

    private static Task<RedisBroker> StartAsync(int port, out Received received, RespLimits? limits = null)
    {
        var broker = new RedisBroker(
            "default/f",
            RespClientTests.Settings(port) with
            {
                Limits = limits ?? new RespLimits { DeadAfter = TimeSpan.FromSeconds(2) },
            },
            TimeProvider.System
        );
        broker.Start(received = new Received());
        return ReadyAsync(broker);
    }

    /// <summary>One whose calls are not given up, so that none is made twice.</summary>
    private static Task<RedisBroker> StartPatientAsync(int port, out Received received)
    {
        var broker = new RedisBroker("default/f", RespClientTests.Patient(port), TimeProvider.System, Limit);
        broker.Start(received = new Received());
        return ReadyAsync(broker);
    }

    private static async Task<RedisBroker> ReadyAsync(RedisBroker broker)
    {
        await Until.TrueAsync(() => broker.IsAvailable, Limit, "it is connected");
        return broker;
    }
}
