using System.Globalization;
using Mooring.Api.Tests.Cluster;

namespace Mooring.Api.Tests.Operators;

/// <summary>
/// A cluster whose HorizontalPodAutoscalers have no tolerance of their own, as all before 1.35: the API server drops the field, and the controller passes over
/// a tenth more or less. The fleet has the number that its policy says all the same, and nothing is written again and again.
/// </summary>
[Collection(InstallationCollection.Name)]
public sealed class AutoscalingWithoutToleranceTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private TestCluster? _cluster;

    public async Task InitializeAsync()
    {
        if (ClusterAssets.MissingBecause is null)
        {
            _cluster = await TestCluster.StartAsync(featureGates: "HPAConfigurableTolerance=false");
            await _cluster.InstallAsync();
        }
    }

    public async Task DisposeAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }

    [ClusterFact]
    public async Task WithinATenth_TheFleetFollowsAllTheSame_AndTheConditionSaysHow()
    {
        var port = Ports.Free();
        await using var fleet = await FleetFixture.StartAsync(
            _cluster!,
            role => MetricsRegistration.CreateAsync(role, _cluster!.Kubectl, port),
            "--metrics-api",
            $"127.0.0.1:{port}",
            "--stream-service",
            "mooring"
        );
        await MetricsRegistration.AvailableAsync(fleet);
        var mark = _cluster!.Audit.Mark();
        await fleet.ApplyQuickstartAsync();
        await PatchAsync(
            fleet,
            """
            {"spec":{"gateway":{"replicas":10},"scaling":
              {"driver":"HorizontalPodAutoscaler","minReplicas":2,"maxReplicas":20,"scaleUpCooldown":"0s","scaleDownCooldown":"0s"}}}
            """
        );
        await ServingAsync(fleet, 10);

        await using (var ten = await FakeLoad.StartAsync(fleet))
        {
            // 850 at 80 % of 100 each want eleven: a tenth more than there are, which the autoscaler by itself passes over.
            await ten.ReportAsync(connections: 85, capacity: 100);
            await ReplicasAsync(fleet, 11);
            var autoscaler = await fleet.Kubectl.GetAsync("hpa", "quickstart-gateway", "-n", fleet.Namespace);
            autoscaler["spec"]!["behavior"]!["scaleUp"]!["tolerance"].ShouldBeNull("the cluster has a tolerance after all");
            ((int?)autoscaler["spec"]!["minReplicas"]).ShouldBe(11);
            ((int?)autoscaler["spec"]!["maxReplicas"]).ShouldBe(11);
        }

        await ServingAsync(fleet, 11);
        await using var eleven = await FakeLoad.StartAsync(fleet);
        await eleven.ReportAsync(connections: 70, capacity: 100);
        await Eventually.HoldsAsync(
            async () =>
            {
                var active = (await fleet.FleetAsync("quickstart"))["status"]!["conditions"]!
                    .AsArray()
                    .FirstOrDefault(static one => (string?)one!["type"] == "ScalingActive");
                return
                    (string?)active?["reason"] == "FollowingByBounds"
                    && ((string)active["message"]!).Contains("HPAConfigurableTolerance", StringComparison.Ordinal)
                    ? null
                    : $"{active}";
            },
            Patience
        );

        // A tenth less, since ten is the least now.
        await PatchAsync(fleet, """{"spec":{"scaling":{"minReplicas":10}}}""");
        await eleven.ReportAsync(connections: 20, capacity: 100);
        await ReplicasAsync(fleet, 10);

        // Whoever touches the autoscaler has the fleet looked at; what the cluster drops is no reason to write it again.
        var quiet = _cluster.Audit.Mark();
        for (var touch = 1; touch <= 5; touch++)
        {
            var before = await ReconcilesAsync(fleet);
            await fleet.Kubectl.RunAsync(
                "annotate",
                "hpa",
                "quickstart-gateway",
                $"touched={touch.ToString(CultureInfo.InvariantCulture)}",
                "--overwrite",
                "-n",
                fleet.Namespace
            );
            await Eventually.HoldsAsync(async () => await ReconcilesAsync(fleet) > before, Patience, "it has not been looked at");
        }

        (await WritesAsync(fleet, quiet)).ShouldBeEmpty();
        // Made, and set for each number since; one more for each after a step on the way.
        (await WritesAsync(fleet, mark)).Count.ShouldBeLessThanOrEqualTo(12);
    }

    private async Task<List<AuditedRequest>> WritesAsync(FleetFixture fleet, long since) =>
        [
            .. (await _cluster!.Audit.SinceAsync(since)).Where(request =>
                request.User == fleet.Operator.User && request.IsWrite && request.Resource == "horizontalpodautoscalers"
            ),
        ];

    private static async Task<double> ReconcilesAsync(FleetFixture fleet) =>
        (await fleet.Operator.GetAsync("/metrics"))
            .Split('\n')
            .Where(static line => line.StartsWith("kubernetes_controller_reconciles_total{controller=\"fleets\"", StringComparison.Ordinal))
            .Sum(static line => double.Parse(line.Split(' ')[^1], CultureInfo.InvariantCulture));

    private static Task PatchAsync(FleetFixture fleet, string patch) =>
        fleet.Kubectl.RunAsync("patch", "fleet", "quickstart", "-n", fleet.Namespace, "--type=merge", "-p", patch);

    private static Task ServingAsync(FleetFixture fleet, int gateways) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var pods = (await fleet.Kubectl.GetAsync("pods", "-n", fleet.Namespace, "-l", "mooring.dev/role=gateway"))[
                    "items"
                ]!.AsArray();
                var ready = pods.Count(static pod =>
                    pod!
                        ["status"]
                        ?["conditions"]?.AsArray()
                        .Any(static one => (string?)one!["type"] == "Ready" && (string?)one["status"] == "True") == true
                );
                return ready == gateways && pods.Count == gateways ? null : $"{ready} of {pods.Count} are ready\n{fleet.Operator.Log}";
            },
            Patience
        );

    private static Task ReplicasAsync(FleetFixture fleet, int replicas) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var entity = await fleet.FleetAsync("quickstart");
                return (int?)entity["spec"]!["gateway"]!["replicas"] == replicas
                    ? null
                    : $"{entity["spec"]!["gateway"]} {entity["status"]!["scaling"]} {fleet.Operator.Log}";
            },
            Patience
        );
}
