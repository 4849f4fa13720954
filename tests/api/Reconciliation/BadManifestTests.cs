using System.Text.RegularExpressions;
using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;
using Mooring.Operator.Validation;

namespace Mooring.Api.Tests.Reconciliation;

/// <summary>Holds the table of bad manifests against a real API server.</summary>
[Collection(ClusterCollection.Name)]
public sealed partial class BadManifestTests(SharedCluster shared)
{
    private static readonly string Folder = RepositoryRoot.File("tests", "common", "BadManifests");

    public static TheoryData<string> Refused() => [.. Files("schema").Concat(Files("cel"))];

    [ClusterTheory]
    [MemberData(nameof(Refused))]
    public async Task Apply_BadManifest_IsRefusedWithTheField(string file)
    {
        var text = await File.ReadAllTextAsync(Path.Combine(Folder, file));

        var result = await shared.Cluster.Kubectl.TryWithInputAsync(text, "apply", "--dry-run=server", "-f", "-");

        result.Succeeded.ShouldBeFalse($"{file} was taken");
        // The API server stops at the first kind of breach, so one of the fields has to be named, not all.
        var named = Expect().Matches(text).Select(match => match.Groups["path"].Value).ToList();
        named
            .Any(path =>
                result.Errors.Contains(Last(path), StringComparison.Ordinal)
                || result.Errors.Contains(ListOf(path), StringComparison.Ordinal)
            )
            .ShouldBeTrue($"none of {string.Join(", ", named)} in: {result.Errors}");
    }

    [ClusterFact]
    public async Task Apply_WhatOnlyLooksBad_IsTaken()
    {
        var spec = """
            spec:
              scaling: {driver: Operator, minReplicas: 0, maxReplicas: 4, buffer: {connections: 5}}
              listeners:
              - {name: edge, protocol: TCP, port: 9000, backend: app, tcp: {idleTimeout: 24h}}
              - name: live
                protocol: WebSocket
                port: 9001
                webSocket:
                  idleTimeout: 0s
                  affinity: {cookie: {ttl: 9600h}}
                  routes: [{pathPrefix: /..a/.b/%252e/%2F..a, backend: app}]
              backends:
              - name: app
                addresses: [{address: '[::]:80'}, {address: '[FD00::FFFF]:80'}, {address: '[::ffff:10.0.0.1]:80'}, {address: 'a1.svc:80'}]
              registry: {redis: {addresses: ['[::1]:6379', '[::FFFF:10.0.0.1]:6379', 'redis.svc:6379']}}
            """;

        var result = await shared.Cluster.Kubectl.TryWithInputAsync(Simple("good", spec), "apply", "--dry-run=server", "-f", "-");

        result.Succeeded.ShouldBeTrue(result.Errors);
    }

    /// <summary>Both take them, or neither: the API server only once they are in a Deployment.</summary>
    [ClusterTheory]
    [InlineData("{requests: {feature.node.kubernetes.io/sgx: 1}}")]
    [InlineData("{requests: {feature.node.kubernetes.io/sgx: 1}, limits: {feature.node.kubernetes.io/sgx: 1500m}}")]
    [InlineData("{requests: {feature.node.kubernetes.io/sgx: 2}, limits: {feature.node.kubernetes.io/sgx: 1}}")]
    [InlineData("{limits: {kubernetes.io/-: 1}}")]
    [InlineData("{requests: {example.com/nic: 1k}, limits: {example.com/nic: 1000}}")]
    [InlineData("{requests: {example.com/nic: 1}, limits: {example.com/nic: 2}}")]
    [InlineData("{limits: {example.com/nic: 3000000000}}")]
    [InlineData("{limits: {example.com/nic: '1.0'}}")]
    [InlineData("{limits: {example.com/nic: 1001m}}")]
    public async Task Apply_Resources_AreRefusedByBothOrNeither(string resources)
    {
        var deployment = $$$"""
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: good}
            spec:
              selector: {matchLabels: {app: good}}
              template:
                metadata: {labels: {app: good}}
                spec: {containers: [{name: app, image: app, resources: {{{resources}}}}]}
            """;
        var fleet = Simple("good", "").Replace("spec:", $"spec:\n  gateway: {{resources: {resources}}}", StringComparison.Ordinal);

        var result = await shared.Cluster.Kubectl.TryWithInputAsync(deployment, "apply", "--dry-run=server", "-f", "-");

        (FleetManifest.Load(fleet).Errors.Count == 0).ShouldBe(result.Succeeded, result.Errors);
    }

    [ClusterFact]
    public async Task Apply_WhatOnlyTheOperatorRefuses_ShowsAsInvalidAndTheLastGoodStateRunsOn()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.Kubectl.ApplyAsync(Simple("good", ""), fleet.Namespace);
        await fleet.WaitReadyAsync("good");
        var before = (string)(await fleet.Kubectl.GetAsync("configmap", "good-gateway", "-n", fleet.Namespace))["data"]!["gateway.json"]!;

        var bad = Files("operator").First();
        var spec = Spec().Match(await File.ReadAllTextAsync(Path.Combine(Folder, bad))).Value;
        await fleet.Kubectl.ApplyAsync(Simple("good", spec), fleet.Namespace);

        await Eventually.HoldsAsync(
            async () =>
            {
                var status = (await fleet.FleetAsync("good"))["status"]!;
                var ready = status["conditions"]!.AsArray().Single(condition => (string?)condition!["type"] == "Ready")!;
                return (string?)ready["reason"] == "Invalid" && (string?)ready["status"] == "False" ? null : status.ToJsonString();
            },
            TimeSpan.FromMinutes(3)
        );

        // Still looked after: what is deleted comes back as it last was good.
        await fleet.Kubectl.RunAsync("delete", "configmap", "good-gateway", "-n", fleet.Namespace);
        await Eventually.HoldsAsync(
            async () =>
                (string)(await fleet.Kubectl.GetAsync("configmap", "good-gateway", "-n", fleet.Namespace))["data"]!["gateway.json"]!
                == before,
            TimeSpan.FromMinutes(3),
            "the ConfigMap is not as it was"
        );
    }

    internal static string Simple(string name, string spec) =>
        $"apiVersion: mooring.dev/v1alpha1\nkind: ConnectionFleet\nmetadata:\n  name: {name}\n"
        + (
            spec.Length > 0
                ? spec
                : """
                    spec:
                      listeners:
                      - {name: edge, protocol: TCP, port: 9000, backend: app}
                      backends:
                      - {name: app, addresses: [{address: '10.0.0.1:80'}]}
                    """
        );

    private static IEnumerable<string> Files(string refusedBy) =>
        Directory
            .GetFiles(Folder, "*.yaml")
            .Where(path => File.ReadAllText(path).Contains($"# refused-by: {refusedBy}\n", StringComparison.Ordinal))
            .Select(path => Path.GetFileName(path))
            .Order(StringComparer.Ordinal);

    private static string Last(string path) => path[(path.LastIndexOf('.') + 1)..].Split('[')[0];

    // A rule over a list names the list, not the item.
    private static string ListOf(string path) => path.LastIndexOf('[') is > 0 and var cut ? path[..cut] : path;

    [GeneratedRegex("^# expect: (?<path>.*)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Expect();

    [GeneratedRegex("^spec:.*", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Spec();
}
