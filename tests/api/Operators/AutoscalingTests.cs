using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;

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

    [ClusterFact]
    public async Task Driver_Operator_ScalesBothWaysAndSaysSo()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await ScalingAsync(
            fleet,
            """{"driver":"Operator","minReplicas":2,"maxReplicas":4,"scaleUpCooldown":"0s","scaleDownCooldown":"0s"}"""
        );
        await using var gateways = await FakeLoad.StartAsync(fleet);

        await gateways.ReportAsync(connections: 150, capacity: 100);
        await ReplicasAsync(fleet, 4);

        var status = (await fleet.FleetAsync("quickstart"))["status"]!;
        await Eventually.HoldsAsync(
            async () => (await fleet.FleetAsync("quickstart"))["status"]!["scaling"]!["lastScaleUpTime"] is not null,
            TimeSpan.FromMinutes(3),
            (await fleet.FleetAsync("quickstart"))["status"]!["scaling"]!.ToJsonString()
        );
        var condition = status["conditions"]!.AsArray().First(one => (string?)one!["type"] == "ScalingActive")!;
        ((string?)condition["reason"]).ShouldBeOneOf("Following", "NoReports");
        await Eventually.HoldsAsync(
            async () =>
                (await fleet.Kubectl.RunAsync("get", "events", "-n", fleet.Namespace)).Contains("ScaleUp", StringComparison.Ordinal),
            TimeSpan.FromMinutes(3),
            "no event tells of it"
        );
    }

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
