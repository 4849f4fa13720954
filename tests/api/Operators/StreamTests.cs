using Mooring.Api.Tests.Cluster;
using Mooring.Contracts.Stream;

namespace Mooring.Api.Tests.Operators;

/// <summary>The gateways' stream as it is in a cluster: TLS by the operator's own authority, tokens that the API server reviews.</summary>
[Collection(ClusterCollection.Name)]
public sealed class StreamTests(SharedCluster shared)
{
    [ClusterFact]
    public async Task Connect_WithThePodsToken_GetsConfigAndEndpoints_AndChangesAtOnce()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        var pod = await GatewayPodAsync(fleet);

        await using var gateway = await DialAsync(fleet, pod, await TokenAsync(fleet, pod));
        var config = (await gateway.ReceiveAsync<ConfigMessage>())!;
        config.Config.Fleet.ShouldBe($"{fleet.Namespace}/quickstart");
        var endpoints = (await gateway.ReceiveAsync<EndpointsMessage>())!;
        endpoints.Endpoints.Count.ShouldBe(2);
        endpoints.Endpoints.ShouldAllBe(endpoint =>
            endpoint.Address.StartsWith("10.244.", StringComparison.Ordinal) && endpoint.Port == 8080
        );
        await gateway.SendAsync(
            new ReportMessage
            {
                State = GatewayState.Serving,
                Connections = 40,
                Capacity = 100,
            }
        );
        await StatusAsync(fleet, status => (string?)status["config"]!["acked"] == "1/2" && (int?)status["connections"]!["current"] == 40);

        await fleet.Kubectl.RunAsync(
            "patch",
            "fleet",
            "quickstart",
            "-n",
            fleet.Namespace,
            "--type=merge",
            "-p",
            """{"spec":{"gateway":{"capacity":{"perAddress":5}}}}"""
        );
        var changed = (await gateway.ReceiveAsync<ConfigMessage>())!;
        changed.Hash.ShouldNotBe(config.Hash);
        changed.Config.Capacity.PerAddress.ShouldBe(5);
        await StatusAsync(
            fleet,
            status => (string?)status["config"]!["hash"] == changed.Hash && (string?)status["config"]!["acked"] == "1/2"
        );
    }

    [ClusterFact]
    public async Task Endpoints_ScaleOfAWorkload_IsPushed()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        var pod = await GatewayPodAsync(fleet);
        await using var gateway = await DialAsync(fleet, pod, await TokenAsync(fleet, pod));
        await gateway.ReceiveAsync<ConfigMessage>();

        await fleet.Kubectl.RunAsync(
            "patch",
            "fleet",
            "quickstart",
            "-n",
            fleet.Namespace,
            "--type=json",
            "-p",
            """[{"op":"replace","path":"/spec/backends/0/workload/replicas","value":3}]"""
        );

        EndpointsMessage message;
        do
        {
            message = (await gateway.ReceiveAsync<EndpointsMessage>()).ShouldNotBeNull();
        } while (message.Backend != "echo" || message.Endpoints.Count != 3);
    }

    [ClusterFact]
    public async Task Connect_WithoutAGoodToken_IsRefused()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        var pod = await GatewayPodAsync(fleet);

        await RefusedAsync(fleet, pod, null, "no bearer token");
        await RefusedAsync(fleet, pod, "not.a.token", "the token is not good");
        await RefusedAsync(fleet, pod, await TokenAsync(fleet, pod, audience: "https://kubernetes.default.svc"), "the token is not good");
        await RefusedAsync(fleet, "another-pod", await TokenAsync(fleet, pod), "the token is of another pod");
        var stranger = await fleet.Kubectl.RunAsync("create", "token", "default", "--audience=mooring", "-n", fleet.Namespace);
        await RefusedAsync(fleet, pod, stranger.Trim(), "the token is of another ServiceAccount");
    }

    [ClusterFact]
    public async Task Connect_TrustingAnotherAuthority_Fails()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        using var other = new Authority();

        await Should.ThrowAsync<System.Net.WebSockets.WebSocketException>(() =>
            FakeGateway.ConnectAsync(fleet.Operator.StreamPort, other.CertificatePem, "any", $"{fleet.Namespace}/quickstart", "any")
        );
    }

    [ClusterFact]
    public async Task NewLeader_UsesTheSameAuthority()
    {
        var ns = await shared.Cluster.CreateNamespaceAsync("authority");
        var role = await OperatorRole.CreateAsync(shared.Cluster);
        string[] arguments = ["--namespace", ns, "--leader-elect=false"];
        await using (await OperatorProcess.StartAsync(shared.Cluster, role, arguments))
        {
            await SecretAsync(role);
        }

        var before = await SecretAsync(role);
        await using var again = await OperatorProcess.StartAsync(shared.Cluster, role, arguments);
        await Eventually.HoldsAsync(() => Task.FromResult(again.Leads), TimeSpan.FromMinutes(3), again.Log);
        (await SecretAsync(role)).ShouldBe(before);
    }

    private async Task<string> SecretAsync(OperatorRole role)
    {
        string? version = null;
        await Eventually.HoldsAsync(
            async () =>
            {
                var secret = await shared.Cluster.Kubectl.GetAsync("secret", "mooring-stream-tls", "-n", role.Namespace);
                version = (string)secret["metadata"]!["resourceVersion"]!;
                return true;
            },
            TimeSpan.FromMinutes(3),
            "no Secret"
        );
        return version!;
    }

    private static async Task RefusedAsync(FleetFixture fleet, string pod, string? token, string why)
    {
        await using var gateway = await DialAsync(fleet, pod, token);
        (await gateway.ReceiveAsync<ConfigMessage>()).ShouldBeNull();
        gateway.CloseReason.ShouldNotBeNull().ShouldContain(why);
    }

    private static async Task<FakeGateway> DialAsync(FleetFixture fleet, string pod, string? token)
    {
        var config = await fleet.Kubectl.GetAsync("configmap", "quickstart-gateway", "-n", fleet.Namespace);
        return await FakeGateway.ConnectAsync(
            fleet.Operator.StreamPort,
            (string)config["data"]!["ca.crt"]!,
            token,
            $"{fleet.Namespace}/quickstart",
            pod
        );
    }

    private static async Task<string> TokenAsync(FleetFixture fleet, string pod, string audience = StreamLimits.TokenAudience) =>
        (
            await fleet.Kubectl.RunAsync(
                "create",
                "token",
                "quickstart-gateway",
                $"--audience={audience}",
                "--bound-object-kind=Pod",
                $"--bound-object-name={pod}",
                "-n",
                fleet.Namespace
            )
        ).Trim();

    private static async Task<string> GatewayPodAsync(FleetFixture fleet)
    {
        var pods = await fleet.Kubectl.GetAsync("pods", "-n", fleet.Namespace, "-l", "mooring.dev/role=gateway");
        return (string)pods["items"]![0]!["metadata"]!["name"]!;
    }

    private static Task StatusAsync(FleetFixture fleet, Func<System.Text.Json.Nodes.JsonNode, bool> holds) =>
        Eventually.HoldsAsync(
            async () =>
                (await fleet.FleetAsync("quickstart"))["status"] is { } status && holds(status)
                    ? null
                    : (await fleet.FleetAsync("quickstart"))["status"]?.ToJsonString() ?? "no status",
            TimeSpan.FromMinutes(3)
        );
}
