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
