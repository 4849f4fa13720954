using FsCheck;
using FsCheck.Fluent;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Tests.Scaling;

/// <summary>The sequence's promises, on simulated fleets to which anything may happen.</summary>
public sealed class DrainSequencePropertyTests
{
    private const int Disturbed = 150;
    private const int Patience = 1500;
    private const int MostAtOnce = 24;

    private static readonly Gen<(int Wanted, int Load, int Seed)> Starts =
        from wanted in Gen.Choose(1, 8)
        from load in Gen.Choose(0, 700)
        from seed in Gen.Choose(0, int.MaxValue)
        select (wanted, load, seed);

    [Fact]
    public void Rollout_Undisturbed_NeverHasFewerReadyThanWanted_AndEnds() =>
        ForAll(
            (wanted, load, seed) =>
            {
                var fleet = new SimulatedFleet(seed, wanted, wanted * load).Settle();
                fleet.Revision = "b";
                Run(fleet, () => fleet.Ready.ShouldBeGreaterThanOrEqualTo(wanted));

                // Not one pod more than needed, and every client was moved at most a few times.
                fleet.Made.ShouldBe(2 * wanted);
                fleet.Faults.ShouldBeEmpty();
            }
        );

    [Fact]
    public void Rollout_WithAShareToKeepFree_KeepsIt() =>
        ForAll(
            (wanted, load, seed) =>
            {
                const int Percent = 20;
                var fleet = new SimulatedFleet(seed, wanted, wanted * load, Percent).Settle();
                fleet.Revision = "b";
                Run(
                    fleet,
                    () =>
                    {
                        var free = (fleet.Ready * SimulatedFleet.Capacity) - fleet.Pods.Sum(static pod => pod.Connections);
                        (fleet.Ready >= wanted || free * 100 >= wanted * SimulatedFleet.Capacity * Percent).ShouldBeTrue(
                            $"{fleet.Ready} of {wanted} ready, {free} free"
                        );
                    }
                );
                fleet.Faults.ShouldBeEmpty();
            }
        );

    [Fact]
    public void ScaleIn_RemovesOnlyEmptyOnes_AndStopsAtWhatIsWanted() =>
        ForAll(
            (wanted, load, seed) =>
            {
                var fleet = new SimulatedFleet(seed, wanted + 4, (wanted + 4) * load / 3).Settle();
                fleet.Wanted = wanted;
                Run(fleet, () => fleet.Ready.ShouldBeGreaterThanOrEqualTo(wanted));
                fleet.Made.ShouldBe(wanted + 4);
                fleet.Faults.ShouldBeEmpty();
            }
        );

    [Fact]
    public void ScaleIn_TakenBackWhileTheClusterActsOnIt_RemovesNobodyElse() =>
        ForAll(
            (wanted, load, seed) =>
            {
                var fleet = new SimulatedFleet(seed, wanted + 3, (wanted + 3) * load / 3).Settle();
                fleet.Wanted = wanted;
                // Fewer are asked for, and it may be that not one has gone yet.
                Until(fleet, () => fleet.Asked(fleet.Revision) < wanted + 3, () => fleet.Ready.ShouldBeGreaterThanOrEqualTo(wanted));
                fleet.Wanted = wanted + 3;
                var asked = fleet.Asked(fleet.Revision);
                Run(
                    fleet,
                    () =>
                    {
                        // And it is asked for once, not up and down until the cluster has seen it.
                        fleet.Asked(fleet.Revision).ShouldBeInRange(asked, wanted + 3);
                        asked = fleet.Asked(fleet.Revision);
                    }
                );
                fleet.Faults.ShouldBeEmpty();
            }
        );

    [Fact]
    public void Rollout_RevertedOnTheWay_RestartsNoneThatIsOfTheOldRevision() =>
        ForAll(
            (wanted, load, seed) =>
            {
                var fleet = new SimulatedFleet(seed, wanted, wanted * load).Settle();
                fleet.Revision = "b";
                foreach (var _ in Enumerable.Range(0, seed % 12))
                {
                    fleet.Step();
                }

                var left = fleet.Pods.Count(static pod => pod is { Revision: "a", Stage: not GatewayStage.Terminating });
                var made = fleet.Made;
                fleet.Revision = "a";
                var newer = fleet.Pods.Count(static pod => pod.Revision == "b");
                Run(fleet, () => fleet.Ready.ShouldBeGreaterThanOrEqualTo(wanted));
                fleet.Faults.ShouldBeEmpty();
                (fleet.Made - made).ShouldBeLessThanOrEqualTo(wanted - left + newer);
            }
        );

    [Fact]
    public void AnythingGoes_EndsAsWanted_AtThePace_AndRemovesNobodyBeforeTheDeadline() =>
        ForAll(
            (wanted, load, seed) =>
            {
                var random = new Random(seed);
                var fleet = new SimulatedFleet(seed, wanted, wanted * load).Settle();
                for (var turn = 0; turn < Disturbed; turn++)
                {
                    switch (random.Next(25))
                    {
                        case 0:
                            fleet.KillOne();
                            break;
                        case 1:
                            fleet.Wanted = random.Next(1, 9);
                            break;
                        case 2:
                            fleet.Revision = random.Next(3) switch
                            {
                                0 => "a",
                                1 => "b",
                                _ => "c",
                            };
                            break;
                        case 3:
                            fleet.PodsStart = !fleet.PodsStart;
                            break;
                        case 4 when fleet.Pods.Count > 0:
                            fleet.Pods[random.Next(fleet.Pods.Count)].Hold = random.Next(3) switch
                            {
                                0 => GatewayHold.Cordon,
                                1 => GatewayHold.Drain,
                                _ => null,
                            };
                            break;
                        default:
                            fleet.Drift();
                            break;
                    }

                    // Without a leader for a while now and then: the next goes on from what is written.
                    fleet.Step(isLed: turn % 40 < 32);
                }

                fleet.PodsStart = true;
                foreach (var pod in fleet.Pods)
                {
                    pod.Hold = null;
                }

                Run(fleet, static () => { });
                fleet.Faults.ShouldBeEmpty();
                // Each may carry less than one over from the second before.
                fleet.MostClosedInASecond.ShouldBeLessThan(SimulatedFleet.Rate + MostAtOnce);
            }
        );

    [Fact]
    public void Drain_ByHand_ReplacesTheGateway_WithAsManyReadyAllTheWay() =>
        ForAll(
            (wanted, load, seed) =>
            {
                var fleet = new SimulatedFleet(seed, wanted, wanted * load).Settle();
                var victim = fleet.Pods[seed % wanted];
                victim.Hold = GatewayHold.Drain;
                Until(fleet, () => !fleet.Pods.Contains(victim) && fleet.IsSettled, () => fleet.Ready.ShouldBeGreaterThanOrEqualTo(wanted));
                fleet.Made.ShouldBe(wanted + 1);
                fleet.Faults.ShouldBeEmpty();
            }
        );

    [Fact]
    public void Cordon_ByHand_StaysWithItsClients_UntilItIsTakenBack_WhileAnotherServesInItsPlace() =>
        ForAll(
            (wanted, load, seed) =>
            {
                var fleet = new SimulatedFleet(seed, wanted, wanted * load).Settle();
                var held = fleet.Pods[seed % wanted];
                held.Hold = GatewayHold.Cordon;
                var before = held.Connections;
                Until(fleet, () => held.Mark is { DrainStartedAt: null } && fleet.Ready == wanted, static () => { });
                for (var turn = 0; turn < 100; turn++)
                {
                    var step = fleet.Step();
                    step.Phase.ShouldBe(SequencePhase.Complete);
                    step.Marks.ShouldBeEmpty();
                }

                (held.Connections, fleet.Closed, fleet.Made).ShouldBe((before, 0, wanted + 1));

                held.Hold = null;
                Run(fleet, () => fleet.Ready.ShouldBeGreaterThanOrEqualTo(wanted));
                fleet.Faults.ShouldBeEmpty();
                fleet.Made.ShouldBe(wanted + 1);
            }
        );

    [Fact]
    public void Cordon_ByHand_DoesNotHoldUpARolloutOrAScaleIn() =>
        ForAll(
            (wanted, load, seed) =>
            {
                var fleet = new SimulatedFleet(seed, wanted + 1, wanted * load).Settle();
                var held = fleet.Pods[seed % wanted];
                held.Hold = GatewayHold.Cordon;
                Until(fleet, () => held.Mark is not null && fleet.Ready == wanted + 1, static () => { });
                fleet.Wanted = wanted;
                Until(fleet, () => fleet.Ready == wanted && fleet.Pods.Count == wanted + 1, static () => { });
                fleet.Pods.ShouldContain(held);
                fleet.Revision = "b";
                Run(fleet, () => fleet.Ready.ShouldBeGreaterThanOrEqualTo(wanted));
                fleet.Faults.ShouldBeEmpty();
            }
        );

    [Fact]
    public void Decide_Twice_IsDeciding() =>
        ForAll(
            (wanted, load, seed) =>
            {
                var fleet = new SimulatedFleet(seed, wanted, wanted * load).Settle();
                fleet.Revision = "b";
                for (var turn = 0; turn < 30; turn++)
                {
                    fleet.Do(DrainSequence.Decide(fleet.See()));
                    var again = DrainSequence.Decide(fleet.See());
                    again.Marks.ShouldAllBe(change => change.Before != null && change.After != null, "a choice is made once");
                    fleet.Step();
                }
            }
        );

    private static void Run(SimulatedFleet fleet, Action check)
    {
        for (var turn = 0; turn < Patience; turn++)
        {
            if (fleet.IsSettled)
            {
                return;
            }

            fleet.Step();
            check();
        }

        fleet.IsSettled.ShouldBeTrue(
            $"not settled: {string.Join(", ", fleet.Pods.Select(pod => $"{pod.Name} {pod.Stage} {pod.Connections} {pod.Mark}"))}"
        );
    }

    private static void Until(SimulatedFleet fleet, Func<bool> isThere, Action check)
    {
        for (var turn = 0; turn < Patience && !isThere(); turn++)
        {
            fleet.Step();
            check();
        }

        isThere()
            .ShouldBeTrue(
                $"{string.Join(", ", fleet.Pods.Select(pod => $"{pod.Name} {pod.Stage} {pod.Connections} {pod.Hold} {pod.Mark}"))}"
            );
    }

    private static void ForAll(Action<int, int, int> check) =>
        Prop.ForAll(Starts.ToArbitrary(), start => check(start.Wanted, start.Load, start.Seed))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(100));
}
