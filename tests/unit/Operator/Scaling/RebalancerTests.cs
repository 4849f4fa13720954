using FsCheck;
using FsCheck.Fluent;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Tests.Scaling;

public sealed class RebalancerTests
{
    private static readonly RebalancePolicy Policy = new(10, 50);

    [Theory]
    [InlineData("1000 1000 1000", 0, "")]
    [InlineData("1090 1000 910", 9, "")]
    [InlineData("1500 1500 0", 50, "1050 1050")]
    [InlineData("0 0 0", 0, "")]
    [InlineData("7 1 1", 133, "")]
    public void Decide_Loads_ShedsOnlyAboveTheBandAndTheNoise(string loads, int skew, string targets)
    {
        var decision = Rebalancer.Decide(
            [.. loads.Split(' ').Select((load, index) => new BalancedGateway($"g{index}", int.Parse(load, null), 10_000, false))],
            Policy
        );
        decision.SkewPercent.ShouldBe(skew);
        string.Join(' ', decision.Sheds.Select(static shed => shed.Target)).ShouldBe(targets);
    }

    [Fact]
    public void Decide_UnequalCapacities_MeasuresByShare() =>
        Rebalancer
            .Decide([new BalancedGateway("big", 2000, 20_000, false), new BalancedGateway("small", 1000, 10_000, false)], Policy)
            .ShouldSatisfyAllConditions(
                static decision => decision.SkewPercent.ShouldBe(0),
                static decision => decision.Sheds.ShouldBeEmpty()
            );

    [Fact]
    public void Decide_WhileShedding_GoesOnWellIntoTheBand()
    {
        BalancedGateway[] Loads(bool shedding) => [new("a", 1080, 10_000, shedding), new("b", 920, 10_000, false)];
        Rebalancer.Decide(Loads(shedding: false), Policy).Sheds.ShouldBeEmpty();
        Rebalancer.Decide(Loads(shedding: true), Policy).Sheds.ShouldHaveSingleItem().Target.ShouldBe(1050);
    }

    [Fact]
    public void Decide_NoPolicy_OnlyMeasures() =>
        Rebalancer
            .Decide([new BalancedGateway("a", 2000, 10_000, false), new BalancedGateway("b", 0, 10_000, false)], null)
            .ShouldSatisfyAllConditions(
                static decision => decision.SkewPercent.ShouldBe(100),
                static decision => decision.Sheds.ShouldBeEmpty()
            );

    /// <summary>Clients that are sent away come back to any gateway by chance, as behind a Service; others come and go.</summary>
    [Fact]
    public void Simulated_AfterAScaleOut_EndsInsideTheBand_AtThePace_AndStaysQuiet() =>
        Prop.ForAll(
                (
                    from old in Gen.Choose(1, 6)
                    from added in Gen.Choose(1, 4)
                    from each in Gen.Choose(200, 4000)
                    from seed in Gen.Choose(0, int.MaxValue)
                    select (old, added, each, seed)
                ).ToArbitrary(),
                start =>
                {
                    var random = new Random(start.seed);
                    var loads = Enumerable.Repeat(start.each, start.old).Concat(Enumerable.Repeat(0, start.added)).ToArray();
                    var shedding = new bool[loads.Length];
                    var beginnings = 0;
                    var moved = 0;
                    for (var second = 0; second < 1200; second++)
                    {
                        var decision = Rebalancer.Decide(
                            [.. loads.Select((load, index) => new BalancedGateway($"{index:00}", load, 10_000, shedding[index]))],
                            Policy
                        );
                        var now = new bool[loads.Length];
                        var closed = 0;
                        foreach (var shed in decision.Sheds)
                        {
                            var index = int.Parse(shed.Gateway, null);
                            now[index] = true;
                            beginnings += shedding[index] ? 0 : 1;
                            var count = Math.Clamp(loads[index] - shed.Target, 0, (int)(Policy.MovesPerSecond / decision.Sheds.Count));
                            loads[index] -= count;
                            closed += count;
                        }

                        shedding = now;
                        closed.ShouldBeLessThanOrEqualTo((int)Policy.MovesPerSecond);
                        moved += closed;
                        for (var i = 0; i < closed; i++)
                        {
                            loads[random.Next(loads.Length)]++;
                        }
                    }

                    var share = loads.Average();
                    loads.Max().ShouldBeLessThanOrEqualTo((int)Math.Ceiling(share + Math.Max(share * 0.1, 3 * Math.Sqrt(share))));
                    shedding.ShouldAllBe(static busy => !busy);
                    // Once each, but for a chance in a thousand.
                    beginnings.ShouldBeLessThanOrEqualTo(loads.Length + 2);
                    moved.ShouldBeLessThan(start.old * start.each * 3);
                }
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(40));
}
