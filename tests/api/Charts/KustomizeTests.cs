using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Charts;

/// <summary>The plain manifests: the same as the chart's defaults, as <c>.ci/chart</c> holds them to; here they are applied.</summary>
[Collection(InstallationCollection.Name)]
public sealed class KustomizeTests(EmptyCluster shared) : IClassFixture<EmptyCluster>
{
    private const string Own = "mooring-system";

    private static readonly string Folder = RepositoryRoot.File("config", "operator");

    private Kubectl Kubectl => shared.Cluster.Kubectl;

    [ClusterFact]
    public async Task Apply_TheFolder_InstallsAnOperatorThatWorks()
    {
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
            var difference = await Kubectl.TryAsync("diff", "-k", Folder);
            difference.ExitCode.ShouldBe(0, difference.Output + difference.Errors);

            // As the folder's README says.
            await Kubectl.RunAsync("delete", "apiservice", "v1beta1.external.metrics.k8s.io");
            await Kubectl.RunAsync("delete", "fleets", "--all", "-A", "--timeout=180s");
        }

        await Kubectl.RunAsync("delete", "-k", Folder, "--ignore-not-found", "--timeout=180s");
        await Kubectl.RunAsync("delete", "namespace", shop, "--timeout=180s");
        (await Kubectl.TryAsync("get", "namespace", Own)).Succeeded.ShouldBeFalse();
    }
}
