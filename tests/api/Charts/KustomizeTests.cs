using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Charts;

/// <summary>The plain manifests: the same as the chart's defaults, as <c>.ci/chart</c> holds them to; here they are applied.</summary>
[Collection(InstallationCollection.Name)]
public sealed class KustomizeTests(EmptyCluster shared) : IClassFixture<EmptyCluster>
{
    private const string Own = "mooring-system";

    private const string Registration = "v1beta1.external.metrics.k8s.io";

    private static readonly string Folder = RepositoryRoot.File("config", "operator");
    private static readonly string WithMetricsApi = RepositoryRoot.File("config", "operator-with-metrics-api");

    private Kubectl Kubectl => shared.Cluster.Kubectl;

    [ClusterFact]
    public async Task Apply_TheFolder_InstallsAnOperatorThatWorks()
    {
        // The adapter of somebody else, which no plain manifest looks for.
        await Kubectl.ApplyAsync(
            $$$"""
            apiVersion: apiregistration.k8s.io/v1
            kind: APIService
            metadata: {name: {{{Registration}}}}
            spec: {group: external.metrics.k8s.io, version: v1beta1, groupPriorityMinimum: 100, versionPriority: 100, service: {name: keda, namespace: keda}}
            """,
            "default"
        );
        // As a user would: again where the definition was not served yet.
        await Eventually.HoldsAsync(
            async () => await Kubectl.TryAsync("apply", "-k", Folder) is { Succeeded: false } result ? result.Errors : null,
            TimeSpan.FromMinutes(3)
        );
        await Kubectl.RunAsync("wait", "--for=condition=Established", "crd/connectionfleets.mooring.dev", "--timeout=180s");
        await using var nodes = new StandInKubelet(shared.Cluster, Own);
        // Two restricted pods in a namespace that lets no others in.
        await Kubectl.RunAsync("rollout", "status", "deployment/mooring", "-n", Own, "--timeout=180s");
        (await Kubectl.GetAsync("namespace", Own))["metadata"]!["labels"]!["pod-security.kubernetes.io/enforce"]!
            .GetValue<string>()
            .ShouldBe("restricted");
        var shop = await shared.Cluster.CreateNamespaceAsync("shop");
        await using var shopNodes = new StandInKubelet(shared.Cluster, shop);
        var role = await OperatorRole.OfReleaseAsync(shared.Cluster, Own, "mooring");
        await using (await OperatorProcess.StartAsync(shared.Cluster, role))
        {
            await Kubectl.ApplyAsync(FleetFixture.Quickstart, shop);
            await Kubectl.RunAsync("wait", "--for=condition=Ready", "fleet/quickstart", "--timeout=180s", "-n", shop);
            // What runs is what the folder says, also after the operator has been at work.
            await SameAsync(Folder);
            ((string?)(await Kubectl.GetAsync("apiservice", Registration))["spec"]!["service"]!["name"]).ShouldBe("keda");

            // As the folder's README says.
            await Kubectl.RunAsync("delete", "apiservice", Registration);
            await Kubectl.RunAsync("apply", "-k", WithMetricsApi);
            await Kubectl.RunAsync("rollout", "status", "deployment/mooring", "-n", Own, "--timeout=180s");
            await SameAsync(WithMetricsApi);
            ((string?)(await Kubectl.GetAsync("apiservice", Registration))["spec"]!["service"]!["name"]).ShouldBe("mooring");
            await Kubectl.RunAsync("delete", "apiservice", Registration);
            await Kubectl.RunAsync("delete", "fleets", "--all", "-A", "--timeout=180s");
        }

        await Kubectl.RunAsync("delete", "-k", WithMetricsApi, "--ignore-not-found", "--timeout=180s");
        await Kubectl.RunAsync("delete", "namespace", shop, "--timeout=180s");
        (await Kubectl.TryAsync("get", "namespace", Own)).Succeeded.ShouldBeFalse();
    }

    private async Task SameAsync(string folder)
    {
        var difference = await Kubectl.TryAsync("diff", "-k", folder);
        difference.ExitCode.ShouldBe(0, difference.Output + difference.Errors);
    }
}
