using FsCheck;
using FsCheck.Fluent;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Balancing;

namespace Mooring.Gateway.Tests.Balancing;

/// <summary>The balancers over time: new connections come and old ones end, while endpoints come and go.</summary>
public sealed class SlowStartTests
{
    private const long Window = 30_000_000;

    [Theory]
    [InlineData(0, 0.1)]
    [InlineData(Window / 2, 0.5)]
    [InlineData(Window, 1)]
    [InlineData(Window * 2, 1)]
    public void Progress_RisesEvenlyFromATenth(long after, double expected) => SlowStart.Progress(5, 5 + after, Window).ShouldBe(expected);

    [Fact]
    public void Progress_NoWindow_IsWhole() => SlowStart.Progress(0, 0, 0).ShouldBe(1);

    [Theory]
    [InlineData(BalancingPolicy.LeastConnections, 3)]
    [InlineData(BalancingPolicy.LeastConnections, 10)]
    [InlineData(BalancingPolicy.LeastConnections, 40)]
    [InlineData(BalancingPolicy.RoundRobin, 10)]
    public void NewcomerAmongLoaded_GetsAtMostTwiceItsShareAtAnyTimeOfTheWindow(BalancingPolicy policy, int count)
    {
        // The others are full of connections, so that without slow start the newcomer would get everything.
        var connections = Enumerable.Repeat(100_000, count).ToArray();
        connections[^1] = 0;
        var random = new Random(count);
        long sequence = 0;
        var before = 0;
        foreach (var progress in new[] { 0.1, 0.3, 0.6, 0.95 })
        {
            const int Picks = 20_000;
            for (var i = 0; i < Picks; i++)
            {
                connections[Pick(policy, connections, progress, random, ref sequence)]++;
            }

            var share = (connections[^1] - before) / (double)Picks;
            share.ShouldBeLessThan(2.0 / count * progress * 1.2);
            share.ShouldBeGreaterThan(0.5 / count * progress);
            before = connections[^1];
        }
    }

    [Fact]
    public void LeastConnections_AnyWeightsAndChurn_HoldsInProportionToWeight() =>
        Prop.ForAll(
                Gen.Choose(1, 8).NonEmptyListOf().ToArbitrary(),
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                (weights, seed) =>
                {
                    var array = weights.Take(16).ToArray();
                    var connections = new int[array.Length];
                    var random = new Random(seed);
                    var open = new List<int>();
                    for (var i = 0; i < 4_000; i++)
                    {
                        if (open.Count > 1_000)
                        {
                            var at = random.Next(open.Count);
                            connections[open[at]]--;
                            open[at] = open[^1];
                            open.RemoveAt(open.Count - 1);
                        }

                        var index = LeastConnections.Pick(new ArrayView(connections, array), NextBits(random));
                        connections[index]++;
                        open.Add(index);
                    }

                    // Comparing (n + 1) / weight never lets the fullest run away from the rest by more than churn takes from them.
                    var perWeight = open.Count / (double)array.Sum();
                    return connections.Zip(array).All(pair => Math.Abs(pair.First - (perWeight * pair.Second)) < 12 + (0.05 * open.Count));
                }
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(40));

    [Fact]
    public void LeastConnections_StaleCountsOfManyGateways_DoNotHerd()
    {
        // Twenty gateways see counts that are a whole round old: each would send all its connections to the same newcomer.
        var truth = Enumerable.Repeat(50, 40).ToArray();
        truth[7] = 0;
        var random = new Random(3);
        for (var round = 0; round < 5; round++)
        {
            var stale = (int[])truth.Clone();
            for (var connection = 0; connection < 20 * 10; connection++)
            {
                truth[LeastConnections.Pick(new ArrayView(stale), NextBits(random))]++;
            }
        }

        // 1,000 connections: the newcomer is drawn in 2 of 40 choices and would have had all 1,000.
        truth[7].ShouldBeLessThan(100);
        truth.Max().ShouldBeLessThan(120);
    }

    private static int Pick(BalancingPolicy policy, int[] connections, double progress, Random random, ref long sequence)
    {
        var bits = NextBits(random);
        var view = new ArrayView(
            connections,
            null,
            [.. connections.Select((_, i) => i < connections.Length - 1 || SlowStart.Admits(progress, policy, connections.Length, i, bits))]
        );
        return policy == BalancingPolicy.RoundRobin ? RoundRobin.Pick(view, 1, ref sequence) : LeastConnections.Pick(view, bits);
    }

    private static ulong NextBits(Random random) => (ulong)random.NextInt64(long.MinValue, long.MaxValue);
}
