using Mooring.Operator.Entities.Status;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Tests.Planning;

public sealed class StatusWriteRuleTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Fact]
    public void Delay_FirstStatus_IsWrittenAtOnce() => StatusWriteRule.Delay(null, Status(0), null, Now).ShouldBe(TimeSpan.Zero);

    [Fact]
    public void Delay_Unchanged_IsNotWritten() => StatusWriteRule.Delay(Status(100), Status(100), Now.AddHours(-1), Now).ShouldBeNull();

    [Fact]
    public void Delay_StateChanged_IsWrittenAtOnce() =>
        StatusWriteRule.Delay(Status(100), Status(100) with { Phase = "Degraded" }, Now, Now).ShouldBe(TimeSpan.Zero);

    [Theory]
    [InlineData(1000, 1010, false)]
    [InlineData(1000, 1011, true)]
    [InlineData(1000, 990, false)]
    [InlineData(1000, 989, true)]
    [InlineData(0, 1, true)]
    [InlineData(1, 0, true)]
    public void Delay_FiguresChanged_CountFromOnePercent(int written, int next, bool isNews) =>
        StatusWriteRule.Delay(Status(written), Status(next), Now.AddHours(-1), Now).ShouldBe(isNews ? TimeSpan.Zero : null);

    [Theory]
    [InlineData(1000, 1200, false)]
    [InlineData(1000, 1201, true)]
    [InlineData(1000, 799, true)]
    [InlineData(1000, 0, true)]
    [InlineData(0, 1, true)]
    public void Delay_Bandwidth_CountsFromAFifth(long written, long next, bool isNews) =>
        StatusWriteRule
            .Delay(
                Status(1) with
                {
                    Bandwidth = new BandwidthStatus { SentBitsPerSecond = written },
                },
                Status(1) with
                {
                    Bandwidth = new BandwidthStatus { SentBitsPerSecond = next },
                },
                Now.AddHours(-1),
                Now
            )
            .ShouldBe(isNews ? TimeSpan.Zero : null);

    [Theory]
    [InlineData(100, 101, false)]
    [InlineData(100, 102, true)]
    public void Delay_Tunnels_CountFromOnePercent(int written, int next, bool isNews) =>
        StatusWriteRule
            .Delay(
                Status(1) with
                {
                    Tunnels = new TunnelsStatus { Open = written, Capacity = 7 },
                },
                Status(1) with
                {
                    Tunnels = new TunnelsStatus { Open = next, Capacity = 7 },
                },
                Now.AddHours(-1),
                Now
            )
            .ShouldBe(isNews ? TimeSpan.Zero : null);

    [Fact]
    public void Delay_FiguresChangedSoonAfterAWrite_Waits() =>
        StatusWriteRule.Delay(Status(100), Status(200), Now.AddSeconds(-3), Now).ShouldBe(TimeSpan.FromSeconds(7));

    private static FleetStatus Status(int connections) =>
        new()
        {
            Phase = "Ready",
            Connections = new ConnectionsStatus { Current = connections, Capacity = 10_000 },
        };
}
