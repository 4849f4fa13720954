using Mooring.Api.Tests.Cluster;

namespace Mooring.Api.Tests.Operators;

/// <summary>Two operators as two processes: one works, the other waits.</summary>
[Collection(ElectionCollection.Name)]
public sealed class ElectionTests(SharedCluster shared)
{
    [ClusterFact]
    public async Task KillTheLeader_TheOtherLeadsWithinTwentySeconds()
    {
        var (first, second, ns, _) = await TwoAsync();
        await using var one = first;
        await using var two = second;
        first.Leads.ShouldBeTrue();
        second.Leads.ShouldBeFalse();

        first.Process.Kill();

        var took = await Eventually.HoldsAsync(() => Task.FromResult(second.Leads), TimeSpan.FromMinutes(3), second.Log);
        took.ShouldBeLessThan(TimeSpan.FromSeconds(20));
        await WorksAsync(ns);
    }

    [ClusterFact]
    public async Task StopTheLeader_TheOtherLeadsAtOnce()
    {
        var (first, second, ns, _) = await TwoAsync();
        await using var one = first;
        await using var two = second;

        first.Process.Terminate();

        (await first.Process.WaitForExitAsync(TimeSpan.FromMinutes(3))).ShouldBe(0);
        var took = await Eventually.HoldsAsync(() => Task.FromResult(second.Leads), TimeSpan.FromMinutes(3), second.Log);
        took.ShouldBeLessThan(TimeSpan.FromSeconds(12), "the Lease was not given up");
        await WorksAsync(ns);
    }

    [ClusterFact]
    public async Task TakeTheLease_TheLeaderExits()
    {
        var (first, second, _, role) = await TwoAsync();
        await using var one = first;
        await using var two = second;

        await shared.Cluster.Kubectl.RunAsync(
            "patch",
            "lease",
            "operator",
            "-n",
            role.Namespace,
            "--type=merge",
            "-p",
            """{"spec":{"holderIdentity":"somebody-else"}}"""
        );

        (await first.Process.WaitForExitAsync(TimeSpan.FromMinutes(3))).ShouldBe(3);
    }

    private async Task<(OperatorProcess First, OperatorProcess Second, string Namespace, OperatorRole Role)> TwoAsync()
    {
        var ns = await shared.Cluster.CreateNamespaceAsync("election");
        var role = await OperatorRole.CreateAsync(shared.Cluster);
        var first = await OperatorProcess.StartAsync(shared.Cluster, role, ["--namespace", ns]);
        await Eventually.HoldsAsync(() => Task.FromResult(first.Leads), TimeSpan.FromMinutes(3), first.Log);
        return (first, await OperatorProcess.StartAsync(shared.Cluster, role, ["--namespace", ns]), ns, role);
    }

    private async Task WorksAsync(string ns)
    {
        await shared.Cluster.Kubectl.ApplyAsync(FleetFixture.Quickstart, ns);
        await Eventually.HoldsAsync(
            async () => (await shared.Cluster.Kubectl.TryAsync("get", "service", "quickstart-gateway", "-n", ns)).Succeeded,
            TimeSpan.FromMinutes(3),
            "the new leader makes nothing"
        );
    }
}
