namespace Mooring.Api.Tests.Cluster;

/// <summary>The fixture itself: the other tests' findings rest on it.</summary>
[Collection(ClusterCollection.Name)]
public sealed class TestClusterTests(SharedCluster shared)
{
    [ClusterFact]
    public async Task Audit_CountsWritesOfAUser_AndNothingElse()
    {
        var cluster = shared.Cluster;
        var ns = await cluster.CreateNamespaceAsync("audit");
        var mark = cluster.Audit.Mark();

        await cluster.Kubectl.RunAsync("create", "configmap", "one", "-n", ns);
        await cluster.Kubectl.RunAsync("get", "configmaps", "-n", ns);

        var mine = (
            await cluster.Audit.SinceAsync(mark, request => request is { Verb: "list", Resource: "configmaps" } && request.Namespace == ns)
        )
            .Where(request => request.Namespace == ns && request.User == "admin")
            .ToList();
        mine.Count(request => request.IsWrite).ShouldBe(1);
        mine.ShouldContain(request => request.Verb == "list" && request.Resource == "configmaps");
    }

    [ClusterFact]
    public async Task Controllers_Run_DeploymentsGetPods()
    {
        var cluster = shared.Cluster;
        var ns = await cluster.CreateNamespaceAsync("controllers");
        await cluster.Kubectl.RunAsync("create", "deployment", "web", "--image=none.invalid/web", "--replicas=2", "-n", ns);
        await Eventually.HoldsAsync(
            async () => (await cluster.Kubectl.GetAsync("pods", "-n", ns))["items"]!.AsArray().Count == 2,
            TimeSpan.FromMinutes(3),
            "no two pods"
        );
    }
}
