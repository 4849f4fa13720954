using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;
using Mooring.Kubernetes.Configuration;

namespace Mooring.Api.Tests.Kubernetes;

/// <summary>The run's API server, with a namespace for each case.</summary>
internal sealed class ApiServer(SharedCluster shared) : ICaseServer
{
    private const string Definition = """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata:
          name: widgets.test.mooring.dev
        spec:
          group: test.mooring.dev
          names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
          scope: Namespaced
          versions:
          - name: v1
            served: true
            storage: true
            schema:
              openAPIV3Schema:
                type: object
                properties:
                  spec:
                    type: object
                    properties:
                      replicas: {type: integer}
                      color: {type: string}
                  status:
                    type: object
                    properties:
                      replicas: {type: integer}
                      selector: {type: string}
            subresources:
              status: {}
              scale:
                specReplicasPath: .spec.replicas
                statusReplicasPath: .status.replicas
                labelSelectorPath: .status.selector
        """;

    private static readonly Lock Gate = new();
    private static Task? s_installed;

    private TestCluster Cluster => shared.Cluster;

    public async Task<ClusterConfig> StartAsync()
    {
        Task installed;
        lock (Gate)
        {
            installed = s_installed ??= InstallAsync(Cluster);
        }

        await installed;
        var ns = $"cases-{RandomNumberGenerator.GetHexString(8, true)}";
        using var answer = await Cluster.Admin.PostAsJsonAsync(
            "/api/v1/namespaces",
            new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Namespace",
                ["metadata"] = new JsonObject { ["name"] = ns },
            }
        );
        answer.EnsureSuccessStatusCode();
        return ClusterConfigLoader.Load(new ClusterConfigOptions { KubeConfigFile = Cluster.AdminKubeconfig, Namespace = ns });
    }

    // The namespace goes with the cluster.
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static async Task InstallAsync(TestCluster cluster)
    {
        var file = cluster.InFolder("widgets.yaml");
        await File.WriteAllTextAsync(file, Definition);
        await cluster.Kubectl.RunAsync("apply", "--server-side", "-f", file);
        await cluster.Kubectl.RunAsync("wait", "--for=condition=Established", "crd/widgets.test.mooring.dev", "--timeout=180s");
        await Eventually.HoldsAsync(
            async () =>
            {
                using var answer = await cluster.Admin.GetAsync("/apis/test.mooring.dev/v1/widgets");
                return answer.IsSuccessStatusCode ? null : $"widgets answer {(int)answer.StatusCode}";
            },
            TimeSpan.FromMinutes(3)
        );
    }
}
