using System.Diagnostics;
using Mooring.Testing.ApiDouble;
using static Mooring.Operator.Tests.Faults.OperatorOnDouble;

namespace Mooring.Operator.Tests.Faults;

/// <summary>Two whole operators that both believe they lead, as for a moment when a clock or a Lease is wrong; here for all of a rollout.</summary>
public sealed class TwoLeadersTests
{
    [Fact]
    public async Task Rollout_ByBothAtOnce_IsDoneOnce_AndThenTheyAreQuiet()
    {
        await using var api = await KubernetesApiDouble.StartAsync();
        PutFleet(api, RolloutOnDouble.Manifest);
        var pods = new StandInPods(api, RolloutOnDouble.Gateways);
        await using var one = Start(api, "one");
        await using var other = Start(api, "other");
        await pods.UntilAsync(() => RolloutOnDouble.IsDone(api, pods, RolloutOnDouble.Before), "the fleet as it was made");
        var kept = RolloutOnDouble.Kept(api);

        RolloutOnDouble.Begin(api);
        await pods.UntilAsync(() => RolloutOnDouble.IsDone(api, pods, RolloutOnDouble.After), "the end of the rollout");

        // They agree, and so neither undoes what the other did.
        var (writes, since) = (0, Stopwatch.GetTimestamp());
        await pods.UntilAsync(
            () =>
            {
                var now = api.Requests.Count(RolloutOnDouble.IsWrite);
                (writes, since) = now == writes ? (writes, since) : (now, Stopwatch.GetTimestamp());
                return Stopwatch.GetElapsedTime(since) > TimeSpan.FromSeconds(2);
            },
            "two seconds without a write"
        );
        var all = RolloutOnDouble.Writes(api);
        writes.ShouldBeLessThanOrEqualTo(3 * RolloutOnDouble.MostWrites, all);
        RolloutOnDouble.IsDone(api, pods, RolloutOnDouble.After).ShouldBeTrue(all);
        pods.Faults.ShouldBeEmpty(all);
        pods.Made.ShouldBe(2 * RolloutOnDouble.Gateways, all);
        RolloutOnDouble.Kept(api).ShouldBe(kept, all);
        RolloutOnDouble.NothingElseWasDeleted(api, all);
    }
}
