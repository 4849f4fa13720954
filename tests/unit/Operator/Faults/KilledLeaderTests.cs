using Mooring.Testing;
using Mooring.Testing.ApiDouble;
using static Mooring.Operator.Tests.Faults.OperatorOnDouble;

namespace Mooring.Operator.Tests.Faults;

/// <summary>The leader dies at each of its writes in turn, and another goes on from there.</summary>
public sealed class KilledLeaderTests
{
    // Finalizer, seven objects and the status; one more, at which nobody dies.
    private const int Writes = 10;

    public static TheoryData<int, bool> EveryStep()
    {
        var steps = new TheoryData<int, bool>();
        for (var step = 1; step <= Writes; step++)
        {
            steps.Add(step, true);
            steps.Add(step, false);
        }

        return steps;
    }

    [Theory]
    [MemberData(nameof(EveryStep))]
    public async Task KilledAtItsNthWrite_TheNextFinishes_AndMakesNothingTwice(int step, bool arrives)
    {
        await using var api = await KubernetesApiDouble.StartAsync();
        PutFleet(api);
        var writes = 0;
        var killed = new TaskCompletionSource();
        api.AddFault(
            new Fault
            {
                // The write itself may have arrived; everything after it does not.
                Match = request =>
                    request.Headers.GetValueOrDefault("User-Agent") == "first"
                    && request.IsWrite
                    && !request.Path.Contains("/events", StringComparison.Ordinal)
                    && Interlocked.Increment(ref writes) == step,
                AbortAfter = arrives,
                Abort = !arrives,
            }
        );
        api.AddFault(
            new Fault
            {
                Match = request =>
                    request.Headers.GetValueOrDefault("User-Agent") == "first"
                    && Volatile.Read(ref writes) >= step
                    && killed.TrySetResult() | true,
                Times = int.MaxValue,
                Abort = true,
            }
        );
        await using (var first = Start(api, "first"))
        {
            // At the last step there is nothing left to write.
            await Task.WhenAny(killed.Task, ConvergedAsync(api));
            await first.KillAsync();
        }

        var left = Children(api);
        await using var second = Start(api, "second");
        await ConvergedAsync(api);

        Children(api).Intersect(left).Count().ShouldBe(left.Count, "what was made already was made again");
        api.Requests.ShouldNotContain(static request => request.Method == "DELETE");
        // Nobody who did nothing wrong is told of it.
        Condition(api)!.Value.Reason.ShouldBe("GatewaysNotReady");
    }

    [Fact]
    public async Task KilledAfterEverything_TheNextWritesNothing()
    {
        await using var api = await KubernetesApiDouble.StartAsync();
        PutFleet(api);
        await using (var first = Start(api, "first"))
        {
            await ConvergedAsync(api);
            await first.KillAsync();
        }

        await using var second = Start(api, "second");
        api.Edit(FleetPath, static fleet => fleet["spec"]!["gateway"]!["replicas"] = 3);
        await Until.TrueAsync(() => (int?)api.Find(FleetPath)!["status"]!["gateways"]!["desired"] == 3, Patience, "the next one at work");

        var writes = api
            .Requests.Where(request =>
                second.IsMine(request) && request.IsWrite && !request.Path.Contains("/events", StringComparison.Ordinal)
            )
            .ToList();
        // The Deployment's replicas, the budget that goes by them, the config that divides by them, and the status.
        writes
            .Select(static request => request.Path.Split('/')[^2])
            .Distinct()
            .ShouldBeSubsetOf(["deployments", "poddisruptionbudgets", "configmaps", "small"]);
    }
}
