using System.Text.Json;
using System.Text.Json.Nodes;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Reconciliation;
using Mooring.Testing.ApiDouble;

namespace Mooring.Operator.Tests.Reconciliation;

public sealed class StatusWriterTests : IAsyncLifetime
{
    private const string Path = "/apis/mooring.dev/v1alpha1/namespaces/shop/connectionfleets/small";
    private KubernetesApiDouble _api = null!;
    private KubernetesClient _client = null!;
    private StatusWriter _writer = null!;

    public async Task InitializeAsync()
    {
        _api = await KubernetesApiDouble.StartAsync();
        _client = new KubernetesClient(new ClusterConfig { Server = _api.Address }, new KubernetesClientOptions { QueriesPerSecond = 0 });
        _writer = new StatusWriter(_client, TimeProvider.System);
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task Write_ReplacesTheWholeStatus_AndNothingElse()
    {
        var fleet = Put();

        (await _writer.WriteAsync(fleet, new FleetStatus { Phase = "Starting", Selector = "a=b" }, default)).ShouldBeNull();
        (await _writer.WriteAsync(Read(), new FleetStatus { Phase = "Ready" }, default)).ShouldBeNull();

        var now = _api.Find(Path)!;
        ((string?)now["status"]!["phase"]).ShouldBe("Ready");
        now["status"]!["selector"].ShouldBeNull();
        now["spec"]!.ToJsonString().ShouldBe(JsonSerializer.SerializeToNode(fleet.Spec, FleetJson.Default.FleetSpec)!.ToJsonString());
        ((long?)now["metadata"]!["generation"]).ShouldBe(fleet.Metadata.Generation);
    }

    [Fact]
    public async Task Write_AnotherOfTheName_IsLeftAlone()
    {
        var gone = Put();
        _api.Remove(Path);
        Put();

        (await _writer.WriteAsync(gone, new FleetStatus { Phase = "Ready" }, default)).ShouldBe(StatusWriter.AfterConflict);

        _api.Find(Path)!["status"].ShouldBeNull();
    }

    [Fact]
    public async Task Write_NoneOfTheName_IsPassedOver()
    {
        var gone = Put();
        _api.Remove(Path);

        (await _writer.WriteAsync(gone, new FleetStatus { Phase = "Ready" }, default)).ShouldBeNull();

        _api.Find(Path).ShouldBeNull();
    }

    private ConnectionFleet Put()
    {
        var json = JsonSerializer.SerializeToNode(Fleets.Load(Fleets.Small), FleetJson.Default.ConnectionFleet)!.AsObject();
        var metadata = json["metadata"]!.AsObject();
        metadata.Remove("uid");
        metadata.Remove("generation");
        json.Remove("status");
        return Of(_api.Put("/apis/mooring.dev/v1alpha1/namespaces/shop/connectionfleets", json));
    }

    private ConnectionFleet Read() => Of(_api.Find(Path)!);

    private static ConnectionFleet Of(JsonNode json) => json.Deserialize(FleetJson.Default.ConnectionFleet)!;
}
