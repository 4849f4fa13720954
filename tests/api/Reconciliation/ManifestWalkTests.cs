using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Planning;
using Mooring.Testing.ManifestWalks;

namespace Mooring.Api.Tests.Reconciliation;

/// <summary>What the operator calls good the API server must take, the fleet and all that is planned for it.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ManifestWalkTests(SharedCluster shared)
{
    private const string Fleets = "apis/mooring.dev/v1alpha1/namespaces/{0}/connectionfleets/";

    private static readonly int Steps = ManifestWalk.Setting("MOORING_WALK_STEPS", 5);
    private static readonly int Seed = ManifestWalk.Setting("MOORING_WALK_SEED", 1);

    private static readonly Dictionary<string, string> Paths = new(StringComparer.Ordinal)
    {
        ["ConfigMap"] = "api/v1/namespaces/{0}/configmaps/",
        ["DaemonSet"] = "apis/apps/v1/namespaces/{0}/daemonsets/",
        ["Deployment"] = "apis/apps/v1/namespaces/{0}/deployments/",
        ["HorizontalPodAutoscaler"] = "apis/autoscaling/v2/namespaces/{0}/horizontalpodautoscalers/",
        ["NetworkPolicy"] = "apis/networking.k8s.io/v1/namespaces/{0}/networkpolicies/",
        ["PodDisruptionBudget"] = "apis/policy/v1/namespaces/{0}/poddisruptionbudgets/",
        ["Service"] = "api/v1/namespaces/{0}/services/",
        ["ServiceAccount"] = "api/v1/namespaces/{0}/serviceaccounts/",
    };

    [ClusterFact]
    public async Task Apply_WhateverIsGood_IsTaken()
    {
        var ns = await shared.Cluster.CreateNamespaceAsync("walk");
        var manifests = ManifestWalk.Starts(RepositoryRoot.Directory);
        var refused = new List<string>();
        for (var start = 0; start < manifests.Count; start++)
        {
            var walk = new ManifestWalk(manifests[start], manifests, Seed + start, ns);
            for (var step = 0; step < Steps; step++)
            {
                var changed = walk.Step();
                if (await RefusalAsync(Fleets, ns, "walk", JsonSerializer.SerializeToUtf8Bytes(walk.Manifest)) is { } reason)
                {
                    refused.Add($"{reason} ({changed} in {walk.Manifest.ToJsonString()})");
                    continue;
                }

                foreach (var one in Objects(walk))
                {
                    if (await RefusalAsync(Paths[one.Kind], ns, one.Metadata.Name!, ResourcesJson.Serialize(one)) is { } why)
                    {
                        refused.Add($"{why} ({changed} in {walk.Manifest.ToJsonString()})");
                    }
                }
            }
        }

        refused.ShouldBeEmpty(string.Join('\n', refused));
    }

    // A pod is also held against what is in the cluster, such as priority classes; what is in it is in the Deployments' templates too.
    private static IEnumerable<IKubernetesObject> Objects(ManifestWalk walk) =>
        FleetPlanner
            .Plan(
                new FleetInput
                {
                    Fleet = walk.Fleet,
                    Now = new DateTimeOffset(2026, 2, 28, 23, 59, 59, TimeSpan.Zero),
                    Stream = new StreamEndpoint("wss://operator/stream/v1", "ca"),
                }
            )
            .Objects.Where(static one => one is not Pod);

    private async Task<string?> RefusalAsync(string path, string ns, string name, byte[] body)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/apply-patch+yaml");
        using var answer = await shared.Cluster.Admin.PatchAsync(
            new Uri(
                string.Format(null, path, ns) + $"{name}?dryRun=All&fieldManager=walk&force=true&fieldValidation=Strict",
                UriKind.Relative
            ),
            content
        );
        if (answer.IsSuccessStatusCode)
        {
            return null;
        }

        var message = (string)JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["message"]!;
        // What nobody can know from the manifest.
        return
            message.Contains("not configured on this cluster", StringComparison.Ordinal)
            || message.Contains("this cluster is not configured for dual-stack", StringComparison.Ordinal)
            ? null
            : message;
    }
}
