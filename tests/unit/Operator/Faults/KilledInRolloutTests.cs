using Mooring.Testing.ApiDouble;
using static Mooring.Operator.Tests.Faults.OperatorOnDouble;

namespace Mooring.Operator.Tests.Faults;

/// <summary>
/// The whole operator dies at each write of a rollout in turn (the new Deployment, surges, marks, costs, fewer replicas, statuses, the old Deployment's end), just
/// before or just after the write arrives, and another goes on from there.
/// </summary>
public sealed class KilledInRolloutTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Rollout_OperatorKilledAtAnyOfItsWrites_TheNextEndsItTheSame(bool arrives)
    {
        var writes = await RunAsync(int.MaxValue, arrives);
        writes.ShouldBeInRange(8, RolloutOnDouble.MostWrites);
        await Parallel.ForEachAsync(
            Enumerable.Range(1, writes),
            new ParallelOptions { MaxDegreeOfParallelism = 4 },
            async (step, _) => await RunAsync(step, arrives)
        );
    }

    /// <summary>Returns how many writes the first made of the rollout.</summary>
    private static async Task<int> RunAsync(int step, bool arrives)
    {
        await using var api = await KubernetesApiDouble.StartAsync();
        PutFleet(api, RolloutOnDouble.Manifest);
        var pods = new StandInPods(api, RolloutOnDouble.Gateways);
        var (writes, counts, killed) = (0, false, false);
        api.AddFault(
            new Fault
            {
                Match = request =>
                    IsOfFirst(request)
                    && RolloutOnDouble.IsWrite(request)
                    && Volatile.Read(ref counts)
                    && Interlocked.Increment(ref writes) == step,
                Abort = !arrives,
                AbortAfter = arrives,
            }
        );
        api.AddFault(
            new Fault
            {
                // Nothing of it arrives any more, reads neither.
                Match = request => IsOfFirst(request) && Volatile.Read(ref writes) >= step && (killed = true),
                Times = int.MaxValue,
                Abort = true,
            }
        );
        await using var first = Start(api, "first");
        await pods.UntilAsync(() => RolloutOnDouble.IsDone(api, pods, RolloutOnDouble.Before), "the fleet as it was made");
        var (kept, before) = (RolloutOnDouble.Kept(api), RolloutOnDouble.Revision(api));

        Volatile.Write(ref counts, true);
        RolloutOnDouble.Begin(api);
        await pods.UntilAsync(
            () => Volatile.Read(ref killed) || RolloutOnDouble.IsDone(api, pods, RolloutOnDouble.After),
            "death or the end of the rollout"
        );
        var made = Volatile.Read(ref writes);
        await first.KillAsync();
        await using var second = Start(api, "second");
        var (generation, returned) = (0L, false);
        await pods.UntilAsync(
            () =>
            {
                var seen = (long)api.Find(FleetPath)!["status"]!["observedGeneration"]!;
                returned |= seen < generation || (generation > 1 && RolloutOnDouble.Revision(api) == before);
                generation = seen;
                return RolloutOnDouble.IsDone(api, pods, RolloutOnDouble.After);
            },
            $"the rollout that was cut off at write {step}"
        );

        var at = $"killed at write {step}, which {(arrives ? "arrived" : "did not arrive")}; all writes:\n{RolloutOnDouble.Writes(api)}";
        pods.Faults.ShouldBeEmpty(at);
        pods.Made.ShouldBe(2 * RolloutOnDouble.Gateways, at);
        returned.ShouldBeFalse($"the status went back; {at}");
        RolloutOnDouble.Kept(api).ShouldBe(kept, at);
        RolloutOnDouble.NothingElseWasDeleted(api, at);
        api.Requests.Count(request => second.IsMine(request) && RolloutOnDouble.IsWrite(request))
            .ShouldBeLessThanOrEqualTo(RolloutOnDouble.MostWrites, at);
        return made;
    }

    private static bool IsOfFirst(RecordedRequest request) => request.Headers.GetValueOrDefault("User-Agent") == "first";
}
