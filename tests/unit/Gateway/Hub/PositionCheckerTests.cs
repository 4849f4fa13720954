using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Options;
using Mooring.Gateway.Hub.Sessions;
using Mooring.Gateway.WebSockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>However many channels there are, each is looked at in its time, and no more of them at once than are allowed.</summary>
public sealed class PositionCheckerTests
{
    private const int Channels = 20_000;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ManyChannels_AreAllRead(bool wasAway)
    {
        LossyBroker? broker = null;
        await using var hub = new HubHarness(broker: time => broker = new LossyBroker(time));
        for (var i = 0; i < Channels; i++)
        {
            (await hub.Node.SubscribeAsync(hub.Loop, $"chat:{i}")).ShouldBe(BrokerStatus.Ok);
        }

        var (reads, underWay, most) = (0, 0, 0);
        var gate = new Lock();
        broker!.OnRead = async () =>
        {
            lock (gate)
            {
                most = Math.Max(most, ++underWay);
            }

            await Task.Yield();
            lock (gate)
            {
                underWay--;
                reads++;
            }
        };
        if (wasAway)
        {
            // Twice: it goes no more often for that.
            hub.Node.OnInterrupted(null);
            hub.Node.OnInterrupted([.. Enumerable.Range(0, Channels).Select(i => $"chat:{i}")]);
            hub.Time.Advance(TimeSpan.FromSeconds(1));
        }
        else
        {
            hub.Time.Advance(PositionChecker.Interval);
        }

        await Until.TrueAsync(
            () =>
            {
                lock (gate)
                {
                    return reads >= Channels && underWay == 0;
                }
            },
            TimeSpan.FromSeconds(30),
            "all were read, though no more time went by"
        );
        reads.ShouldBe(Channels);
        most.ShouldBeInRange(1, 128);
    }

    [Fact]
    public async Task BrokerDoesNotAnswer_IsAskedAgainSoon_AndNotForAllChannelsEachSecond()
    {
        const int channels = 1000;
        LossyBroker? broker = null;
        await using var hub = new HubHarness(broker: time => broker = new LossyBroker(time));
        for (var i = 0; i < channels; i++)
        {
            (await hub.Node.SubscribeAsync(hub.Loop, $"chat:{i}")).ShouldBe(BrokerStatus.Ok);
        }

        var (asked, reads) = (0, 0);
        broker!.OnRead = () =>
        {
            Interlocked.Increment(ref asked);
            Interlocked.Add(ref reads, broker.IsAway ? 0 : 1);
            return Task.CompletedTask;
        };
        broker.IsAway = true;
        hub.Node.OnInterrupted(null);
        hub.Time.Advance(TimeSpan.FromSeconds(3));
        asked.ShouldBeInRange(channels, channels + (2 * 128));
        broker.IsAway = false;
        hub.Time.Advance(TimeSpan.FromSeconds(2));

        await Until.TrueAsync(
            () => Volatile.Read(ref reads) >= channels,
            TimeSpan.FromSeconds(30),
            "all were read, long before their turn"
        );
        reads.ShouldBe(channels);
    }

    [Fact]
    public async Task PositionsAreKeptForLessThanItsInterval_WhoStaysInAQuietChannelLosesNothing()
    {
        var quiet = new HubNamespaceConfig
        {
            Name = "quiet",
            Subscribe = HubAudience.Everyone,
            History = new HubHistoryConfig
            {
                Size = 5,
                Ttl = TimeSpan.FromSeconds(5),
                MetaTtl = TimeSpan.FromSeconds(10),
            },
        };
        await using var hub = new HubHarness(HubHarness.Config(quiet) with { PingInterval = TimeSpan.FromMinutes(5) });
        var session = hub.Connect();
        hub.Ask(session, """{"id":2,"subscribe":{"channel":"quiet:a"}}""");

        hub.Advance(3 * PositionChecker.Interval);

        hub.Read(session).ShouldBeEmpty();
        hub.Loop.Counters.Insufficient.ShouldBe(0);
    }

    [Fact]
    public async Task NamespaceGetsPositionsLater_LossIsFoundInChannelsThatWereThere()
    {
        LossyBroker? broker = null;
        var config = HubHarness.Config() with { PingInterval = TimeSpan.FromMinutes(5) };
        await using var hub = new HubHarness(config, time => broker = new LossyBroker(time));
        var (old, young) = (hub.Connect(), hub.Connect());
        hub.Ask(old, """{"id":2,"subscribe":{"channel":"plain:a"}}""");
        hub.Node.Options = new HubOptions(
            config with
            {
                Namespaces =
                [
                    .. config.Namespaces.Select(one =>
                        one.Name == "plain"
                            ? one with
                            {
                                History = new HubHistoryConfig { Size = 5, Ttl = TimeSpan.FromMinutes(5) },
                            }
                            : one
                    ),
                ],
            },
            new OriginList([])
        );
        hub.Ask(young, """{"id":2,"subscribe":{"channel":"plain:a"}}""")
            .GetProperty("subscribe")
            .GetProperty("positioned")
            .GetBoolean()
            .ShouldBeTrue();

        hub.Publish("plain:a", "1");
        broker!.Lose();
        hub.Advance(PositionChecker.Interval + PositionChecker.Patience + TimeSpan.FromSeconds(2));

        hub.Read(young)
            .Where(static one => one.TryGetProperty("push", out var push) && push.TryGetProperty("unsubscribe", out _))
            .Single()
            .GetProperty("push")
            .GetProperty("unsubscribe")
            .GetProperty("code")
            .GetInt32()
            .ShouldBe(2500);
        hub.Read(old).Count(static one => one.TryGetProperty("push", out _)).ShouldBe(0);
    }
}
