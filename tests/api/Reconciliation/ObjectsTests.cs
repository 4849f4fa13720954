using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;
using Mooring.Contracts.Stream;

namespace Mooring.Api.Tests.Reconciliation;

/// <summary>The objects around the gateways, and what a user may say of them.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ObjectsTests(SharedCluster shared)
{
    private Kubectl Kubectl => shared.Cluster.Kubectl;

    [ClusterFact]
    public async Task Apply_InARestrictedNamespace_EveryPodIsAdmitted()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await Kubectl.RunAsync("label", "namespace", fleet.Namespace, "pod-security.kubernetes.io/enforce=restricted");
        var privileged = await Kubectl.TryAsync("run", "root", "--image=any", "--privileged", "--dry-run=server", "-n", fleet.Namespace);
        privileged.Errors.ShouldContain("violates PodSecurity");

        // A port below 1024, and kernel settings that the kubelet calls safe.
        await Kubectl.ApplyAsync(
            FleetFixture.Quickstart.Replace("port: 9000", "port: 443", StringComparison.Ordinal)
                + "\n  nodeTuning: {mode: Observe, allowUnsafePodSysctls: false}\n",
            fleet.Namespace
        );
        await fleet.WaitReadyAsync("quickstart");

        var pods = await fleet.ListAsync("pods");
        pods.Count(pod => Role(pod) == "gateway").ShouldBe(2);
        pods.Count(pod => Role(pod) == "backend").ShouldBe(4);
        pods.ShouldAllBe(pod => (bool?)pod["spec"]!["securityContext"]!["runAsNonRoot"] == true);
        var service = await Kubectl.GetAsync("service", "quickstart-gateway", "-n", fleet.Namespace);
        service["spec"]!["ports"]!.AsArray().ShouldContain(port => (int)port!["port"]! == 443 && (int)port["targetPort"]! == 10443);
        // The one part that is privileged: it has to be given a namespace that lets it in.
        pods.ShouldNotContain(pod => Role(pod) == "tuner");
    }

    [ClusterFact]
    public async Task NetworkPolicies_OpenTheListenersAndWhoIsNamed_AndGoWithModeNone()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        Rules(await PolicyAsync(fleet, "quickstart-gateway")).ShouldBe("TCP/9000,TCP/9001 from anybody");
        Rules(await PolicyAsync(fleet, "quickstart-backend-echo")).ShouldBe("TCP/8080,TCP/app from 1");

        await PatchAsync(
            fleet,
            """{"gateway":{"networkPolicy":{"metricsFrom":[{"namespaceSelector":{"matchLabels":{"team":"watchers"}},"podSelector":{}},{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.9.0.0/16"]}}]}}}"""
        );
        await Eventually.HoldsAsync(
            async () => Rules(await PolicyAsync(fleet, "quickstart-gateway")) == "TCP/9000,TCP/9001 from anybody; TCP/9090 from 2",
            TimeSpan.FromMinutes(3),
            "metrics stay closed"
        );

        await PatchAsync(fleet, """{"gateway":{"networkPolicy":{"mode":"None"}}}""");
        await Eventually.HoldsAsync(
            async () => (await fleet.ListAsync("networkpolicies")).Count == 0,
            TimeSpan.FromMinutes(3),
            "policies stay"
        );
    }

    [ClusterFact]
    public async Task ServiceAndTemplateOptions_ReachTheObjects()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await Kubectl.RunAsync("create", "priorityclass", $"high-{fleet.Namespace}", "--value=1000", "--description=of a test");
        await fleet.ApplyQuickstartAsync();
        await PatchAsync(
            fleet,
            $$$"""
            {"gateway":{
              "service":{"type":"LoadBalancer","labels":{"pool":"public"},"annotations":{"example.com/scheme":"open"},"externalTrafficPolicy":"Local",
                "internalTrafficPolicy":"Cluster","trafficDistribution":"PreferClose","sessionAffinity":"ClientIP","ipFamilyPolicy":"SingleStack","ipFamilies":["IPv4"],
                "loadBalancerClass":"example.com/lb","loadBalancerSourceRanges":["192.0.2.0/24","203.0.113.7"],"allocateLoadBalancerNodePorts":true},
              "template":{"priorityClassName":"high-{{{fleet.Namespace}}}","schedulerName":"default-scheduler","imagePullPolicy":"Always","runAsUser":1000,"fsGroup":2000,
                "nodeSelector":{"kubernetes.io/os":"linux"},"tolerations":[{"key":"edge","operator":"Exists"}],"imagePullSecrets":[{"name":"pull"}],
                "labels":{"team":"a"},"annotations":{"note":"b"},"dnsPolicy":"Default"} } }
            """
        );

        await Eventually.HoldsAsync(
            async () =>
            {
                var spec = (await Kubectl.GetAsync("service", "quickstart-gateway", "-n", fleet.Namespace))["spec"]!;
                return
                    (string?)spec["type"] == "LoadBalancer"
                    && (string?)spec["loadBalancerClass"] == "example.com/lb"
                    && (string?)spec["externalTrafficPolicy"] == "Local"
                    && (string?)spec["sessionAffinity"] == "ClientIP"
                    && (string?)spec["trafficDistribution"] == "PreferClose"
                    && spec["loadBalancerSourceRanges"]?.ToJsonString() == """["192.0.2.0/24","203.0.113.7/32"]"""
                    ? null
                    : spec.ToJsonString() + fleet.Operator.Log;
            },
            TimeSpan.FromMinutes(3)
        );
        await Eventually.HoldsAsync(
            async () =>
            {
                var pods = (await fleet.ListAsync("pods")).Where(pod => Role(pod) == "gateway").ToList();
                return
                    pods.Count == 2
                    && pods.TrueForAll(pod =>
                        (int?)pod["spec"]!["priority"] == 1000
                        && (string?)pod["spec"]!["containers"]![0]!["imagePullPolicy"] == "Always"
                        && (int?)pod["spec"]!["securityContext"]!["runAsUser"] == 1000
                        && (string?)pod["metadata"]!["labels"]!["team"] == "a"
                        && (string?)pod["spec"]!["dnsPolicy"] == "Default"
                    )
                    ? null
                    : string.Join('\n', pods.Select(pod => pod.ToJsonString()));
            },
            TimeSpan.FromMinutes(3)
        );
        await fleet.WaitReadyAsync("quickstart");
    }

    [ClusterFact]
    public async Task Auto_GatewaysSayWhatTheyTake_StatusAndConditionGoByIt()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await Kubectl.ApplyAsync(
            FleetFixture.Quickstart.Replace("maxConnections: 10000", "maxConnections: Auto", StringComparison.Ordinal)
                + "\n  preset: Extreme\n",
            fleet.Namespace
        );
        await fleet.WaitReadyAsync("quickstart");
        var map = await Kubectl.GetAsync("configmap", "quickstart-gateway", "-n", fleet.Namespace);
        var capacity = JsonNode.Parse((string)map["data"]!["gateway.json"]!)!["capacity"]!;
        capacity["workers"]!.ToJsonString().ShouldBe("""{"connections":10000,"perCore":4}""");
        ((int)capacity["maxConnections"]!).ShouldBe(0);

        await using var load = await FakeLoad.StartAsync(fleet);
        await Eventually.HoldsAsync(
            async () =>
            {
                await load.ReportAsync(100, 1234, CapacityBound.Memory);
                var status = (await fleet.FleetAsync("quickstart"))["status"]!;
                var condition = status["conditions"]!.AsArray().FirstOrDefault(one => (string?)one!["type"] == "LimitsSufficient");
                return
                    (int?)status["connections"]?["capacity"] == 2468
                    && (string?)condition?["status"] == "True"
                    && (string?)condition["message"] == "Auto: 1234 connections a gateway, or more, by Memory"
                    ? null
                    : status.ToJsonString();
            },
            TimeSpan.FromMinutes(3)
        );
    }

    [ClusterFact]
    public async Task OperatorWithAnotherImage_TouchesNoPod_UntilTheFleetFollows()
    {
        var ns = await shared.Cluster.CreateNamespaceAsync("upgrade");
        var role = await OperatorRole.CreateAsync(shared.Cluster);
        await using var kubelet = new StandInKubelet(shared.Cluster, ns);
        string[] arguments = ["--namespace", ns, "--leader-elect=false", "--gateway-image"];
        await using (await OperatorProcess.StartAsync(shared.Cluster, role, [.. arguments, "mooring/gateway:1"]))
        {
            await Kubectl.ApplyAsync(FleetFixture.Quickstart, ns);
            await Kubectl.RunAsync("wait", "--for=condition=Ready", "fleet/quickstart", "--timeout=180s", "-n", ns);
        }

        var mark = shared.Cluster.Audit.Mark();
        await using var upgraded = await OperatorProcess.StartAsync(shared.Cluster, role, [.. arguments, "mooring/gateway:2"]);
        // It has looked at the fleet once it has answered a change of it.
        await Kubectl.RunAsync("scale", "fleet", "quickstart", "--replicas=3", "-n", ns);
        await ImagesAsync(ns, "mooring/gateway:1", 3);
        (await shared.Cluster.Audit.SinceAsync(mark))
            .Where(request => request.User == role.User && request is { Resource: "pods", IsWrite: true })
            .ShouldBeEmpty();

        await Kubectl.RunAsync(
            "patch",
            "fleet",
            "quickstart",
            "-n",
            ns,
            "--type=merge",
            "-p",
            """{"spec":{"gateway":{"imagePolicy":"Follow"}}}"""
        );
        await ImagesAsync(ns, "mooring/gateway:2", 3);
    }

    private Task ImagesAsync(string ns, string image, int count) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var pods = (await Kubectl.GetAsync("pods", "-n", ns, "-l", "mooring.dev/role=gateway"))["items"]!.AsArray();
                var images = pods.Select(pod => (string)pod!["spec"]!["containers"]![0]!["image"]!).ToList();
                return images.Count == count && images.TrueForAll(one => one == image) ? null : string.Join(',', images);
            },
            TimeSpan.FromMinutes(3)
        );

    private Task PatchAsync(FleetFixture fleet, string spec) =>
        Kubectl.RunAsync("patch", "fleet", "quickstart", "-n", fleet.Namespace, "--type=merge", "-p", $$"""{"spec":{{spec}}}""");

    private Task<JsonNode> PolicyAsync(FleetFixture fleet, string name) => Kubectl.GetAsync("networkpolicy", name, "-n", fleet.Namespace);

    private static string Rules(JsonNode policy) =>
        string.Join(
            "; ",
            policy["spec"]!["ingress"]!
                .AsArray()
                .Select(rule =>
                    string.Join(',', rule!["ports"]!.AsArray().Select(port => $"{port!["protocol"]}/{port["port"]}"))
                    + " from "
                    + (rule["from"] is JsonArray from ? from.Count.ToString() : "anybody")
                )
        );

    private static string? Role(JsonNode pod) => (string?)pod["metadata"]!["labels"]!["mooring.dev/role"];
}
