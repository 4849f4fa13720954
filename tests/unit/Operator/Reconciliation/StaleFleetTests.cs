using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Kubernetes.Events;
using Mooring.Operator.AdminApi;
using Mooring.Operator.AdminApi.InCluster;
using Mooring.Operator.Dashboard;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Metrics;
using Mooring.Operator.Planning;
using Mooring.Operator.Reconciliation;
using Mooring.Operator.Scaling.Autoscaling;
using Mooring.Operator.Tests.Faults;
using Mooring.Testing.ApiDouble;

namespace Mooring.Operator.Tests.Reconciliation;

/// <summary>What was decided by a fleet that has changed since writes nothing over that change.</summary>
public sealed class StaleFleetTests : IAsyncLifetime
{
    private static readonly string Scaled = Fleets.Small.Replace(
        "spec:\n",
        "spec:\n  gateway: {replicas: 2}\n  scaling: {driver: Operator, minReplicas: 2, maxReplicas: 20}\n",
        StringComparison.Ordinal
    );

    private KubernetesApiDouble _api = null!;
    private KubernetesClient _client = null!;
    private EventRecorder _recorder = null!;

    public async Task InitializeAsync()
    {
        _api = await KubernetesApiDouble.StartAsync();
        _client = new KubernetesClient(
            new ClusterConfig { Server = _api.Address },
            new KubernetesClientOptions { FieldManager = "mooring-operator", QueriesPerSecond = 0 }
        );
        _recorder = new EventRecorder(_client, new EventRecorderOptions { ReportingController = "mooring.dev/operator" });
    }

    public async Task DisposeAsync()
    {
        await _recorder.DisposeAsync();
        _client.Dispose();
        await _api.DisposeAsync();
    }

    [Theory]
    [InlineData(false, 5)]
    [InlineData(true, 9)]
    public async Task Scale_NumberThatWasSetByHandMeanwhile_Stays(bool byHand, int replicas)
    {
        var fleet = await PutAsync();
        if (byHand)
        {
            await _client.SetScaleAsync(ClusterResources.Fleets, "shop", "small", 9);
        }

        var (problem, raced) = await new GatewayScaler(_client, new RecommendedGateways(TimeProvider.System)).ScaleAsync(
            fleet,
            FleetPlanner.Plan(new FleetInput { Fleet = fleet }) with
            {
                Scaling = new ScalingDecision(5, ScalingReason.LoadHigh, "", null),
            },
            CancellationToken.None
        );

        problem.ShouldBeNull();
        raced.ShouldBe(byHand, "it is thought over");
        // Where the double keeps whatever scale is set.
        ((int?)_api.Find(OperatorOnDouble.FleetPath)!["spec"]!["replicas"]).ShouldBe(replicas);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PauseScaling_BlockThatWasTakenOutMeanwhile_DoesNotComeBack(bool isTakenOut)
    {
        var fleet = await PutAsync();
        if (isTakenOut)
        {
            _api.Edit(OperatorOnDouble.FleetPath, static one => one["spec"]!.AsObject().Remove("scaling"));
        }

        var administration = new ClusterAdministration(
            new FleetCaches(_client, [], NullLoggerFactory.Instance),
            _client,
            _recorder,
            Look,
            new GatewayHub(TimeProvider.System),
            static () => true
        );
        var outcome = await administration.PauseAsync(Look(fleet), PauseScope.Scaling, paused: true, "me", CancellationToken.None);

        outcome.Succeeded.ShouldBe(!isTakenOut);
        outcome.Problem?.Status.ShouldBe(422);
        ((bool?)_api.Find(OperatorOnDouble.FleetPath)!["spec"]!["scaling"]?["paused"]).ShouldBe(isTakenOut ? null : true);
    }

    /// <summary>The fleet as the cache has it.</summary>
    private async Task<ConnectionFleet> PutAsync()
    {
        OperatorOnDouble.PutFleet(_api, Scaled);
        return await _client.GetAsync(ClusterResources.Fleets, "shop", "small");
    }

    private static AdminFleet Look(ConnectionFleet fleet)
    {
        var view = new FleetView { Fleet = "shop/small", Gateways = [] };
        return new AdminFleet(fleet, FleetOverviews.Of(fleet, null, view), view);
    }
}
