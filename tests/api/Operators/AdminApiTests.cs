using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;
using Mooring.Testing;

namespace Mooring.Api.Tests.Operators;

/// <summary>The admin API on a real API server: tokens of real service accounts, with and without rights.</summary>
[Collection(ClusterCollection.Name)]
public sealed class AdminApiTests(SharedCluster shared)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [ClusterFact]
    public async Task Rights_AreTheClustersOwn()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster, "--guarded-metrics");
        await fleet.ApplyQuickstartAsync();
        using var nobody = await ClientAsync(fleet, null);
        using var stranger = await ClientAsync(fleet, await AccountAsync(fleet, "stranger", ""));
        using var viewer = await ClientAsync(
            fleet,
            await AccountAsync(fleet, "viewer", "{apiGroups: [mooring.dev], resources: [connectionfleets], verbs: [get, list]}")
        );
        using var scaler = await ClientAsync(
            fleet,
            await AccountAsync(
                fleet,
                "scaler",
                "{apiGroups: [mooring.dev], resources: [connectionfleets/scale], verbs: [update], resourceNames: [quickstart]}"
            )
        );
        using var forged = await ClientAsync(fleet, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzeXN0ZW06YWRtaW4ifQ.");
        var one = $"/api/v1/fleets/{fleet.Namespace}/quickstart";

        (await StatusAsync(nobody, one)).ShouldBe(HttpStatusCode.Unauthorized);
        (await StatusAsync(forged, one)).ShouldBe(HttpStatusCode.Unauthorized);
        (await StatusAsync(stranger, one)).ShouldBe(HttpStatusCode.Forbidden);
        (await StatusAsync(viewer, one)).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(viewer, $"/api/v1/fleets?namespace={fleet.Namespace}")).ShouldBe(HttpStatusCode.OK);
        // Its role is of one namespace.
        (await StatusAsync(viewer, "/api/v1/fleets")).ShouldBe(HttpStatusCode.Forbidden);
        (await StatusAsync(viewer, "/api/v1/cluster/status")).ShouldBe(HttpStatusCode.Forbidden);
        (await StatusAsync(scaler, one)).ShouldBe(HttpStatusCode.Forbidden);
        (await StatusAsync(viewer, "/metrics")).ShouldBe(HttpStatusCode.Forbidden);
        (await StatusAsync(nobody, "/metrics")).ShouldBe(HttpStatusCode.Unauthorized);
        (await StatusAsync(nobody, "/openapi.json")).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(nobody, "/")).ShouldBe(HttpStatusCode.OK);
        using (var plain = new HttpClient())
        {
            // What is in the clear tells nothing.
            using var metrics = await plain.GetAsync(new Uri($"http://127.0.0.1:{fleet.Operator.HttpPort}/metrics"));
            metrics.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        }

        using var refused = await PostAsync(viewer, $"{one}/scale-up", """{"instances":1}""");
        refused.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        ((string)(await JsonAsync(refused))["detail"]!).ShouldContain(
            $"update connectionfleets/scale.mooring.dev quickstart in namespace {fleet.Namespace}"
        );
        using var scaled = await PostAsync(scaler, $"{one}/scale-up", """{"instances":1}""");
        (await JsonAsync(scaled)).ToJsonString().ShouldBe("""{"previous":2,"replicas":3}""");
        ((int)(await fleet.FleetAsync("quickstart"))["spec"]!["gateway"]!["replicas"]!).ShouldBe(3);
        using var drained = await PostAsync(scaler, $"{one}/gateways/x/drain", null);
        drained.StatusCode.ShouldBe(HttpStatusCode.Forbidden);

        // A token of the gateways' audience is for the stream alone.
        var other = await fleet.Kubectl.RunAsync("create", "token", "viewer", "--audience=mooring", "-n", fleet.Namespace);
        using var wrong = await ClientAsync(fleet, other.Trim());
        (await StatusAsync(wrong, one)).ShouldBe(HttpStatusCode.Unauthorized);
        // And metrics are for whom RBAC lets read that path.
        await fleet.Kubectl.ApplyAsync(
            $$"""
            apiVersion: rbac.authorization.k8s.io/v1
            kind: ClusterRole
            metadata: {name: {{fleet.Namespace}}-metrics}
            rules: [{nonResourceURLs: [/metrics], verbs: [get]}]
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: ClusterRoleBinding
            metadata: {name: {{fleet.Namespace}}-metrics}
            roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {{fleet.Namespace}}-metrics}
            subjects: [{kind: ServiceAccount, name: stranger, namespace: {{fleet.Namespace}}}]
            """,
            fleet.Namespace
        );
        // A refusal is remembered for ten seconds.
        await Eventually.HoldsAsync(
            async () => await StatusAsync(stranger, "/metrics") == HttpStatusCode.OK ? null : "metrics are still refused",
            Patience
        );
    }

    [ClusterFact]
    public async Task Scale_KeepsToTheBounds_AndOfManyAtATimeNoneIsLost()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        using var admin = await AdminAsync(fleet);
        var one = $"/api/v1/fleets/{fleet.Namespace}/quickstart";

        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => PostAsync(admin, $"{one}/scale-up", """{"instances":1}""")));
        answers.ShouldAllBe(static answer => answer.StatusCode == HttpStatusCode.OK);
        Array.ForEach(answers, static answer => answer.Dispose());
        ((int)(await fleet.FleetAsync("quickstart"))["spec"]!["gateway"]!["replicas"]!).ShouldBe(6);

        await PatchAsync(fleet, """{"spec":{"scaling":{"driver":"External","minReplicas":2,"maxReplicas":7}}}""");
        using var above = await PostAsync(admin, $"{one}/scale-up", """{"instances":2}""");
        above.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
        var problem = await JsonAsync(above);
        ((string)problem["errors"]![0]!["field"]!).ShouldBe("instances");
        ((string)problem["errors"]![0]!["message"]!).ShouldContain("spec.scaling.maxReplicas is 7");
        using var below = await PostAsync(admin, $"{one}/scale-down", """{"instances":5}""");
        below.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
        using var within = await PostAsync(admin, $"{one}/scale-down", """{"instances":4}""");
        (await JsonAsync(within)).ToJsonString().ShouldBe("""{"previous":6,"replicas":2}""");

        using var paused = await PostAsync(admin, $"{one}/scaling/pause", null);
        ((bool)(await JsonAsync(paused))["scalingPaused"]!).ShouldBeTrue();
        using var whole = await PostAsync(admin, $"{one}/pause", null);
        ((bool)(await JsonAsync(whole))["paused"]!).ShouldBeTrue();
        await Eventually.HoldsAsync(
            async () => (string?)(await fleet.FleetAsync("quickstart"))["status"]?["phase"] == "Paused" ? null : "not paused",
            Patience
        );
        using var resumed = await PostAsync(admin, $"{one}/resume", null);
        (await JsonAsync(resumed)).ToJsonString().ShouldBe("""{"paused":false,"scalingPaused":true}""");
        await Eventually.HoldsAsync(
            async () =>
                (await fleet.Kubectl.RunAsync("get", "events", "-n", fleet.Namespace)) is var events
                && events.Contains("system:serviceaccount:", StringComparison.Ordinal)
                && events.Contains("Paused", StringComparison.Ordinal)
                    ? null
                    : events,
            Patience
        );
    }

    [ClusterFact]
    public async Task CordonAndDrain_GoThroughTheSequence_AndFiguresAreTheGateways()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        await using var gateways = new Scaling.StandInGateways(
            fleet.Kubectl,
            fleet.Namespace,
            "quickstart",
            () => fleet.Operator.StreamPort,
            first: 2,
            each: 50
        );
        using var admin = await AdminAsync(fleet);
        var one = $"/api/v1/fleets/{fleet.Namespace}/quickstart";
        var stats = new JsonObject() as JsonNode;
        await Eventually.HoldsAsync(
            async () =>
            {
                stats = await GetAsync(fleet, admin, $"{one}/stats");
                var sums = ((int)stats["serverCount"]!, (long)stats["totalLoad"]!, (long)stats["totalCapacity"]!);
                return sums == (2, 100, 2000) ? null : $"{stats.ToJsonString()}\n{fleet.Operator.Log}";
            },
            Patience
        );
        ((double)stats["utilizationPercent"]!).ShouldBe(5);
        var capacity = await GetAsync(fleet, admin, $"{one}/capacity");
        ((bool)capacity["hasCapacity"]!, (long)capacity["activeTunnels"]!, (long)capacity["availableSlots"]!).ShouldBe((true, 100, 1900));
        ((int)(await GetAsync(fleet, admin, "/api/v1/cluster/status"))["gatewaysConnected"]!).ShouldBeGreaterThanOrEqualTo(2);

        var held = (string)stats["servers"]![0]!["name"]!;
        var victim = (string)stats["servers"]![1]!["name"]!;
        using var cordoned = await PostAsync(admin, $"{one}/gateways/{held}/cordon", null);
        ((string)(await JsonAsync(cordoned))["hold"]!).ShouldBe("cordon");
        await Eventually.HoldsAsync(
            async () =>
            {
                var servers = (await GetAsync(fleet, admin, $"{one}/stats"))["servers"]!.AsArray();
                return
                    servers.Count == 3 && servers.Any(server => (string)server!["name"]! == held && (string)server["state"]! == "Cordoned")
                    ? null
                    : $"{servers.ToJsonString()}\n{fleet.Operator.Log}";
            },
            Patience
        );
        gateways.Connections[held].ShouldBe(50);
        await Eventually.HoldsAsync(
            () => Task.FromResult(gateways.Speaking == 3 ? null : $"{gateways.Speaking} of 3 speak\n{fleet.Operator.Log}"),
            Patience
        );

        using var uncordoned = await PostAsync(admin, $"{one}/gateways/{held}/uncordon", null);
        (await JsonAsync(uncordoned))["hold"].ShouldBeNull();
        using var drained = await PostAsync(admin, $"{one}/gateways/{victim}/drain", null);
        drained.StatusCode.ShouldBe(HttpStatusCode.OK);
        await Eventually.HoldsAsync(
            async () =>
            {
                var pods = await fleet.Kubectl.GetAsync("pods", "-n", fleet.Namespace, "-l", "mooring.dev/role=gateway");
                var names = pods["items"]!.AsArray().Select(pod => (string)pod!["metadata"]!["name"]!).ToList();
                return names.Count == 2 && !names.Contains(victim) ? null : $"{string.Join(' ', names)}\n{fleet.Operator.Log}";
            },
            TimeSpan.FromMinutes(3)
        );
        var metrics = "";
        await Eventually.HoldsAsync(
            async () =>
                (metrics = await fleet.Operator.GetAsync("/metrics")).Contains(
                    "mooring_gateway_drains_total{cause=\"manual\",outcome=\"empty\"} 1",
                    StringComparison.Ordinal
                )
                    ? null
                    : string.Join(
                        '\n',
                        metrics.Split('\n').Where(static line => line.StartsWith("mooring_gateway_", StringComparison.Ordinal))
                    ) + $"\n{await fleet.Kubectl.RunAsync("get", "events", "-n", fleet.Namespace)}\n{fleet.Operator.Log}",
            Patience
        );
        var table = MetricsText.Rows(File.ReadAllText(RepositoryRoot.File("operator", "Metrics", "README.md")), "In a cluster");
        MetricsText.CheckLabels(metrics, table.ToDictionary(static row => row.Name, static row => row.Labels));
        // Sent away one by one, not cut off.
        gateways.Connections[victim].ShouldBe(0);
        gateways.PeakPerSecond().ShouldBeLessThanOrEqualTo(203);
        using var gone = await PostAsync(admin, $"{one}/gateways/{victim}/drain", null);
        gone.StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [ClusterFact]
    public async Task Follower_SaysThatItDoesNotLead_AndServesItsMetrics()
    {
        var ns = await shared.Cluster.CreateNamespaceAsync("admin");
        var role = await OperatorRole.CreateAsync(shared.Cluster);
        await using var first = await OperatorProcess.StartAsync(shared.Cluster, role, "--namespace", ns);
        await Eventually.HoldsAsync(() => Task.FromResult(first.Leads ? null : first.Log), Patience);
        await using var second = await OperatorProcess.StartAsync(shared.Cluster, role, "--namespace", ns);
        var token = await AccountAsync(ns, "root", "cluster-admin");
        using var admin = Client(second.AdminPort, await AuthorityAsync(role.Namespace), token);

        await Eventually.HoldsAsync(
            async () => await TryStatusAsync(admin, "/api/v1/fleets") is HttpStatusCode.ServiceUnavailable ? null : second.Log,
            Patience
        );
        using var answer = await admin.GetAsync(new Uri("/api/v1/fleets", UriKind.Relative));
        answer.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(2));
        ((string)(await JsonAsync(answer))["detail"]!).ShouldContain("does not lead");
        (await StatusAsync(admin, "/metrics")).ShouldBe(HttpStatusCode.OK);
    }

    private async Task<HttpClient> AdminAsync(FleetFixture fleet) =>
        await ClientAsync(fleet, await AccountAsync(fleet.Namespace, "root", "cluster-admin"));

    /// <summary>A ServiceAccount with one rule in the fleet's namespace, or none; returns its token.</summary>
    private Task<string> AccountAsync(FleetFixture fleet, string name, string rule) => AccountAsync(fleet.Namespace, name, rule);

    private async Task<string> AccountAsync(string ns, string name, string rule)
    {
        await shared.Cluster.Kubectl.ApplyAsync($"{{apiVersion: v1, kind: ServiceAccount, metadata: {{name: {name}}}}}", ns);
        if (rule == "cluster-admin")
        {
            await shared.Cluster.Kubectl.ApplyAsync(
                $$"""
                apiVersion: rbac.authorization.k8s.io/v1
                kind: ClusterRoleBinding
                metadata: {name: {{ns}}-{{name}}}
                roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
                subjects: [{kind: ServiceAccount, name: {{name}}, namespace: {{ns}}}]
                """,
                ns
            );
        }
        else if (rule.Length > 0)
        {
            await shared.Cluster.Kubectl.ApplyAsync(
                $$"""
                apiVersion: rbac.authorization.k8s.io/v1
                kind: Role
                metadata: {name: {{name}}}
                rules: [{{rule}}]
                ---
                apiVersion: rbac.authorization.k8s.io/v1
                kind: RoleBinding
                metadata: {name: {{name}}}
                roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{name}}}
                subjects: [{kind: ServiceAccount, name: {{name}}, namespace: {{ns}}}]
                """,
                ns
            );
        }

        return (await shared.Cluster.Kubectl.RunAsync("create", "token", name, "-n", ns)).Trim();
    }

    private async Task<HttpClient> ClientAsync(FleetFixture fleet, string? token)
    {
        var map = await fleet.Kubectl.GetAsync("configmap", "quickstart-gateway", "-n", fleet.Namespace);
        return Client(fleet.Operator.AdminPort, (string)map["data"]!["ca.crt"]!, token);
    }

    private async Task<string> AuthorityAsync(string ns)
    {
        var secret = await shared.Cluster.Kubectl.GetAsync("secret", "mooring-stream-tls", "-n", ns);
        return Encoding.UTF8.GetString(Convert.FromBase64String((string)secret["data"]!["ca.crt"]!));
    }

    /// <summary>Trusts the operator's authority, by the name that the Service has.</summary>
    internal static HttpClient Client(int port, string authorities, string? token)
    {
        var trusted = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trusted.CustomTrustStore.ImportFromPem(authorities);
        var handler = new SocketsHttpHandler
        {
            SslOptions = new System.Net.Security.SslClientAuthenticationOptions { CertificateChainPolicy = trusted },
            // The name is the certificate's; there is no DNS for it here.
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(IPAddress.Loopback, port, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        var name = new Uri(OperatorProcess.StreamUrl).Host;
        var http = new HttpClient(handler) { BaseAddress = new Uri($"https://{name}:{port}"), Timeout = TimeSpan.FromMinutes(3) };
        http.DefaultRequestHeaders.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return http;
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient http, string path)
    {
        using var answer = await http.GetAsync(new Uri(path, UriKind.Relative));
        return answer.StatusCode;
    }

    /// <summary>Null: not even a certificate yet.</summary>
    private static async Task<HttpStatusCode?> TryStatusAsync(HttpClient http, string path)
    {
        try
        {
            return await StatusAsync(http, path);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private static Task<HttpResponseMessage> PostAsync(HttpClient http, string path, string? json) =>
        http.PostAsync(new Uri(path, UriKind.Relative), json is null ? null : new StringContent(json, Encoding.UTF8, "application/json"));

    private static async Task<JsonNode> JsonAsync(HttpResponseMessage answer) => JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;

    private static async Task<JsonNode> GetAsync(FleetFixture fleet, HttpClient http, string path)
    {
        using var answer = await http.GetAsync(new Uri(path, UriKind.Relative));
        var text = await answer.Content.ReadAsStringAsync();
        answer.IsSuccessStatusCode.ShouldBeTrue($"{path}: {answer.StatusCode} {text}\n{fleet.Operator.Log}");
        return JsonNode.Parse(text)!;
    }

    private static Task PatchAsync(FleetFixture fleet, string patch) =>
        fleet.Kubectl.RunAsync("patch", "fleet", "quickstart", "-n", fleet.Namespace, "--type=merge", "-p", patch);
}
