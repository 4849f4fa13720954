using Mooring.Contracts.Stream;
using Mooring.Gateway.Telemetry;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Telemetry;

public sealed class LoadRatesTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void Of_FirstReport_IsTheAverageSinceTheStart()
    {
        var rates = new LoadRates(_time);
        _time.Advance(TimeSpan.FromSeconds(5));

        var traffic = rates.Of([Load(accepted: 50, received: 1000, sent: 2000)])[0].Traffic;

        traffic.ConnectionsPerSecond.ShouldBe(10, 1e-9);
        traffic.ReceivedBitsPerSecond.ShouldBe(1600, 1e-9);
        traffic.SentBitsPerSecond.ShouldBe(3200, 1e-9);
    }

    [Fact]
    public void Of_TrafficThatStopped_FallsToZeroWithinTwoWindows()
    {
        var rates = new LoadRates(_time);
        for (var second = 0; second <= 60; second++)
        {
            rates.Of([Load(100 * second, 0, 0)]);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        rates.Of([Load(6000, 0, 0)])[0].Traffic.ConnectionsPerSecond.ShouldBe(100, 10);
        for (var second = 0; second <= 21; second++)
        {
            rates.Of([Load(6000, 0, 0)]);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        rates.Of([Load(6000, 0, 0)])[0].Traffic.ConnectionsPerSecond.ShouldBe(0);
    }

    [Fact]
    public void Of_ListenerAndBackendOfOneName_AreApart()
    {
        var rates = new LoadRates(_time);
        _time.Advance(TimeSpan.FromSeconds(1));
        rates.Of([Load(1, 100, 0)]);

        rates.Of([new BackendLoad { Name = "edge", ReceivedBytesTotal = 5 }])[0].Traffic.ReceivedBitsPerSecond.ShouldBe(40);
    }

    [Fact]
    public void Of_AskedTwiceAtOnce_DividesByNoZero()
    {
        var rates = new LoadRates(_time);

        rates.Of([Load(1, 1, 1)])[0].Traffic.ConnectionsPerSecond.ShouldBe(0);
    }

    private static ListenerLoad Load(long accepted, long received, long sent) =>
        new()
        {
            Name = "edge",
            AcceptedTotal = accepted,
            ReceivedBytesTotal = received,
            SentBytesTotal = sent,
        };
}
