using Mooring.Testing.ApiDouble;
using static Mooring.Operator.Tests.Faults.OperatorOnDouble;

namespace Mooring.Operator.Tests.Faults;

/// <summary>A scale-in while the watch of Deployments is away: what the operator has lowered is not raised again for what its cache still shows.</summary>
public sealed class BlindScaleInTests
{
    [Fact]
    public async Task ScaleIn_DeploymentsAreNotSeenMeanwhile_NoGatewayIsMadeAnew()
    {
        await using var api = await KubernetesApiDouble.StartAsync();
        PutFleet(api, RolloutOnDouble.Manifest);
        var pods = new StandInPods(api, 1);
        await using var leader = Start(api);
        await pods.UntilAsync(() => RolloutOnDouble.IsDone(api, pods, RolloutOnDouble.Before), "the fleet as it was made");

        var open = api.OpenWatches;
        api.AddFault(
            new Fault
            {
                Match = static request => request.IsWatch && request.Path.EndsWith("/deployments", StringComparison.Ordinal),
                Hang = true,
            }
        );
        api.EndWatches();
        await pods.UntilAsync(() => api.OpenWatches == open - 1, "every watch but that one");
        api.Edit(FleetPath, static fleet => fleet["spec"]!["gateway"]!["replicas"] = 1);
        await pods.UntilAsync(() => pods.Gateways.Count == 1, "one gateway");
        // The one that hangs is given up, and tried again.
        await pods.UntilAsync(() => api.OpenWatches == open, "every watch again");
        await pods.UntilAsync(
            () =>
                pods.Groups is [var only]
                && (int?)only["spec"]!["replicas"] == 1
                && pods.Gateways.Count == 1
                && (string?)api.Find(FleetPath)!["status"]?["rollout"]?["phase"] == "Complete",
            "the fleet at rest"
        );

        pods.Made.ShouldBe(RolloutOnDouble.Gateways, RolloutOnDouble.Writes(api));
        pods.Faults.ShouldBeEmpty();
    }
}
