using System.Text;
using System.Text.Json;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>Much at once: whoever reads gets it all, however much comes within one turn; whoever does not is slow as before.</summary>
public sealed class HubBurstTests : IAsyncLifetime
{
    private static readonly HubConfig Config = HubHarness.Config(
        new HubNamespaceConfig
        {
            Name = "long",
            Subscribe = HubAudience.Everyone,
            History = new HubHistoryConfig { Size = 300, Ttl = TimeSpan.FromMinutes(5) },
        },
        new HubNamespaceConfig
        {
            Name = "seen",
            Subscribe = HubAudience.Everyone,
            JoinLeave = true,
        },
        new HubNamespaceConfig
        {
            Name = "newest",
            Subscribe = HubAudience.Everyone,
            WhenQueueFull = HubOverflow.DropNewest,
        }
    );

    private readonly HubHarness _hub = new(Config);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _hub.DisposeAsync();

    [Theory]
    [InlineData("chat:a", 2000, 10)]
    [InlineData("plain:a", 2000, 10)]
    [InlineData("newest:a", 5000, 10)]
    [InlineData("chat:a", 60, 62_000)]
    public void WithinOneTurn_WhoeverReadsGetsAll(string channel, int count, int bytes)
    {
        var session = _hub.Connect();
        _hub.Ask(session, $$$"""{"id":2,"subscribe":{"channel":"{{{channel}}}"}}""");

        Post(channel, count, bytes);
        _hub.Settle();

        _hub.Closed.ShouldBeEmpty();
        var pushes = _hub.Read(session);
        pushes.Count.ShouldBe(count);
        pushes
            .Select(one => one.GetProperty("push").GetProperty("pub").GetProperty("data").GetProperty("n").GetInt32())
            .ShouldBe(Enumerable.Range(0, count));
        (_hub.Loop.Counters.DroppedNewest + _hub.Loop.Counters.Insufficient).ShouldBe(0);
    }

    [Fact]
    public void WithinOneTurn_OneClientsManyCommandsHarmNoSubscriber()
    {
        var (reader, sender) = (_hub.Connect(), _hub.Connect());
        _hub.Ask(reader, """{"id":2,"subscribe":{"channel":"chat:a"}}""");

        var message = string.Join(
            '\n',
            Enumerable.Range(2, 1500).Select(i => $$$"""{"id":{{{i}}},"publish":{"channel":"chat:a","data":1}}""")
        );
        _hub.Send(sender, message);

        _hub.Closed.ShouldBeEmpty();
        _hub.Read(reader).Count.ShouldBe(1500);
        _hub.Read(sender).Count.ShouldBe(1500);
    }

    [Fact]
    public void WithinOneTurn_JoinsAndLeavesMakeNobodySlow()
    {
        var session = _hub.Connect();
        _hub.Ask(session, """{"id":2,"subscribe":{"channel":"seen:a","join_leave":true}}""");
        _hub.Read(session);
        var info = PublicationParts.EncodeInfo(
            new ClientInfo("u", Guid.NewGuid().ToString(), Encoding.UTF8.GetBytes($"\"{new string('x', 500)}\""), default)
        );
        for (var i = 0; i < 3000; i++)
        {
            _hub.Node.OnPresence("seen:a", joined: i % 2 == 0, info);
        }

        _hub.Settle();

        _hub.Closed.ShouldBeEmpty();
        _hub.Read(session).Count.ShouldBe(3000);
    }

    [Fact]
    public void WhoeverDoesNotRead_IsStillSlow()
    {
        var session = _hub.Connect();
        _hub.Ask(session, """{"id":2,"subscribe":{"channel":"plain:a"}}""");
        _hub.Room[session] = 500;

        Post("plain:a", 1000, 10);
        _hub.Settle();
        _hub.Closed.ShouldBeEmpty();
        Post("plain:a", 20, 10);
        _hub.Settle();

        _hub.Closed[session].ShouldBe(HubDisconnect.Slow);
        _hub.Loop.Counters.Slow.ShouldBe(1);
    }

    [Fact]
    public void WhoeverDoesNotRead_IsSlowByBytes()
    {
        var session = _hub.Connect();
        _hub.Ask(session, """{"id":2,"subscribe":{"channel":"plain:a"}}""");
        _hub.Room[session] = 500;

        Post("plain:a", 30, 60_000);
        _hub.Settle();

        _hub.Closed[session].ShouldBe(HubDisconnect.Slow);
    }

    [Fact]
    public void WhoeverReadsAPart_GetsTheRestLater()
    {
        var session = _hub.Connect();
        _hub.Ask(session, """{"id":2,"subscribe":{"channel":"plain:a"}}""");
        _hub.Room[session] = 20_000;

        Post("plain:a", 900, 10);
        _hub.Settle();
        var got = _hub.Read(session).Count;
        got.ShouldBeInRange(1, 899);
        _hub.Room.Remove(session);
        _hub.Flush(session);

        (got + _hub.Read(session).Count).ShouldBe(900);
        _hub.Closed.ShouldBeEmpty();
    }

    [Fact]
    public void ClientIsGone_AsRoomIsMadeForALongAnswer_NothingIsKeptForIt()
    {
        History("chat:a", 5, 400_000);
        var session = _hub.Connect();
        _hub.Dead.Add(session);

        _hub.Send(session, """{"id":2,"ping":{}}""" + "\n" + """{"id":3,"history":{"channel":"chat:a","limit":5}}""");

        session.IsClosed.ShouldBeTrue();
        session.Out.Count.ShouldBe(0);
    }

    [Fact]
    public void Recovery_OfMoreThanTheQueueHolds_IsTaken()
    {
        var first = History("long:a", 40, 60_000);

        var session = _hub.Open();
        _hub.Send(session, $$$"""{"id":1,"connect":{}}{{{"\n"}}}{{{Recover(2, "long:a", first)}}}""");

        _hub.Closed.ShouldBeEmpty();
        var reply = _hub.Read(session)[^1].GetProperty("subscribe");
        reply.GetProperty("recovered").GetBoolean().ShouldBeTrue();
        reply.GetProperty("publications").GetArrayLength().ShouldBe(40);
    }

    [Fact]
    public void Recovery_OfManyChannels_WaitsForWhatTheClientHasYetToTake()
    {
        var positions = Enumerable.Range(0, 6).Select(i => History($"long:{i}", 10, 60_000)).ToList();
        var session = _hub.Connect();
        _hub.Room[session] = 100_000;

        _hub.Send(session, string.Join('\n', positions.Select((position, i) => Recover(i + 2, $"long:{i}", position))));
        _hub.Publish("long:5", """{"n":10}""");
        _hub.Closed.ShouldBeEmpty();
        session.Out.Bytes.ShouldBeLessThan(3 * 1024 * 1024);

        var replies = new List<JsonElement>();
        for (var i = 0; i < 200 && replies.Count < 7; i++)
        {
            _hub.Room[session] = 300_000;
            _hub.Flush(session);
            replies.AddRange(_hub.Read(session));
        }

        _hub.Closed.ShouldBeEmpty();
        var subscribed = replies.Where(one => one.TryGetProperty("subscribe", out _)).ToList();
        subscribed.Select(one => one.GetProperty("id").GetInt32()).Order().ShouldBe(Enumerable.Range(2, 6));
        subscribed.ShouldAllBe(one => one.GetProperty("subscribe").GetProperty("recovered").GetBoolean());
        // What was published meanwhile came once: in the reply that was made later, or behind it.
        var last = subscribed.Single(one => one.GetProperty("id").GetInt32() == 7).GetProperty("subscribe").GetProperty("publications");
        var pushes = replies.Count(one => one.TryGetProperty("push", out _));
        (last.GetArrayLength() + pushes).ShouldBe(11);
        _hub.Loop.Counters.Recovered.ShouldBe(6);
        _hub.Loop.Counters.Clients.ShouldBe(1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Recovery_OfManyChannels_ReadsEachOnceMoreAtMost_AndOneAtATime(bool answersLater)
    {
        const int channels = 20;
        LossyBroker? broker = null;
        await using var hub = new HubHarness(Config, time => broker = new LossyBroker(time));
        var positions = Enumerable.Range(0, channels).Select(i => History(hub, $"long:{i}", 10, 60_000)).ToList();
        var (session, reads) = (hub.Connect(), 0);
        broker!.OnRead = () =>
        {
            reads++;
            return Task.CompletedTask;
        };
        broker.HoldsReads = answersLater;
        hub.Room[session] = 100_000;
        hub.Send(session, string.Join('\n', positions.Select((position, i) => Recover(i + 2, $"long:{i}", position))));
        await AnswerAsync();

        var replies = new List<JsonElement>();
        for (var i = 0; i < 200 && replies.Count < channels; i++)
        {
            hub.Room[session] = 300_000;
            hub.Flush(session);
            replies.AddRange(hub.Read(session));
            while (broker.Reads > 0)
            {
                broker.Reads.ShouldBe(1);
                await AnswerAsync();
                replies.AddRange(hub.Read(session));
            }
        }

        hub.Closed.ShouldBeEmpty();
        replies.Select(one => one.GetProperty("id").GetInt32()).Order().ShouldBe(Enumerable.Range(2, channels));
        replies.ShouldAllBe(one => one.GetProperty("subscribe").GetProperty("publications").GetArrayLength() == 10);
        // All that are asked for at once are read before the first is seen not to fit.
        reads.ShouldBeLessThanOrEqualTo(channels * (answersLater ? 3 : 2));

        async Task AnswerAsync()
        {
            var held = broker.Reads;
            broker.AnswerReads();
            await Until.TrueAsync(() => hub.Loop.Backlog >= held, TimeSpan.FromSeconds(60), "the loop has the answers");
            hub.Settle();
        }
    }

    /// <summary>Each read is a trip to Redis, and clients wait 5 s for a reply.</summary>
    [Fact]
    public async Task Recovery_OfManyChannelsThatMissedLittle_TakesFewTrips()
    {
        const int channels = 100;
        const int longs = 4;
        LossyBroker? broker = null;
        await using var hub = new HubHarness(Config, time => broker = new LossyBroker(time));
        var positions = Enumerable
            .Range(0, channels)
            .Select(i => History(hub, $"long:{i}", i < longs ? 10 : 1, i < longs ? 60_000 : 10))
            .ToList();
        var session = hub.Connect();
        hub.Room[session] = 1000;
        Ask(..longs);
        broker!.HoldsReads = true;
        Ask(longs..);
        broker.Reads.ShouldBe(0, "they wait behind those that do not fit");

        hub.Room[session] = 10_000_000;
        hub.Flush(session);
        var (trips, replies) = (0, hub.Read(session).ToList());
        for (; broker.Reads > 0; trips++)
        {
            var held = broker.Reads;
            held.ShouldBeLessThanOrEqualTo(32);
            broker.AnswerReads();
            await Until.TrueAsync(() => hub.Loop.Backlog >= held, TimeSpan.FromSeconds(60), "the loop has the answers");
            hub.Settle();
            replies.AddRange(hub.Read(session));
        }

        replies.Select(one => one.GetProperty("id").GetInt32()).Order().ShouldBe(Enumerable.Range(2, channels));
        trips.ShouldBeLessThanOrEqualTo(10);

        void Ask(Range some)
        {
            hub.Send(
                session,
                string.Join('\n', positions.Index().Take(some).Select(one => Recover(one.Index + 2, $"long:{one.Index}", one.Item)))
            );
            hub.Settle();
        }
    }

    [Fact]
    public void Recovery_ThatIsParked_EndsWithItsSession()
    {
        var positions = Enumerable.Range(0, 6).Select(i => History($"long:{i}", 10, 60_000)).ToList();
        var session = _hub.Connect();
        _hub.Room[session] = 1000;

        _hub.Send(session, string.Join('\n', positions.Select((position, i) => Recover(i + 2, $"long:{i}", position))));
        _hub.Advance(TimeSpan.FromSeconds(32));

        // By its queue's age, or since it has not had the ping either.
        _hub.Closed[session].ShouldBeOneOf(HubDisconnect.Slow, HubDisconnect.NoPong);
        _hub.Loop.CountChannels(100).ShouldBeEmpty();
    }

    [Fact]
    public void Posted_MoreThanTheLoopMayHold_IsDroppedAndCounted()
    {
        var session = _hub.Connect();
        _hub.Ask(session, """{"id":2,"subscribe":{"channel":"plain:a"}}""");

        Post("plain:a", 70, 1_000_000);

        _hub.Loop.Overruns.ShouldBeGreaterThan(0);
        var kept = 70 - (int)_hub.Loop.Overruns;
        _hub.Loop.Backlog.ShouldBe(kept);
        _hub.Settle();
        _hub.Read(session).Count.ShouldBe(kept);
        _hub.Loop.Backlog.ShouldBe(0);
    }

    [Fact]
    public void Posted_MoreJoinsThanTheLoopMayHold_AreDroppedAndCounted()
    {
        const int most = 262_144;
        var session = _hub.Connect();
        _hub.Ask(session, """{"id":2,"subscribe":{"channel":"seen:a"}}""");
        var info = PublicationParts.EncodeInfo(new ClientInfo("u", "c", default, default));

        for (var i = 0; i < most + 10; i++)
        {
            _hub.Node.OnPresence("seen:a", joined: true, info);
        }

        // Its own joining was the first.
        (_hub.Loop.Backlog, _hub.Loop.Overruns).ShouldBe((most, 10));
        _hub.Settle();
        _hub.Loop.Backlog.ShouldBe(0);
    }

    private static string Recover(int id, string channel, StreamPosition position) =>
        $$$"""{"id":{{{id}}},"subscribe":{"channel":"{{{channel}}}","recover":true,"offset":{{{position.Offset}}},"epoch":"{{{position.Epoch}}}"}}""";

    /// <summary>Fills a channel's history; returns where it began.</summary>
    private StreamPosition History(string channel, int count, int bytes) => History(_hub, channel, count, bytes);

    private static StreamPosition History(HubHarness hub, string channel, int count, int bytes)
    {
        var before = hub.Broker.HistoryAsync(channel, new HistoryQuery(null, 0, false, TimeSpan.FromMinutes(10))).Result();
        Post(hub, channel, count, bytes);
        hub.Settle();
        return before.Top;
    }

    /// <summary>All of one turn: none of it is delivered yet.</summary>
    private void Post(string channel, int count, int bytes) => Post(_hub, channel, count, bytes);

    private static void Post(HubHarness hub, string channel, int count, int bytes)
    {
        for (var i = 0; i < count; i++)
        {
            var json = $$"""{"n":{{i}},"fill":"{{new string('x', bytes)}}"}""";
            var payload = PublicationParts.Encode(Encoding.UTF8.GetBytes(json), null, null, 0);
            hub.Broker.PublishAsync(channel, payload, hub.Node.Options.Find(channel)!.Publish)
                .AsTask()
                .IsCompletedSuccessfully.ShouldBeTrue();
        }
    }
}

/// <summary>Answers of a broker in memory, which are there at once.</summary>
file static class Completed
{
    public static T Result<T>(this ValueTask<T> task)
    {
        task.IsCompletedSuccessfully.ShouldBeTrue();
        return task.GetAwaiter().GetResult();
    }
}
