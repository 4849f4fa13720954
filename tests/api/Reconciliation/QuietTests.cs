using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Reconciliation;

/// <summary>A fleet that nobody touches costs the API server nothing but the renewal of the leader's Lease.</summary>
[Collection(PatientCollection.Name)]
public sealed class QuietTests(SharedCluster shared)
{
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(60);

    [ClusterFact]
    public async Task Idle_ForAMinute_MakesNoWriteRequest()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        await SettledAsync(fleet);
        var mark = shared.Cluster.Audit.Mark();

        await Task.Delay(Quiet);

        var requests = (await shared.Cluster.Audit.SinceAsync(mark)).Where(request => request.User == fleet.Operator.User).ToList();
        requests.Where(request => request.IsWrite && request.Resource != "leases" && !IsOfItself(request)).ShouldBeEmpty();
        // The Lease is what another replica goes by: one renewal each two seconds, and nothing else.
        requests.Count(request => request.Resource == "leases").ShouldBeInRange(1, 40);
        requests.Where(request => !request.IsWrite && request.Verb != "watch" && request.Resource != "leases").ShouldBeEmpty();
    }

    [ClusterFact]
    public async Task Restart_OfTheOperator_WritesNothingAboutAnUnchangedFleet()
    {
        var ns = await shared.Cluster.CreateNamespaceAsync("restart");
        var role = await OperatorRole.CreateAsync(shared.Cluster);
        await using var kubelet = new StandInKubelet(shared.Cluster, ns);
        string[] arguments = ["--namespace", ns, "--leader-elect=false"];
        await using (await OperatorProcess.StartAsync(shared.Cluster, role, arguments))
        {
            await shared.Cluster.Kubectl.ApplyAsync(FleetFixture.Quickstart, ns);
            await shared.Cluster.Kubectl.RunAsync("wait", "--for=condition=Ready", "fleet/quickstart", "--timeout=180s", "-n", ns);
        }

        var mark = shared.Cluster.Audit.Mark();
        await using var again = await OperatorProcess.StartAsync(shared.Cluster, role, arguments);
        await Eventually.HoldsAsync(
            async () =>
                (await again.GetAsync("/metrics")).Contains(
                    "kubernetes_controller_reconciles_total{controller=\"fleets\",result=\"success\"}",
                    StringComparison.Ordinal
                ),
            TimeSpan.FromMinutes(3),
            "it has not reconciled"
        );

        (await shared.Cluster.Audit.SinceAsync(mark))
            .Where(request => request.User == role.User && request.IsWrite && !IsOfItself(request))
            .ShouldBeEmpty();
    }

    /// <summary>An API server that is slow to answer, as on a busy machine, is told of with the operator's own Lease, and says nothing of a fleet.</summary>
    private static bool IsOfItself(AuditedRequest request) =>
        request.Resource == "events" && request.Name.StartsWith(OperatorRole.LeaseName + ".", StringComparison.Ordinal);

    /// <summary>Events of the start may come a moment after the fleet is ready.</summary>
    private async Task SettledAsync(FleetFixture fleet)
    {
        var mark = shared.Cluster.Audit.Mark();
        var since = DateTimeOffset.UtcNow;
        await Eventually.HoldsAsync(
            async () =>
            {
                var writes = (await shared.Cluster.Audit.SinceAsync(mark))
                    .Where(request =>
                        request.User == fleet.Operator.User && request.IsWrite && request.Resource != "leases" && !IsOfItself(request)
                    )
                    .ToList();
                var last = writes.Count == 0 ? since : writes[^1].At;
                return DateTimeOffset.UtcNow - last > TimeSpan.FromSeconds(3) ? null : "it still writes";
            },
            TimeSpan.FromMinutes(3)
        );
    }
}
