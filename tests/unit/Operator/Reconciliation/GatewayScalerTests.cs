using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Metrics;
using Mooring.Operator.Planning;
using Mooring.Operator.Reconciliation;

namespace Mooring.Operator.Tests.Reconciliation;

public sealed class GatewayScalerTests
{
    private static readonly ObjectKey Key = new("shop", "small");

    /// <summary>The autoscaler stays while the fleet is paused: what it were told would undo what is set by hand meanwhile.</summary>
    [Fact]
    public async Task Paused_NothingIsRecommended()
    {
        using var client = new KubernetesClient(
            new ClusterConfig { Server = new Uri("http://127.0.0.1:1") },
            new KubernetesClientOptions()
        );
        var recommended = new RecommendedGateways(TimeProvider.System);
        var scaler = new GatewayScaler(client, recommended);
        await ScaleAsync(paused: false);
        recommended.Find(Key)?.Gateways.ShouldBe(5);

        await ScaleAsync(paused: true);

        recommended.Find(Key).ShouldBeNull();
        await ScaleAsync(paused: false);
        recommended.Find(Key)?.Gateways.ShouldBe(5);

        async Task ScaleAsync(bool paused)
        {
            var fleet = Fleets.Load(
                Fleets.Small.Replace(
                    "spec:\n",
                    $$"""
                    spec:
                      paused: {{(paused ? "true" : "false")}}
                      gateway: {replicas: 5}
                      scaling: {driver: HorizontalPodAutoscaler, minReplicas: 2, maxReplicas: 20}

                    """,
                    StringComparison.Ordinal
                )
            );
            // It is planned from the spec of before the pause; in the cluster somebody has asked for seven.
            var live = fleet with
            {
                Spec = fleet.Spec with { Gateway = fleet.Spec.Gateway with { Replicas = paused ? 7 : 5 } },
            };
            var (problem, raced) = await scaler.ScaleAsync(
                live,
                FleetPlanner.Plan(new FleetInput { Fleet = fleet }),
                CancellationToken.None
            );
            (problem, raced).ShouldBe((null, false));
        }
    }
}
