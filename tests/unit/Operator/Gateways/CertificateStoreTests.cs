using System.Text.Json.Nodes;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Operator.Gateways.InCluster;
using Mooring.Testing.ApiDouble;

namespace Mooring.Operator.Tests.Gateways;

public sealed class CertificateStoreTests : IAsyncLifetime
{
    private const string Secrets = "/api/v1/namespaces/system/secrets";
    private KubernetesApiDouble _api = null!;
    private KubernetesClient _client = null!;

    public async Task InitializeAsync()
    {
        _api = await KubernetesApiDouble.StartAsync();
        _client = new KubernetesClient(new ClusterConfig { Server = _api.Address }, new KubernetesClientOptions { QueriesPerSecond = 0 });
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task Ensure_Nothing_MakesThemAndASecondReplicaTakesThem()
    {
        using var first = Store();
        var bundle = await first.EnsureAsync(CancellationToken.None);
        using var second = Store();
        (await second.EnsureAsync(CancellationToken.None)).ShouldBe(bundle);
        second.Current!.Thumbprint.ShouldBe(first.Current!.Thumbprint);
    }

    [Fact]
    public async Task Ensure_SecretOfSomebodyElse_IsRefusedAndStaysAsItIs()
    {
        var before = _api.Put(Secrets, Secret(new JsonObject { ["tls.crt"] = "YQ==", ["tls.key"] = "Yg==" }));
        using var store = Store();
        var error = await Should.ThrowAsync<IOException>(store.EnsureAsync(CancellationToken.None));
        error.Message.ShouldContain("system/stream");
        _api.Find($"{Secrets}/stream")!.ToJsonString().ShouldBe(before.ToJsonString());
    }

    [Fact]
    public async Task Ensure_EmptySecret_IsFilled()
    {
        _api.Put(Secrets, Secret([]));
        using var store = Store();
        await store.EnsureAsync(CancellationToken.None);
        _api.Find($"{Secrets}/stream")!["data"]!["ca.key"].ShouldNotBeNull();
    }

    private CertificateStore Store() => new(_client, "system", "stream", ["stream.system.svc"], TimeProvider.System);

    private static JsonObject Secret(JsonObject data) =>
        new()
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Secret",
            ["metadata"] = new JsonObject { ["name"] = "stream" },
            ["data"] = data,
        };
}
