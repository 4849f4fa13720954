using FsCheck;
using FsCheck.Fluent;

namespace Mooring.Operator.Tests.Scaling;

/// <summary>The leader dies after each of the sequence's writes in turn (surge, cordon, drain, deletion cost, fewer replicas), and another goes on from what is written.</summary>
public sealed class KilledInSequenceTests
{
    private const int Patience = 1500;
    private const int MostAtOnce = 24;

    private static readonly Gen<(int Wanted, int Load, int Seed)> Starts =
        from wanted in Gen.Choose(1, 5)
        from load in Gen.Choose(0, 600)
        from seed in Gen.Choose(0, int.MaxValue)
        select (wanted, load, seed);

    [Fact]
    public void Rollout_LeaderKilledAfterAnyOfItsWrites_EndsTheSame_WithEnoughReadyAllTheWay() =>
        ForAll(
            (wanted, load, seed) =>
            {
                var fleet = new SimulatedFleet(seed, wanted, wanted * load).Settle();
                fleet.Revision = "b";
                return fleet;
            },
            static (fleet, wanted) => fleet.Made.ShouldBe(2 * wanted, "a pod more than needed")
        );

    [Fact]
    public void ScaleIn_LeaderKilledAfterAnyOfItsWrites_EndsTheSame_WithEnoughReadyAllTheWay() =>
        ForAll(
            (wanted, load, seed) =>
            {
                var fleet = new SimulatedFleet(seed, wanted + 3, (wanted + 3) * load / 3).Settle();
                fleet.Wanted = wanted;
                return fleet;
            },
            static (fleet, wanted) => fleet.Made.ShouldBe(wanted + 3, "a pod more than needed")
        );

    private static void ForAll(Func<int, int, int, SimulatedFleet> begin, Action<SimulatedFleet, int> judge) =>
        Prop.ForAll(
                Starts.ToArbitrary(),
                start =>
                {
                    var (wanted, load, seed) = start;
                    var whole = begin(wanted, load, seed);
                    Run(whole, wanted, 0);
                    whole.Writes.ShouldBeGreaterThan(0);
                    for (var write = 1; write <= whole.Writes; write++)
                    {
                        var fleet = begin(wanted, load, seed);
                        fleet.WritesLeft = write;
                        // Nobody leads for as long as an election takes, or not at all.
                        Run(fleet, wanted, (seed + write) % 20);
                        judge(fleet, wanted);
                    }
                }
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(25));

    private static void Run(SimulatedFleet fleet, int wanted, int leaderless)
    {
        var drains = new Dictionary<string, (DateTimeOffset Started, DateTimeOffset? Deadline)>(StringComparer.Ordinal);
        for (var turn = 0; turn < Patience && !(fleet.IsSettled && turn > 0); turn++)
        {
            var isDead = fleet.WritesLeft == 0;
            if (isDead && leaderless-- <= 0)
            {
                fleet.WritesLeft = null;
                isDead = false;
            }

            fleet.Step(isLed: !isDead);
            fleet.Ready.ShouldBeGreaterThanOrEqualTo(wanted);
            foreach (var pod in fleet.Pods.Where(static pod => pod.Mark?.DrainStartedAt is not null))
            {
                var now = (pod.Mark!.DrainStartedAt!.Value, pod.Mark.Deadline);
                drains.TryAdd(pod.Name, now);
                drains[pod.Name].ShouldBe(now, $"the drain of {pod.Name} began anew");
            }
        }

        fleet.IsSettled.ShouldBeTrue(
            $"not settled: {string.Join(", ", fleet.Pods.Select(pod => $"{pod.Name} {pod.Stage} {pod.Connections} {pod.Mark}"))}"
        );
        // Nobody was removed with connections before its deadline, and the pace held.
        fleet.Faults.ShouldBeEmpty();
        fleet.MostClosedInASecond.ShouldBeLessThan(SimulatedFleet.Rate + MostAtOnce);
    }
}
