using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Reconciliation;

[Collection(ClusterCollection.Name)]
public sealed class QuickstartTests(SharedCluster shared)
{
    [ClusterFact]
    public async Task Quickstart_BecomesReady()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        (await fleet.ListAsync("deployments")).Count.ShouldBe(3);
    }
}
