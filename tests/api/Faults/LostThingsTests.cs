using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Faults;

/// <summary>What somebody takes away from a running operator: its definition, its Lease, a right.</summary>
public sealed class LostThingsTests(FaultCluster own) : IClassFixture<FaultCluster>
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [ClusterFact]
    public async Task DefinitionDeletedAndInstalledAgain_WhileTheOperatorRuns_ItLivesOn_AndNewFleetsAreMade()
    {
        await using var fleet = await FleetFixture.StartAsync(own.Cluster);
        await fleet.Kubectl.ApplyAsync(Manifest("lost"), fleet.Namespace);
        await fleet.WaitReadyAsync("lost", Patience);
        var uid = (string)(await fleet.Kubectl.GetAsync("service", "lost-gateway", "-n", fleet.Namespace))["metadata"]!["uid"]!;

        await LetGoOfOthersAsync(fleet.Namespace);
        try
        {
            // Every fleet goes with it, through the operator's finalizer.
            await fleet.Kubectl.RunAsync("delete", "crd", "connectionfleets.mooring.dev", "--timeout=180s");
            await Eventually.HoldsAsync(
                () =>
                    Task.FromResult(
                        fleet.Operator.Log.Contains("Following connectionfleets", StringComparison.Ordinal) ? null : fleet.Operator.Log
                    ),
                Patience
            );
            fleet.Operator.Process.HasExited.ShouldBeFalse();
            (await fleet.Operator.GetAsync("/healthz")).ShouldBe("ok\n");
        }
        finally
        {
            await own.Cluster.InstallAsync();
        }

        // What the fleet of before left is the garbage collector's, which may wait for the definition; the new one's objects are its own.
        await fleet.Kubectl.ApplyAsync(Manifest("lost"), fleet.Namespace);
        await fleet.WaitReadyAsync("lost", Patience);
        ((string)(await fleet.Kubectl.GetAsync("service", "lost-gateway", "-n", fleet.Namespace))["metadata"]!["uid"]!).ShouldNotBe(uid);
    }

    [ClusterFact]
    public async Task LeaseDeleted_OneLeadsOn_WithAHigherTerm_AndTheOtherStandsBy()
    {
        var ns = await own.Cluster.CreateNamespaceAsync("lease");
        var role = await OperatorRole.CreateAsync(own.Cluster);
        await using var first = await OperatorProcess.StartAsync(own.Cluster, role, ["--namespace", ns]);
        await Eventually.HoldsAsync(() => Task.FromResult(first.Leads ? null : first.Log), Patience);
        await using var second = await OperatorProcess.StartAsync(own.Cluster, role, ["--namespace", ns]);
        await using var kubelet = new StandInKubelet(own.Cluster, ns);
        var before = await LeaseAsync(role);

        await own.Cluster.Kubectl.RunAsync("delete", "lease", OperatorRole.LeaseName, "-n", role.Namespace);

        // The holder gives up what it cannot prove, or takes it anew: whoever leads next does so in a later term, and the old one never beside it.
        await Eventually.HoldsAsync(
            async () =>
            {
                var now = await LeaseAsync(role);
                return Term(now) > Term(before) && (string?)now["metadata"]!["uid"] != (string?)before["metadata"]!["uid"]
                    ? null
                    : now.ToJsonString();
            },
            Patience
        );
        await own.Cluster.Kubectl.ApplyAsync(Manifest("after"), ns);
        await Eventually.HoldsAsync(
            async () =>
                (string?)(await own.Cluster.Kubectl.GetAsync("fleet", "after", "-n", ns))["status"]?["phase"] == "Ready"
                    ? null
                    : $"{first.Log}\n{second.Log}",
            Patience
        );
        (first.Process.HasExited, second.Process.HasExited).ShouldBeOneOf((true, false), (false, true), (false, false));
        if (first.Process.HasExited)
        {
            first.Process.ExitCode.ShouldBe(3, "the code of a lost Lease");
        }
    }

    [ClusterFact]
    public async Task RightTakenAway_ItIsSaidWhich_EverythingElseIsMade_AndOnceGrantedTheRestIsToo()
    {
        var ns = await own.Cluster.CreateNamespaceAsync("rights");
        var role = await OperatorRole.CreateAsync(
            own.Cluster,
            rules =>
                rules.Replace(
                    "resources: [poddisruptionbudgets]\n  verbs: [get, list, watch, create, patch]",
                    "resources: [poddisruptionbudgets]\n  verbs: [get, list, watch]",
                    StringComparison.Ordinal
                )
        );
        await using var @operator = await OperatorProcess.StartAsync(own.Cluster, role, ["--namespace", ns, "--leader-elect=false"]);
        await using var kubelet = new StandInKubelet(own.Cluster, ns);
        await own.Cluster.Kubectl.ApplyAsync(Manifest("poor"), ns);

        await ReadyAsync(
            ns,
            @operator,
            static ready =>
                (string?)ready["reason"] == "ApplyFailed"
                && ((string?)ready["message"])!.Contains("cannot patch resource \"poddisruptionbudgets\"", StringComparison.Ordinal)
        );
        await Eventually.HoldsAsync(
            async () =>
                (await own.Cluster.Kubectl.TryAsync("get", "service,configmap", "-n", ns, "-l", "mooring.dev/fleet=poor", "-o", "name"))
                    .Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                    .Length >= 2
                    ? null
                    : @operator.Log,
            Patience
        );

        await own.Cluster.Kubectl.ApplyAsync(
            $$"""
            apiVersion: rbac.authorization.k8s.io/v1
            kind: Role
            metadata: {name: granted}
            rules: [{apiGroups: [policy], resources: [poddisruptionbudgets], verbs: [create, patch]}]
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: RoleBinding
            metadata: {name: granted}
            roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: granted}
            subjects: [{kind: User, name: {{role.User}}, apiGroup: rbac.authorization.k8s.io}]
            """,
            ns
        );
        await ReadyAsync(ns, @operator, static ready => (string?)ready["status"] == "True");
    }

    /// <summary>Fleets of other tests, whose operators have ended, would keep the definition from going.</summary>
    private async Task LetGoOfOthersAsync(string ns)
    {
        foreach (var one in (await own.Cluster.Kubectl.GetAsync("fleets", "--all-namespaces"))["items"]!.AsArray())
        {
            var (name, at) = ((string)one!["metadata"]!["name"]!, (string)one["metadata"]!["namespace"]!);
            if (at != ns)
            {
                await own.Cluster.Kubectl.RunAsync(
                    "patch",
                    "fleet",
                    name,
                    "-n",
                    at,
                    "--type=merge",
                    "-p",
                    """{"metadata":{"finalizers":null}}"""
                );
            }
        }
    }

    private Task ReadyAsync(string ns, OperatorProcess @operator, Func<JsonNode, bool> holds) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var status = (await own.Cluster.Kubectl.GetAsync("fleet", "poor", "-n", ns))["status"];
                var ready = status?["conditions"]?.AsArray().FirstOrDefault(static one => (string?)one!["type"] == "Ready");
                return ready is not null && holds(ready) ? null : $"{status?.ToJsonString()}\n{@operator.Log}";
            },
            Patience
        );

    private async Task<JsonNode> LeaseAsync(OperatorRole role) =>
        await own.Cluster.Kubectl.GetAsync("lease", OperatorRole.LeaseName, "-n", role.Namespace);

    private static long Term(JsonNode lease) => (long?)lease["spec"]!["leaseTransitions"] ?? 0;

    private static string Manifest(string name) =>
        $$"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: {{name}} }
            spec:
              gateway: {replicas: 1, drain: {lameDuck: 100ms, deadline: 1s} }
              listeners:
              - {name: edge, protocol: TCP, port: 9000, backend: far}
              backends:
              - {name: far, addresses: [{address: "192.0.2.1:80"}]}
            """;
}
