using FsCheck;
using FsCheck.Fluent;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Tests.Scaling;

public sealed class PaceSharesTests
{
    [Fact]
    public void Divide_OneAlone_GetsTheWholeRate() =>
        PaceShares.Divide([new PacedGateway("a", 10, 0, true)], 200).ShouldBe(new Dictionary<string, double> { ["a"] = 200 });

    [Fact]
    public void Divide_SecondComes_WaitsUntilTheFirstHasConfirmedLess()
    {
        var first = PaceShares.Divide([new PacedGateway("a", 10, 200, true), new PacedGateway("b", 10, 0, true)], 200);
        first.ShouldBe(new Dictionary<string, double> { ["a"] = 100 });

        // Told, not confirmed: it may still do 200.
        PaceShares.Divide([new PacedGateway("a", 10, 200, false), new PacedGateway("b", 10, 0, true)], 200).Keys.ShouldNotContain("b");

        PaceShares.Divide([new PacedGateway("a", 10, 100, true), new PacedGateway("b", 10, 0, true)], 200)["b"].ShouldBe(100);
    }

    [Fact]
    public void Divide_EmptyOne_LeavesItsShareToTheOthers() =>
        PaceShares.Divide([new PacedGateway("a", 0, 0, true), new PacedGateway("b", 10, 0, true)], 200)["b"].ShouldBe(200);

    [Theory]
    // 100 for 30: as many whole closes as there are.
    [InlineData(100, 30, 30, 100)]
    [InlineData(100, 9, 9, 100)]
    // Not one a second for each: so many at a time, the others afterwards.
    [InlineData(5, 12, 5, 5)]
    [InlineData(1, 3, 1, 1)]
    [InlineData(0.5, 3, 1, 0.5)]
    public void Divide_ManyAtOnce_GivesAwayTheWholeRateAndNoSmallFractions(double rate, int gateways, int served, double given)
    {
        var shares = PaceShares.Divide(
            [.. Enumerable.Range(0, gateways).Select(static number => new PacedGateway($"g{number:d2}", 10, 0, true))],
            rate
        );

        shares.Count.ShouldBe(served);
        shares.Values.Sum().ShouldBe(given, 0.0001);
        shares.Values.ShouldAllBe(share => share >= 11 || share == Math.Floor(share) || served == 1);
    }

    [Fact]
    public void Divide_WhoWaited_GetsItsShareOnceAnotherIsDone()
    {
        PacedGateway[] first = [new("a", 10, 0, true), new("b", 10, 0, true), new("c", 10, 0, true)];
        PaceShares.Divide(first, 2).Keys.ShouldBe(["a", "b"], ignoreOrder: true);

        // Whoever has a share keeps it, whatever its name.
        PaceShares
            .Divide([new("a", 10, 0.0001, true), new("b", 10, 1, true), new("c", 10, 1, true)], 2)
            .Keys.ShouldBe(["b", "c"], ignoreOrder: true);
        PaceShares
            .Divide([new("a", 10, 0.0001, true), new("b", 0, 0, true), new("c", 10, 1, true)], 2)
            .ShouldBe(new Dictionary<string, double> { ["a"] = 1, ["c"] = 1 }, ignoreOrder: true);
    }

    [Fact]
    public void Divide_OneThatOnlySheds_CountsAndGetsNothing()
    {
        PaceShares.Divide([new("a", 10, 0, true), new("shed", 0, 50, false)], 50).ShouldBeEmpty();
        PaceShares.Divide([new("a", 10, 0, true), new("shed", 0, 20, false)], 50)["a"].ShouldBe(30);
        PaceShares.Divide([new("a", 10, 0, true), new("shed", 0, 0, true)], 50)["a"].ShouldBe(50);
    }

    [Fact]
    public void Divide_AnyOrderOfConfirmations_NeverExceedsTheRate() =>
        Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    const double Rate = 100;
                    var random = new Random(seed);
                    var told = new Dictionary<string, double>();
                    var does = new Dictionary<string, double>();
                    for (var turn = 0; turn < 200; turn++)
                    {
                        if (random.Next(4) == 0)
                        {
                            does.TryAdd($"g{random.Next(8)}", 0);
                        }

                        if (random.Next(10) == 0 && does.Count > 0)
                        {
                            var gone = does.Keys.ElementAt(random.Next(does.Count));
                            does.Remove(gone);
                            told.Remove(gone);
                        }

                        var seen = does.Select(pair => new PacedGateway(
                                pair.Key,
                                5,
                                Math.Max(pair.Value, told.GetValueOrDefault(pair.Key, pair.Value)),
                                !told.TryGetValue(pair.Key, out var last) || last == pair.Value
                            ))
                            .ToList();
                        foreach (var (name, share) in PaceShares.Divide(seen, Rate))
                        {
                            // What was told before and not taken yet is overtaken by a lower one, never by a higher.
                            if (seen.Single(one => one.Name == name).Confirmed)
                            {
                                told[name] = share;
                            }
                        }

                        foreach (var name in does.Keys.Where(_ => random.Next(2) == 0).ToList())
                        {
                            does[name] = told.GetValueOrDefault(name);
                        }

                        does.Values.Sum().ShouldBeLessThanOrEqualTo(Rate + 0.001);
                    }
                }
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(100));
}
