using System.Diagnostics;
using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Scaling;

/// <summary>Evening out after a scale-out, on the real API server; the gateways' end of the real stream is the test's.</summary>
[Collection(PatientCollection.Name)]
public sealed class RebalanceTests(SharedCluster shared)
{
    private const int Clients = 900;
    private const int Rate = 60;
    private const int MaxSkew = 20;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [ClusterFact]
    public async Task ScaleOut_SkewIsMeasured_ShedAtTheRate_StopsInsideTheBand_DoesNotFlap_AndRespectsThePause()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.Kubectl.ApplyAsync(Manifest, fleet.Namespace);
        await fleet.WaitReadyAsync("even", Patience);
        await using var gateways = new StandInGateways(
            fleet.Kubectl,
            fleet.Namespace,
            "even",
            () => fleet.Operator.StreamPort,
            first: 1,
            each: Clients
        )
        {
            ClientsReturn = true,
        };
        await SpeakingAsync(gateways, 1);

        // Nobody has asked for it yet: it is measured all the same, and nobody is moved. All of three shares are on one: 200 % above its own.
        await fleet.Kubectl.RunAsync("scale", "fleet", "even", "--replicas=3", "-n", fleet.Namespace);
        await SpeakingAsync(gateways, 3);
        await SkewAsync(fleet, static skew => skew == 200);

        // Paused, it is not begun; what is paused is the whole fleet.
        await PatchAsync(fleet, """{"spec":{"paused":true}}""");
        await PhaseAsync(fleet, "Paused");
        await PatchAsync(
            fleet,
            $$$"""{"spec":{"scaling":{"driver":"External","maxReplicas":9,"rebalance":{"maxSkewPercent":{{{MaxSkew}}},"movesPerSecond":{{{Rate}}} } } } }"""
        );
        await ObservedAsync(fleet);
        gateways.Sheds.ShouldBeEmpty();
        gateways.Closes.ShouldBeEmpty();

        // In the middle of it, a pause holds it; resumed, it goes on to the end.
        await PatchAsync(fleet, """{"spec":{"paused":false}}""");
        await Eventually.HoldsAsync(() => Task.FromResult(gateways.Closes.Count > 60 ? null : fleet.Operator.Log), Patience);
        await PatchAsync(fleet, """{"spec":{"paused":true}}""");
        await PhaseAsync(fleet, "Paused");
        var held = await StillAsync(gateways);
        held.ShouldBeLessThan(Clients / 2, "the pause came too late to show anything");
        await PatchAsync(fleet, """{"spec":{"paused":false}}""");
        await SkewAsync(fleet, static skew => skew < MaxSkew);

        var moved = await StillAsync(gateways);
        gateways.Connections.Values.Sum().ShouldBe(Clients, "a client is lost");
        // Half of the band above a share of 300, or what chance makes of that.
        gateways.Connections.Values.ShouldAllBe(static count => count <= 300 + 30 + 18);
        // A third stays where it is, and one in three that is sent away comes back to the same gateway.
        moved.ShouldBeInRange(500, 2 * Clients);
        gateways.PeakPerSecond().ShouldBeLessThanOrEqualTo((int)(Rate * 1.1) + 2);
        gateways.Sheds.Select(static shed => shed.Order.ClosesPerSecond).ShouldAllBe(static pace => pace > 0 && pace <= Rate + 0.01);

        // Within the band clients come and go, and nobody is moved about for it.
        var orders = gateways.Sheds.Count;
        var names = gateways.Connections.Keys.Order(StringComparer.Ordinal).ToList();
        for (var turn = 0; turn < 6; turn++)
        {
            var (from, to) = (names[turn % 3], names[(turn + 1) % 3]);
            gateways.Connections.AddOrUpdate(from, 0, static (_, count) => count - 12);
            gateways.Connections.AddOrUpdate(to, 0, static (_, count) => count + 12);
            await Task.Delay(TimeSpan.FromMilliseconds(1500));
        }

        gateways.Closes.Count.ShouldBe(moved);
        gateways.Sheds.Count.ShouldBe(orders);
    }

    /// <summary>Waits until nobody is moved for three seconds; returns how many have been until then.</summary>
    private static async Task<int> StillAsync(StandInGateways gateways)
    {
        var clock = Stopwatch.StartNew();
        var count = -1;
        await Eventually.HoldsAsync(
            () =>
            {
                if (gateways.Closes.Count != count)
                {
                    count = gateways.Closes.Count;
                    clock.Restart();
                }

                return Task.FromResult(clock.Elapsed > TimeSpan.FromSeconds(3) ? null : $"{count} moved, and it goes on");
            },
            Patience
        );
        return count;
    }

    private static Task SpeakingAsync(StandInGateways gateways, int count) =>
        Eventually.HoldsAsync(
            () => Task.FromResult(Volatile.Read(ref gateways.Speaking) >= count ? null : $"{gateways.Speaking} of {count} speak"),
            Patience
        );

    private static Task SkewAsync(FleetFixture fleet, Func<int, bool> holds) =>
        StatusAsync(fleet, status => (int?)status["connections"]?["skewPercent"] is { } skew && holds(skew));

    private static Task PhaseAsync(FleetFixture fleet, string phase) => StatusAsync(fleet, status => (string?)status["phase"] == phase);

    private static Task ObservedAsync(FleetFixture fleet) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var now = await fleet.FleetAsync("even");
                return (int?)now["status"]!["observedGeneration"] == (int?)now["metadata"]!["generation"] ? null : "not looked at yet";
            },
            Patience
        );

    private static Task StatusAsync(FleetFixture fleet, Func<JsonNode, bool> holds) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var status = (await fleet.FleetAsync("even"))["status"];
                return status is not null && holds(status) ? null : $"{status?.ToJsonString()}\n{fleet.Operator.Log}";
            },
            Patience
        );

    private static Task PatchAsync(FleetFixture fleet, string patch) =>
        fleet.Kubectl.RunAsync("patch", "fleet", "even", "-n", fleet.Namespace, "--type=merge", "-p", patch);

    private const string Manifest = """
        apiVersion: mooring.dev/v1alpha1
        kind: ConnectionFleet
        metadata: {name: even}
        spec:
          paused: false
          gateway:
            replicas: 1
            drain: {lameDuck: 500ms, deadline: 60s, reconnectsPerSecond: 100}
          listeners:
          - {name: edge, protocol: TCP, port: 9000, backend: far}
          backends:
          - {name: far, addresses: [{address: "192.0.2.1:80"}]}
        """;
}
