using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Reconciliation;

/// <summary>What others delete or change of a fleet's objects is put back at once: long before any resync would see it.</summary>
[Collection(ClusterCollection.Name)]
public sealed class DriftTests(SharedCluster shared)
{
    // It takes some 40 ms; a busy machine is no failure.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [ClusterFact]
    public async Task Delete_AnyChild_IsMadeAgain()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        foreach (var kind in new[] { "serviceaccount", "configmap", "service", "poddisruptionbudget", "networkpolicy", "deployment" })
        {
            foreach (var child in await fleet.ListAsync(kind))
            {
                var (name, uid) = ((string)child["metadata"]!["name"]!, (string)child["metadata"]!["uid"]!);
                var mark = shared.Cluster.Audit.Mark();
                await fleet.Kubectl.RunAsync("delete", kind, name, "-n", fleet.Namespace, "--wait=false");
                await Eventually.HoldsAsync(
                    async () => (string)(await fleet.Kubectl.GetAsync(kind, name, "-n", fleet.Namespace))["metadata"]!["uid"]! != uid,
                    Patience,
                    $"{kind} {name} did not come back"
                );
                await AnsweredInTimeAsync(fleet, mark, name, verb: "delete");
            }
        }
    }

    [ClusterTheory]
    [InlineData("deployment", "spec.replicas", """{"spec":{"replicas":7}}""")]
    [InlineData(
        "deployment",
        "spec.template.spec.containers[0].image",
        """{"spec":{"template":{"spec":{"containers":[{"name":"gateway","image":"evil"}]}}}}"""
    )]
    [InlineData("service", "spec.ports[0].targetPort", """{"spec":{"ports":[{"port":9000,"protocol":"TCP","targetPort":1}]}}""")]
    [InlineData("service", "spec.ports", """[{"op":"replace","path":"/spec/ports/0/port","value":9999}]""")]
    [InlineData("service", "spec.ports", """{"spec":{"ports":[{"name":"more","port":9999,"protocol":"TCP"}]}}""")]
    [InlineData("configmap", "data", """{"data":{"gateway.json":"{}"}}""")]
    [InlineData("poddisruptionbudget", "spec.minAvailable", """{"spec":{"minAvailable":0}}""")]
    [InlineData("networkpolicy", "spec.ingress", """[{"op":"replace","path":"/spec/ingress","value":[{}]}]""")]
    [InlineData("serviceaccount", "metadata.labels", """{"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}}""")]
    public async Task Edit_AChild_IsPutBack(string kind, string field, string patch)
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        var child = (await fleet.ListAsync(kind)).First(item =>
            ((string)item["metadata"]!["name"]!).Contains("gateway", StringComparison.Ordinal)
        );
        var name = (string)child["metadata"]!["name"]!;
        var before = At(child, field);
        var mark = shared.Cluster.Audit.Mark();

        await fleet.Kubectl.RunAsync(
            "patch",
            kind,
            name,
            "-n",
            fleet.Namespace,
            "--type",
            patch[0] == '[' ? "json" : "strategic",
            "-p",
            patch
        );

        await Eventually.HoldsAsync(
            async () =>
                At(await fleet.Kubectl.GetAsync(kind, name, "-n", fleet.Namespace), field) is var now && now == before
                    ? null
                    : $"{field} is {now}",
            Patience
        );
        await AnsweredInTimeAsync(fleet, mark, name, verb: "patch");
    }

    /// <summary>By the API server's own clock: from the end of the intruder's request to the operator's.</summary>
    private async Task AnsweredInTimeAsync(FleetFixture fleet, long mark, string name, string verb)
    {
        bool IsIntruder(AuditedRequest request) => request.User == "admin" && request.Verb == verb && IsIt(request);
        bool IsAnswer(AuditedRequest request) => request.User == fleet.Operator.User && request.IsWrite && IsIt(request);
        bool IsIt(AuditedRequest request) => request.Namespace == fleet.Namespace && request.Name == name;

        await shared.Cluster.Audit.SinceAsync(mark, IsIntruder);
        var requests = await shared.Cluster.Audit.SinceAsync(mark, IsAnswer);
        var intruder = requests.First(IsIntruder);
        var answer = requests.First(request => IsAnswer(request) && request.At >= intruder.At);
        (answer.At - intruder.At).ShouldBeLessThan(Limit, string.Join('\n', requests));
    }

    private static string At(System.Text.Json.Nodes.JsonNode node, string path)
    {
        System.Text.Json.Nodes.JsonNode? at = node;
        foreach (var part in path.Split('.'))
        {
            var name = part.Split('[')[0];
            at = at?[name];
            at = part.EndsWith(']') ? at?[int.Parse(part[(name.Length + 1)..^1])] : at;
        }

        return at?.ToJsonString() ?? "";
    }
}
