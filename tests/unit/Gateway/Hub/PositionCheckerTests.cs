using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Sessions;
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
}
