using Mooring.Api.Tests.Cluster;

namespace Mooring.Api.Tests.Operators;

/// <summary>Of all pods of one operator only the leader's own bears the label that its Services select, whatever became of the one before.</summary>
[Collection(ElectionCollection.Name)]
public sealed class LeaderLabelTests(SharedCluster shared)
{
    private const string Label = "mooring.dev/leader";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private Kubectl Kubectl => shared.Cluster.Kubectl;

    [ClusterFact]
    public async Task TakingTheLead_TakesTheLabelOffTheDead_AndOffNobodyElse()
    {
        var role = await OperatorRole.CreateAsync(shared.Cluster);
        await PodAsync("own", "mooring", leads: false);
        await PodAsync("dead", "mooring", leads: true);
        await PodAsync("other", "of-another-release", leads: true);
        await PodAsync("standing-by", "mooring", leads: false);

        await using var @operator = await OperatorProcess.StartAsync(
            shared.Cluster,
            role,
            ["--namespace", role.Namespace, "--pod-name", "own"]
        );

        await Eventually.HoldsAsync(
            async () =>
                string.Join(',', await LeadersAsync()) is var leaders && leaders == "other,own"
                    ? null
                    : $"leaders: {leaders}\n{@operator.Log}",
            Patience
        );

        async Task<IReadOnlyList<string>> LeadersAsync() =>
            [
                .. (await Kubectl.GetAsync("pods", "-n", role.Namespace, "-l", $"{Label}=true"))["items"]!
                    .AsArray()
                    .Select(static pod => (string)pod!["metadata"]!["name"]!)
                    .Order(StringComparer.Ordinal),
            ];

        Task PodAsync(string name, string instance, bool leads) =>
            Kubectl.ApplyAsync(
                $$"""
                apiVersion: v1
                kind: Pod
                metadata:
                  name: {{name}}
                  labels:
                    app.kubernetes.io/name: mooring-operator
                    app.kubernetes.io/instance: {{instance}}
                    {{(leads ? Label + ": 'true'" : "mooring.dev/stands: 'by'")}}
                spec: {containers: [{name: operator, image: "mooring/operator:test"}]}
                """,
                role.Namespace
            );
    }
}
