using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Protocol;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>What a client that comes and goes gets of a channel.</summary>
public sealed class RecoveryTests
{
    private const string Channel = "chat:room";
    private const int Window = 5;

    [Fact]
    public void AnyInterleaving_IsInOrderWithoutGapOrDuplicate_OrToldSo() =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(300),
            Prop.ForAll(Gen.Choose(0, 99).ArrayOf(60).ToArbitrary(), steps => RunAsync(steps).GetAwaiter().GetResult())
        );

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, true)]
    [InlineData(Window, true)]
    [InlineData(Window + 1, false)]
    public async Task Reconnect_SoManyBehind_IsRecoveredInsideTheWindow(int missed, bool recovered)
    {
        await using var hub = new HubHarness();
        var client = new ModelClient(hub, Channel);
        client.Reconnect();
        hub.Publish(Channel, "1");
        client.Take();
        hub.Loop.Closed(hub.Loop.Sessions[0]);
        for (var i = 0; i < missed; i++)
        {
            hub.Publish(Channel, $"{i + 2}");
        }

        client.Reconnect();
        client.Take();

        (client.Recovered, client.Unrecovered).ShouldBe(recovered ? (1, 0) : (0, 1));
        client.Offset.ShouldBe((ulong)missed + 1);
    }

    [Fact]
    public async Task Reconnect_MissedWhatIsNoJson_IsClosedAsWhoGetsItLive()
    {
        await using var hub = new HubHarness();
        var client = new ModelClient(hub, Channel);
        client.Reconnect();
        client.Take();
        hub.Loop.Closed(hub.Loop.Sessions[0]);
        hub.Publish(Channel, "no JSON");

        client.Reconnect();

        hub.Closed.Values.Single().ShouldBe(HubDisconnect.InappropriateProtocol);
    }

    [Fact]
    public async Task Connect_ClosedByOneOfItsChannels_LeavesNoneBehind()
    {
        await using var hub = new HubHarness();
        var token = hub.Token("anna", more: ",\"channels\":[\"private:a\",\"private:b\"]");
        var session = hub.Open();
        hub.Send(session, $$$"""{"id":1,"connect":{"token":"{{{token}}}"}}""");
        var subs = hub.Read(session).Single().GetProperty("connect").GetProperty("subs");
        var epoch = subs.GetProperty("private:a").GetProperty("epoch").GetString();
        hub.Loop.Closed(session);
        hub.Node.ChannelCount.ShouldBe(0);
        hub.Publish("private:a", "no JSON");

        session = hub.Open();
        var positions = JsonSerializer.Serialize(
            new Dictionary<string, object>
            {
                ["private:a"] = new
                {
                    recover = true,
                    epoch,
                    offset = 0,
                },
            }
        );
        hub.Send(session, $$$"""{"id":1,"connect":{"token":"{{{token}}}","subs":{{{positions}}}}}""");

        hub.Closed.Values.Single().ShouldBe(HubDisconnect.InappropriateProtocol);
        session.SubscriptionCount.ShouldBe(0);
        hub.Node.ChannelCount.ShouldBe(0);
    }

    [Fact]
    public async Task Reconnect_ManyPagesBehind_IsRecoveredInsideTheWindow()
    {
        const int missed = (2 * MissedPublications.Page) + 50;
        await using var hub = new HubHarness(
            HubHarness.Config(
                new HubNamespaceConfig
                {
                    Name = "long",
                    Subscribe = HubAudience.Everyone,
                    History = new HubHistoryConfig { Size = missed, Ttl = TimeSpan.FromMinutes(5) },
                }
            )
        );
        var client = new ModelClient(hub, "long:room");
        client.Reconnect();
        hub.Publish("long:room", "1");
        client.Take();
        hub.Loop.Closed(hub.Loop.Sessions[0]);
        for (var i = 0; i < missed; i++)
        {
            hub.Publish("long:room", $"{i + 2}");
        }

        client.Reconnect();
        client.Take();

        (client.Recovered, client.Unrecovered).ShouldBe((1, 0));
        client.Offset.ShouldBe((ulong)missed + 1);
    }

    [Theory]
    [InlineData(5, 3)]
    [InlineData(10, 1)]
    public async Task Connect_ServerSideChannels_AreRecoveredAsFarAsOneReplyMayBeLong(int megabytes, int recovered)
    {
        await using var hub = new HubHarness(
            HubHarness.Config(
                new HubNamespaceConfig
                {
                    Name = "long",
                    History = new HubHistoryConfig { Size = megabytes, Ttl = TimeSpan.FromMinutes(5) },
                }
            )
        );
        string[] channels = ["long:a", "long:b", "long:c"];
        var token = hub.Token("anna", more: $",\"channels\":{JsonSerializer.Serialize(channels)}");
        var session = hub.Open();
        hub.Send(session, $$$"""{"id":1,"connect":{"token":"{{{token}}}"}}""");
        var subs = hub.Read(session).Single().GetProperty("connect").GetProperty("subs");
        var positions = channels.ToDictionary(
            static channel => channel,
            channel => new
            {
                recover = true,
                epoch = subs.GetProperty(channel).GetProperty("epoch").GetString(),
                offset = 0,
            }
        );
        hub.Loop.Closed(session);
        var data = JsonSerializer.Serialize(new string('x', 1 << 20));
        foreach (var channel in channels)
        {
            for (var i = 0; i < megabytes; i++)
            {
                hub.Publish(channel, data);
            }
        }

        session = hub.Open();
        hub.Send(session, $$$"""{"id":1,"connect":{"token":"{{{token}}}","subs":{{{JsonSerializer.Serialize(positions)}}}}}""");

        var replies = hub.Read(session).Single().GetProperty("connect").GetProperty("subs").EnumerateObject().ToList();
        replies.Count.ShouldBe(3);
        replies.Count(static one => one.Value.TryGetProperty("recovered", out var yes) && yes.GetBoolean()).ShouldBe(recovered);
        replies
            .Sum(static one => one.Value.TryGetProperty("publications", out var some) ? some.GetArrayLength() : 0)
            .ShouldBe(recovered * megabytes);
        replies.ShouldAllBe(one =>
            one.Value.GetProperty("offset").GetInt32() == megabytes || one.Value.GetProperty("recovered").GetBoolean()
        );
    }

    [Theory]
    [InlineData("_", 0)]
    [InlineData("other", 1)]
    public async Task Subscribe_OtherEpoch_IsNotRecovered(string epoch, int offset)
    {
        await using var hub = new HubHarness();
        hub.Publish(Channel, "1");
        var session = hub.Connect();

        var reply = hub.Ask(
            session,
            $$$"""{"id":2,"subscribe":{"channel":"{{{Channel}}}","recover":true,"epoch":"{{{epoch}}}","offset":{{{offset}}}}}"""
        );

        reply.GetProperty("subscribe").GetProperty("was_recovering").GetBoolean().ShouldBeTrue();
        reply.GetProperty("subscribe").GetProperty("recovered").GetBoolean().ShouldBeFalse();
        reply.GetProperty("subscribe").GetProperty("offset").GetInt32().ShouldBe(1);
        hub.Ask(
                hub.Connect(),
                $$$"""{"id":2,"subscribe":{"channel":"{{{Channel}}}","recover":true,"epoch":"{{{epoch}}}","offset":{{{offset}}},"flag":2}}"""
            )
            .GetProperty("error")
            .GetProperty("code")
            .GetInt32()
            .ShouldBe(112);
    }

    [Fact]
    public async Task Loss_OnAQuietChannel_IsFoundByThePositionCheck()
    {
        LossyBroker? broker = null;
        await using var hub = new HubHarness(broker: time => broker = new LossyBroker(time));
        var client = new ModelClient(hub, Channel);
        client.Reconnect();
        hub.Publish(Channel, "1");
        broker!.Deliver(1);
        hub.Publish(Channel, "2");
        broker.Lose();
        client.Take();
        client.Offset.ShouldBe(1ul);

        for (var second = 0; second < 50; second++)
        {
            hub.Time.Advance(TimeSpan.FromSeconds(1));
            client.Take();
        }

        (client.Offset, client.Recovered).ShouldBe((2ul, 1));
    }

    [Fact]
    public async Task Interruption_ChecksAtOnce()
    {
        LossyBroker? broker = null;
        await using var hub = new HubHarness(broker: time => broker = new LossyBroker(time));
        var client = new ModelClient(hub, Channel);
        client.Reconnect();
        hub.Publish(Channel, "1");
        broker!.Lose();
        broker.OnInterrupted([Channel]);

        for (var second = 0; second < 5; second++)
        {
            hub.Time.Advance(TimeSpan.FromSeconds(1));
            client.Take();
        }

        client.Offset.ShouldBe(1ul);
    }

    private static async Task RunAsync(int[] steps)
    {
        // Without xunit's, what waits for a result goes on as soon as it is set, on this thread.
        SynchronizationContext.SetSynchronizationContext(null);
        LossyBroker? broker = null;
        await using var hub = new HubHarness(broker: time => broker = new LossyBroker(time));
        var client = new ModelClient(hub, Channel);
        client.Reconnect();
        ulong published = 0;
        foreach (var step in steps)
        {
            switch (step)
            {
                case < 40:
                    hub.Publish(Channel, $"{++published}");
                    break;
                case < 65:
                    broker!.Deliver(1 + (step % 4));
                    break;
                case < 72:
                    broker!.Lose();
                    break;
                case < 80:
                    broker!.HoldsReads = true;
                    break;
                case < 88:
                    broker!.HoldsReads = false;
                    broker.AnswerReads();
                    break;
                default:
                    client.Reconnect();
                    break;
            }

            client.Take();
        }

        broker!.HoldsReads = false;
        broker.AnswerReads();
        broker.Deliver(int.MaxValue);
        for (var second = 0; second < 100; second++)
        {
            hub.Time.Advance(TimeSpan.FromSeconds(1));
            client.Take();
        }

        client.Offset.ShouldBe(published);
    }
}
