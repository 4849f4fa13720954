using System.Text.Json.Nodes;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;
using static Mooring.Operator.Tests.Faults.OperatorOnDouble;

namespace Mooring.Operator.Tests.Faults;

/// <summary>An operator whose release has a rule more than the one before: a fleet that breaks it is said to, and is looked after as it was.</summary>
public sealed class NewRuleTests : IAsyncLifetime
{
    private const string ConfigMap = "/api/v1/namespaces/shop/configmaps/small-gateway";
    private const string Service = "/api/v1/namespaces/shop/services/small-gateway";
    private KubernetesApiDouble _api = null!;

    public async Task InitializeAsync() => _api = await KubernetesApiDouble.StartAsync();

    public async Task DisposeAsync() => await _api.DisposeAsync();

    /// <summary>No gateway would start with it.</summary>
    [Fact]
    public void Tls_OfAUdpListener_IsNotHandedOn()
    {
        var fleet = Fleets.Load(
            """
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: small, namespace: shop}
            spec:
              listeners:
              - {name: media, protocol: UDP, port: 5566, backend: far}
              backends:
              - {name: far, addresses: [{address: "192.0.2.1:80"}]}
            """
        );
        fleet.Spec.Listeners[0].Tls = new TlsListenerSpec { CertificateRefs = [new SecretReference { Name = "c" }] };

        GatewayConfigRenderer.Render(new FleetInput { Fleet = fleet }).Listeners.ShouldHaveSingleItem().Tls.ShouldBeNull();
    }

    [Fact]
    public async Task Fleet_ThatWasGoodByTheRulesBefore_IsSaidToBeInvalid_AndLookedAfter()
    {
        PutFleet(_api);
        await using (var before = Start(_api, "before"))
        {
            await ConvergedAsync(_api);
        }

        // As the release before would have left it: the spec is in force, and no error to it.
        JsonObject Scaling() =>
            new()
            {
                ["driver"] = "Operator",
                ["minReplicas"] = 0,
                ["maxReplicas"] = 4,
            };
        _api.Edit(FleetPath, fleet => fleet["spec"]!["scaling"] = Scaling());
        _api.Edit(
            ConfigMap,
            map =>
            {
                var spec = JsonNode.Parse((string)map["metadata"]!["annotations"]!["mooring.dev/last-good-spec"]!)!;
                spec["scaling"] = Scaling();
                map["metadata"]!["annotations"]!["mooring.dev/last-good-spec"] = spec.ToJsonString();
            }
        );
        await using var after = Start(_api, "after");
        await Until.TrueAsync(() => Condition(_api) is { Status: "False", Reason: "Invalid" }, Patience, "it is said to be invalid");

        _api.Remove(Service);
        await Until.TrueAsync(() => _api.Find(Service) is not null, Patience, "what is deleted comes back");

        _api.Edit(FleetPath, static fleet => fleet["spec"]!["gateway"] = new JsonObject { ["replicas"] = 3 });
        await Until.TrueAsync(
            () => _api.List("/apis/apps/v1/deployments").Any(static one => (int?)one["spec"]!["replicas"] == 3),
            Patience,
            "it is scaled by hand"
        );
    }
}
