using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Scaling;
using Mooring.Contracts.Stream;

namespace Mooring.Api.Tests.Operators;

/// <summary>The drivers of scaling, on a real API server with its aggregation layer and its HorizontalPodAutoscaler controller; the gateways' load is the test's.</summary>
[Collection(ClusterCollection.Name)]
public sealed class AutoscalingTests(SharedCluster shared)
{
    [ClusterFact]
    public async Task Driver_HorizontalPodAutoscaler_TheClusterScalesByTheOperatorsMetric()
    {
        var port = Ports.Free();
        await using var fleet = await FleetFixture.StartAsync(
            shared.Cluster,
            role => MetricsRegistration.CreateAsync(role, shared.Cluster.Kubectl, port),
            "--metrics-api",
            $"127.0.0.1:{port}",
            "--stream-service",
            "mooring"
        );
        await MetricsRegistration.AvailableAsync(fleet);
        await ScalingAsync(
            fleet,
            """{"driver":"HorizontalPodAutoscaler","minReplicas":2,"maxReplicas":5,"scaleUpCooldown":"0s","scaleDownCooldown":"0s"}"""
        );
        await using var gateways = await FakeLoad.StartAsync(fleet);

        await gateways.ReportAsync(connections: 300, capacity: 100);

        // 600 connections at 80 % of 100 each want eight; five is the most.
        await ReplicasAsync(fleet, 5);
        // The cluster has scaled, and the operator sees it a moment later.
        await Eventually.HoldsAsync(
            async () =>
            {
                var scaling = (await fleet.FleetAsync("quickstart"))["status"]!["scaling"]!;
                return (string?)scaling["reason"] == "AtMaximum" ? null : scaling.ToJsonString();
            },
            TimeSpan.FromMinutes(1)
        );
        var autoscaler = await fleet.Kubectl.GetAsync("hpa", "quickstart-gateway", "-n", fleet.Namespace);
        (
            (string?)autoscaler["status"]!["conditions"]!.AsArray().First(one => (string?)one!["type"] == "ScalingActive")!["status"]
        ).ShouldBe("True");
        var metric = JsonNode.Parse(
            await fleet.Kubectl.RunAsync(
                "get",
                "--raw",
                $"/apis/external.metrics.k8s.io/v1beta1/namespaces/{fleet.Namespace}/mooring_recommended_gateways?labelSelector=mooring.dev/fleet%3Dquickstart"
            )
        )!;
        ((string?)metric["items"]![0]!["value"]).ShouldBe("5");
    }

    [ClusterFact]
    public async Task MetricsApi_ACallerThatIsNotTheApiServer_IsNotAnswered()
    {
        var port = Ports.Free();
        await using var fleet = await FleetFixture.StartAsync(
            shared.Cluster,
            role => MetricsRegistration.CreateAsync(role, shared.Cluster.Kubectl, port),
            "--metrics-api",
            $"127.0.0.1:{port}",
            "--stream-service",
            "mooring"
        );
        await MetricsRegistration.AvailableAsync(fleet);
        var api = new Uri($"https://127.0.0.1:{port}/apis/external.metrics.k8s.io/v1beta1");
        using var another = new Authority();

        (await AskAsync(api, Files("front-proxy-client"))).ShouldBeTrue("the API server is answered");
        (await AskAsync(api, null)).ShouldBeFalse("nobody");
        (await AskAsync(api, another.Client("front-proxy-client"))).ShouldBeFalse("the right name of a wrong authority");
        (await AskAsync(api, Files("front-proxy-other"))).ShouldBeFalse("a wrong name of the right authority");

        PemPair Files(string name) =>
            new(File.ReadAllText(shared.Cluster.InFolder(name + ".crt")), File.ReadAllText(shared.Cluster.InFolder(name + ".key")));
    }

    /// <summary>Whether a caller with this certificate is answered; one that is not is not let in at all.</summary>
    private static async Task<bool> AskAsync(Uri api, PemPair? shown)
    {
        using var handler = new SocketsHttpHandler();
#pragma warning disable CA5359 // Whom the server refuses is asked, not who it is.
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        using var certificate = shown is null ? null : X509Certificate2.CreateFromPem(shown.Certificate, shown.Key);
        handler.SslOptions.ClientCertificates = certificate is null ? [] : [certificate];
        using var http = new HttpClient(handler) { Timeout = TimeSpan.FromMinutes(1) };
        try
        {
            using var answer = await http.GetAsync(api);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>Up when two gateways have too many, and down when few are left: whoever is still on those that are to go is sent to the others first.</summary>
    [ClusterFact]
    public async Task Driver_Operator_ScalesBothWaysAndSaysSo()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.Kubectl.ApplyAsync(Breathing, fleet.Namespace);
        await fleet.WaitReadyAsync("breathing");
        // 2,600 connections at 80 % of 1,000 each want four.
        await using var gateways = new StandInGateways(
            fleet.Kubectl,
            fleet.Namespace,
            "breathing",
            () => fleet.Operator.StreamPort,
            first: 2,
            each: 1300
        )
        {
            ClientsReturn = true,
        };
        await BreathesAsync(fleet, status => (int?)status["replicas"] == 4 && status["scaling"]!["lastScaleUpTime"] is not null);
        await Eventually.HoldsAsync(
            () => Task.FromResult(gateways.Connections.Count == 4 && Volatile.Read(ref gateways.Speaking) == 4 ? null : "not all speak"),
            TimeSpan.FromMinutes(3)
        );
        await EventAsync(fleet, "ScaleUp");
        gateways.Orders.ShouldBeEmpty("nobody is told to stop");

        foreach (var gateway in gateways.Connections.Keys)
        {
            gateways.Connections[gateway] = 50;
        }

        var left = new List<string>();
        await Eventually.HoldsAsync(
            async () =>
            {
                var pods = await fleet.Kubectl.GetAsync("pods", "-n", fleet.Namespace, "-l", "mooring.dev/role=gateway");
                left = [.. pods["items"]!.AsArray().Select(static pod => (string)pod!["metadata"]!["name"]!)];
                return left.Count == 2 ? null : $"{left.Count} pods {fleet.Operator.Log}";
            },
            TimeSpan.FromMinutes(3)
        );
        await BreathesAsync(
            fleet,
            status =>
                (int?)status["scaling"]!["recommended"] == 2
                && (int?)status["replicas"] == 2
                && status["scaling"]!["lastScaleDownTime"] is not null
        );
        gateways.Connections.Values.Sum().ShouldBe(200, "a client is lost");
        left.Sum(name => gateways.Connections[name]).ShouldBe(200, "those that went were empty");
        var orders = gateways.Orders.ToLookup(static order => order.Gateway, static order => order.Kind);
        orders.Select(static one => one.Key).Intersect(left).ShouldBeEmpty();
        orders.Count.ShouldBe(2);
        orders.ShouldAllBe(static one => one.First() == DirectiveKind.Cordon && one.Last() == DirectiveKind.Drain);
        await EventAsync(fleet, "ScaleDown");
    }

    private static Task BreathesAsync(FleetFixture fleet, Func<JsonNode, bool> holds) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var status = (await fleet.FleetAsync("breathing"))["status"]!;
                return status["scaling"] is not null && holds(status) ? null : $"{status.ToJsonString()} {fleet.Operator.Log}";
            },
            TimeSpan.FromMinutes(3)
        );

    private static Task EventAsync(FleetFixture fleet, string reason) =>
        Eventually.HoldsAsync(
            async () => (await fleet.Kubectl.RunAsync("get", "events", "-n", fleet.Namespace)).Contains(reason, StringComparison.Ordinal),
            TimeSpan.FromMinutes(3),
            $"no event {reason}"
        );

    private const string Breathing = """
        apiVersion: mooring.dev/v1alpha1
        kind: ConnectionFleet
        metadata: {name: breathing}
        spec:
          gateway:
            replicas: 2
            drain: {lameDuck: 500ms, deadline: 60s, reconnectsPerSecond: 200}
          scaling: {driver: Operator, minReplicas: 2, maxReplicas: 4, scaleUpCooldown: 0s, scaleDownCooldown: 0s}
          listeners:
          - {name: edge, protocol: TCP, port: 9000, backend: far}
          backends:
          - {name: far, addresses: [{address: "192.0.2.1:80"}]}
        """;

    [ClusterFact]
    public async Task Driver_External_OnlyRecommends()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await ScalingAsync(fleet, """{"driver":"External","minReplicas":2,"maxReplicas":4,"scaleUpCooldown":"0s"}""");
        await using var gateways = await FakeLoad.StartAsync(fleet);

        await gateways.ReportAsync(connections: 150, capacity: 100);

        await Eventually.HoldsAsync(
            async () => (int?)(await fleet.FleetAsync("quickstart"))["status"]?["scaling"]?["recommended"] == 4,
            TimeSpan.FromMinutes(3),
            "nothing is recommended"
        );
        ((int?)(await fleet.FleetAsync("quickstart"))["spec"]!["gateway"]!["replicas"]).ShouldBe(2);
    }

    private static async Task ScalingAsync(FleetFixture fleet, string scaling)
    {
        await fleet.ApplyQuickstartAsync();
        await fleet.Kubectl.RunAsync(
            "patch",
            "fleet",
            "quickstart",
            "-n",
            fleet.Namespace,
            "--type=merge",
            "-p",
            $$$"""{"spec":{"scaling":{{{scaling}}}}}"""
        );
    }

    private static Task ReplicasAsync(FleetFixture fleet, int replicas) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var entity = await fleet.FleetAsync("quickstart");
                return (int?)entity["spec"]!["gateway"]!["replicas"] == replicas
                    ? null
                    : $"{entity["spec"]!["gateway"]} {entity["status"]!["scaling"]} {fleet.Operator.Log}";
            },
            TimeSpan.FromMinutes(3)
        );
}
