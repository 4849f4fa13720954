using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.Balancing;

namespace Mooring.Gateway.Tests.Balancing;

public sealed class MaglevProperties
{
    private const int Keys = 8_000;
    private static readonly Config Checks = Config.QuickThrowOnFailure.WithMaxTest(30);

    private static readonly Arbitrary<(string Id, int Weight)[]> Sets = (
        from count in Gen.Choose(2, 60)
        from seed in Gen.Choose(0, 1_000_000)
        from heaviest in Gen.Elements(1, 3, 16)
        select Enumerable
            .Range(0, count)
            .Select(i => ($"10.{seed % 256}.{i}.{seed / 256}:9000", 1 + ((seed + (i * 7)) % heaviest)))
            .ToArray()
    ).ToArbitrary();

    [Fact]
    public void Table_OfASetInAnyOrder_IsTheSame() =>
        Prop.ForAll(
                Sets,
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                (set, seed) =>
                {
                    var shuffled = set.ToArray();
                    new Random(seed).Shuffle(shuffled);
                    return Owners(set).SequenceEqual(Owners(shuffled));
                }
            )
            .Check(Checks);

    [Fact]
    public void Shares_FollowTheWeights_WithinSixSigma() =>
        Prop.ForAll(
                Sets,
                set =>
                {
                    var counts = Owners(set).GroupBy(id => id).ToDictionary(group => group.Key, group => group.Count());
                    double sum = set.Sum(endpoint => endpoint.Weight);
                    return set.All(endpoint =>
                    {
                        var mean = Keys * endpoint.Weight / sum;
                        return Math.Abs(counts.GetValueOrDefault(endpoint.Id) - mean) <= (6 * Math.Sqrt(mean)) + 2;
                    });
                }
            )
            .Check(Checks);

    /// <summary>The bound that the README states: besides the keys of the one that goes, 5 % of the others at most.</summary>
    [Fact]
    public void OneOfN_Removed_MovesItsKeysAndFewOthers() =>
        Prop.ForAll(
                Sets,
                Gen.Choose(0, 1000).ToArbitrary(),
                (set, pick) =>
                {
                    // Of equal weights: one that is much heavier than all others would take the measure of the turns with it.
                    var equal = set.Select(endpoint => (endpoint.Id, 1)).ToArray();
                    var gone = equal[pick % equal.Length].Id;
                    var after = Owners([.. equal.Where(endpoint => endpoint.Id != gone)]);
                    var others = Owners(equal).Zip(after).Where(pair => pair.First != gone).ToList();
                    return others.Count(pair => pair.First != pair.Second) <= 0.05 * others.Count;
                }
            )
            .Check(Checks);

    [Fact]
    public void AnyOut_MoveTheirKeysAlone_AndGetThemBack() =>
        Prop.ForAll(
                Sets,
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                (set, seed) =>
                {
                    var random = new Random(seed);
                    var available = set.Select(_ => random.Next(3) > 0).ToArray();
                    available[random.Next(set.Length)] = true;
                    var table = MaglevTable.Build(set);
                    var all = new ArrayView(new int[set.Length]);
                    var some = new ArrayView(new int[set.Length], null, available);
                    return Enumerable
                        .Range(0, 2_000)
                        .All(key =>
                        {
                            var home = table.Pick(all, (ulong)key);
                            var now = table.Pick(some, (ulong)key);
                            return available[now] && (now == home || !available[home]);
                        });
                }
            )
            .Check(Checks);

    /// <summary>Every gateway sends a client to the same endpoint, also with hardly any left.</summary>
    [Fact]
    public void NearlyAllOut_OfASetInAnyOrder_LeadsToTheSame() =>
        Prop.ForAll(
                Sets,
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                (set, seed) =>
                {
                    var shuffled = set.ToArray();
                    new Random(seed).Shuffle(shuffled);
                    HashSet<string> left = [set[0].Id, set[^1].Id];
                    return Owners(set, left).SequenceEqual(Owners(shuffled, left));
                }
            )
            .Check(Checks);

    /// <summary>Gateways of two versions stand side by side in a rollout: the table must not change with the code.</summary>
    [Fact]
    public void Table_OfToday_IsThatOfAllVersions()
    {
        var table = MaglevTable.Build([("relay-0", 1), ("relay-1", 2), ("relay-2", 1)]);
        var view = new ArrayView(new int[3]);
        string.Concat(Enumerable.Range(0, 40).Select(key => table.Pick(view, (ulong)key << 32))).ShouldBe(Golden);
    }

    private const string Golden = "1000111111111111112012210101111201110012";

    /// <param name="set">The endpoints.</param>
    /// <param name="left">Those that are in; null: all.</param>
    private static string[] Owners((string Id, int Weight)[] set, HashSet<string>? left = null)
    {
        var table = MaglevTable.Build(set);
        var view = new ArrayView(new int[set.Length], null, [.. set.Select(endpoint => left?.Contains(endpoint.Id) ?? true)]);
        return [.. Enumerable.Range(0, Keys).Select(key => set[table.Pick(view, (ulong)key)].Id)];
    }
}
