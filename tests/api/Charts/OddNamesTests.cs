using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Reconciliation;

namespace Mooring.Api.Tests.Charts;

/// <summary>Names that YAML takes for numbers, booleans or nothing: all that the chart renders is taken by the API server, with the names as texts.</summary>
[Collection(InstallationCollection.Name)]
public sealed class OddNamesTests(EmptyCluster shared) : IClassFixture<EmptyCluster>
{
    private const string Monitors = "servicemonitors.monitoring.coreos.com";
    private const string Rules = "prometheusrules.monitoring.coreos.com";

    private static readonly string RulesDefinition = ServiceMonitorTests
        .Definition.Replace("servicemonitor", "prometheusrule", StringComparison.Ordinal)
        .Replace("ServiceMonitor", "PrometheusRule", StringComparison.Ordinal);

    private Kubectl Kubectl => shared.Cluster.Kubectl;

    [HelmFact]
    public async Task Manifests_AreTaken()
    {
        await Kubectl.ApplyAsync(ServiceMonitorTests.Definition, "default");
        await Kubectl.ApplyAsync(RulesDefinition, "default");
        await Kubectl.RunAsync("wait", "--for=condition=Established", "--timeout=180s", "crd", Monitors, Rules);

        await TakenAsync(release: "2024", ns: "1e3", name: "mooring");
        await TakenAsync(release: "1e3", ns: "null", name: "yes");
    }

    /// <summary>A release's registration has the name that its Service had when it was made; that of another release stays that one's.</summary>
    [HelmFact]
    public async Task Registration_OfAReleaseThatIsRenamed_IsItsOwn()
    {
        var helm = new Helm(shared.Cluster);
        await Kubectl.RunAsync("create", "namespace", "renamed");
        string[] release = ["mooring", Helm.Chart, "-n", "renamed", "--no-hooks"];
        await helm.RunAsync(["install", .. release, "--set", "nameOverride=before"]);

        var another = await helm.TryAsync("install", "another", Helm.Chart, "-n", "renamed", "--no-hooks");
        another.Errors.ShouldContain("external.metrics.k8s.io of this cluster belongs to renamed/before");

        await helm.RunAsync(["upgrade", .. release, "--set", "nameOverride=after"]);
        var registration = await Kubectl.GetAsync("apiservice", "v1beta1.external.metrics.k8s.io");
        ((string?)registration["spec"]!["service"]!["name"]).ShouldBe("after");
        await helm.RunAsync("uninstall", "mooring", "-n", "renamed", "--no-hooks");
    }

    private async Task TakenAsync(string release, string ns, string name)
    {
        await Kubectl.RunAsync("create", "namespace", ns);
        // No pod is taken without its account, and a trial makes none.
        await Kubectl.RunAsync("create", "serviceaccount", $"{name}-check", "-n", ns, "--save-config");
        string[] switches = ["dashboards.enabled", "prometheusRules.enabled", "prometheusRules.alerts", "serviceMonitor.enabled"];
        string[] texts = [$"fullnameOverride={name}", $"priorityClassName={release}", $"watchNamespaces={{{ns}}}"];
        var rendered = await new Helm(shared.Cluster).RunAsync([
            "template",
            release,
            Packaged(),
            "-n",
            ns,
            "--kube-version",
            "1.36.0",
            .. switches.SelectMany(static one => new[] { "--set", $"{one}=true" }),
            .. texts.SelectMany(static one => new[] { "--set-string", one }),
        ]);

        var taken = await Kubectl.TryWithInputAsync(rendered, "apply", "--dry-run=server", "-f", "-");

        taken.Succeeded.ShouldBeTrue(taken.Errors);
        taken.Output.ShouldContain($"deployment.apps/{name} created");
        rendered.ShouldContain("helm.sh/chart: mooring-0.1.0_g1234");
    }

    /// <summary>The chart as <c>helm package --version 0.1.0+g1234</c> makes it, whose version is no label's value.</summary>
    private string Packaged()
    {
        var target = shared.Cluster.InFolder("packaged-chart");
        foreach (var file in Directory.GetFiles(Helm.Chart, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(target, Path.GetRelativePath(Helm.Chart, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy, overwrite: true);
        }

        var about = Path.Combine(target, "Chart.yaml");
        var lines = File.ReadAllLines(about)
            .Select(static line =>
                line.StartsWith("version:", StringComparison.Ordinal) ? "version: 0.1.0+g1234"
                : line.StartsWith("appVersion:", StringComparison.Ordinal) ? "appVersion: \"0.1.0+g1234\""
                : line
            );
        File.WriteAllLines(about, lines.ToList());
        return target;
    }
}
