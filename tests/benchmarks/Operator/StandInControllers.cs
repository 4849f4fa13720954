using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;

namespace Mooring.Benchmarks.Operator;

/// <summary>Plays controllers, scheduler and kubelets: gives each Deployment of gateways its ready pods, and each workload's Service its endpoints.</summary>
/// <remarks>The real ones would need several times the operator's own CPU on the same two cores.</remarks>
internal sealed class StandInControllers(ApiSession api, Action<GatewayPod> started)
{
    private const string Labels = "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dmooring";
    private readonly ConcurrentDictionary<string, bool> _done = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _places = new(8);
    private int _addresses;

    public Task RunAsync(CancellationToken stopping) => Task.WhenAll(FollowDeploymentsAsync(stopping), FollowServicesAsync(stopping));

    private async Task FollowDeploymentsAsync(CancellationToken stopping)
    {
        await foreach (var deployment in api.FollowAsync($"/apis/apps/v1/deployments?{Labels}", stopping))
        {
            if (_done.TryAdd(deployment.GetProperty("metadata").GetProperty("uid").GetString()!, true))
            {
                // The element is good until the next one is read.
                var copy = deployment.Clone();
                Start(() => ServeDeploymentAsync(copy, stopping), stopping);
            }
        }
    }

    private async Task FollowServicesAsync(CancellationToken stopping)
    {
        await foreach (var service in api.FollowAsync($"/api/v1/services?{Labels}", stopping))
        {
            var metadata = service.GetProperty("metadata");
            if (!IsGateway(metadata) && _done.TryAdd(metadata.GetProperty("uid").GetString()!, true))
            {
                var copy = service.Clone();
                Start(() => ServeServiceAsync(copy, stopping), stopping);
            }
        }
    }

    private async Task ServeDeploymentAsync(JsonElement deployment, CancellationToken stopping)
    {
        var metadata = deployment.GetProperty("metadata");
        var (name, ns) = (metadata.GetProperty("name").GetString()!, metadata.GetProperty("namespace").GetString()!);
        var replicas = deployment.GetProperty("spec").GetProperty("replicas").GetInt32();
        if (IsGateway(metadata))
        {
            var template = deployment.GetProperty("spec").GetProperty("template");
            for (var i = 0; i < replicas; i++)
            {
                await StartPodAsync(ns, $"{name}-{i:d3}", template, stopping);
            }
        }

        (
            await api.PatchAsync(
                $"/apis/apps/v1/namespaces/{ns}/deployments/{name}/status",
                $$$"""
                {"status": {"observedGeneration": {{{metadata.GetProperty(
                    "generation"
                ).GetInt64()}}}, "replicas": {{{replicas}}}, "updatedReplicas": {{{replicas}}},
                 "readyReplicas": {{{replicas}}}, "availableReplicas": {{{replicas}}}}}
                """,
                stopping
            )
        ).Dispose();
    }

    private async Task StartPodAsync(string ns, string name, JsonElement template, CancellationToken stopping)
    {
        using var body = new MemoryStream();
        await using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("apiVersion", "v1");
            json.WriteString("kind", "Pod");
            json.WriteStartObject("metadata");
            json.WriteString("name", name);
            json.WritePropertyName("labels");
            template.GetProperty("metadata").GetProperty("labels").WriteTo(json);
            json.WriteEndObject();
            json.WriteStartObject("spec");
            json.WriteString("nodeName", "stand-in");
            foreach (var member in template.GetProperty("spec").EnumerateObject())
            {
                member.WriteTo(json);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        using var made = await api.CreateAsync($"/api/v1/namespaces/{ns}/pods", Encoding.UTF8.GetString(body.ToArray()), stopping);
        var address = Address();
        (
            await api.PatchAsync(
                $"/api/v1/namespaces/{ns}/pods/{name}/status",
                $$$"""
                {"status": {"phase": "Running", "podIP": "{{{address}}}", "podIPs": [{"ip": "{{{address}}}"}],
                 "conditions": [{"type": "Ready", "status": "True"}, {"type": "ContainersReady", "status": "True"}, {"type": "PodScheduled", "status": "True"}]}}
                """,
                stopping
            )
        ).Dispose();
        var labels = template.GetProperty("metadata").GetProperty("labels");
        started(
            new GatewayPod(
                ns,
                labels.GetProperty("mooring.dev/fleet").GetString()!,
                name,
                made.RootElement.GetProperty("metadata").GetProperty("uid").GetString()!,
                template.GetProperty("spec").GetProperty("serviceAccountName").GetString()!
            )
        );
    }

    private async Task ServeServiceAsync(JsonElement service, CancellationToken stopping)
    {
        var metadata = service.GetProperty("metadata");
        var (name, ns) = (metadata.GetProperty("name").GetString()!, metadata.GetProperty("namespace").GetString()!);
        var port = service.GetProperty("spec").GetProperty("ports")[0];
        var labels = string.Concat(
            metadata.GetProperty("labels").EnumerateObject().Select(static label => $"\"{label.Name}\": \"{label.Value.GetString()}\", ")
        );
        (
            await api.CreateAsync(
                $"/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices",
                $$$"""
                {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                 "metadata": {"name": "{{{name}}}", "labels": {{{{labels}}} "kubernetes.io/service-name": "{{{name}}}"}},
                 "ports": [{"name": "{{{(
                    port.TryGetProperty("name", out var portName) ? portName.GetString() : ""
                )}}}", "protocol": "TCP", "port": 8080}],
                 "endpoints": [{"addresses": ["{{{Address()}}}"], "conditions": {"ready": true, "serving": true}, "targetRef": {"kind": "Pod", "name": "{{{name}}}-0"}},
                               {"addresses": ["{{{Address()}}}"], "conditions": {"ready": true, "serving": true}, "targetRef": {"kind": "Pod", "name": "{{{name}}}-1"}}]}
                """,
                stopping
            )
        ).Dispose();
    }

    private string Address()
    {
        var number = Interlocked.Increment(ref _addresses);
        return $"10.{64 + (number >> 16)}.{(number >> 8) & 255}.{number & 255}";
    }

    // A few at a time, as the real ones do.
    private void Start(Func<Task> work, CancellationToken stopping) =>
        _ = Task.Run(
            async () =>
            {
                await _places.WaitAsync(stopping);
                try
                {
                    await work();
                }
                catch (Exception error) when (error is not OperationCanceledException)
                {
                    await Console.Error.WriteLineAsync($"stand-in: {error.Message}");
                }
                finally
                {
                    _places.Release();
                }
            },
            stopping
        );

    private static bool IsGateway(JsonElement metadata) =>
        metadata.GetProperty("labels").TryGetProperty("mooring.dev/role", out var role) && role.GetString() == "gateway";
}

/// <summary>A gateway's pod that runs.</summary>
internal sealed record GatewayPod(string Namespace, string Fleet, string Name, string Uid, string Account);
