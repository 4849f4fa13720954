namespace Mooring.Operator.Tests.Host;

/// <summary>Connections after a scale-out: the programs themselves, with real clients.</summary>
[Collection(nameof(UpTests))]
public sealed class RebalanceUpTests
{
    private const int Clients = 240;
    private const string Off = "{driver: External, maxReplicas: 9} # rebalance";

    [Fact]
    public async Task Up_AfterAScaleOut_TheOldOnesShedAtTheRateUntilItIsEven_AndNotWhilePaused()
    {
        await using var up = new UpProcess(Manifest);
        await using var crowd = new WebSocketCrowd(up.WebSocketPort);
        await up.ReadyAsync();
        crowd.Join(Clients);
        await up.UntilAsync(fleet => crowd.Open == Clients && Sum(fleet) == Clients, "every client");
        up.Edit("replicas: 1 # gateways", "replicas: 3 # gateways");
        await up.UntilAsync(static fleet => fleet is { Phase: "Ready", GatewaysReady: 3 }, "three gateways");

        // Measured, and nobody is moved: first nobody asked for it, then it is paused.
        await up.UntilAsync(
            static fleet => fleet.Gateways.Count == 3 && fleet.Gateways.Max(static one => one.Connections) == Clients,
            "the skew"
        );
        up.Edit("paused: false", "paused: true");
        await up.UntilAsync(static fleet => fleet.Phase == "Paused", "the pause");
        up.Edit(Off, "{rebalance: {maxSkewPercent: 20, movesPerSecond: 40}} # rebalance");
        crowd.Join(10);
        await up.UntilAsync(fleet => Sum(fleet) == Clients + 10, "ten more while paused");
        await crowd.LeaveAsync(10);
        await up.UntilAsync(fleet => Sum(fleet) == Clients, "the ten have gone");
        crowd.Ends.ShouldBeEmpty();

        up.Edit("paused: true", "paused: false");
        await up.UntilAsync(fleet => crowd.Open == Clients && Sum(fleet) == Clients && IsEven(fleet), "an even load");
        var moved = crowd.Ends.Count;
        moved.ShouldBeGreaterThan(Clients / 3);
        moved.ShouldBeLessThan(2 * Clients, "clients are moved about");
        crowd.Ends.ShouldAllBe(static end => end.Code == 1012);
        var times = crowd.Ends.Select(static end => end.At).Order().ToList();
        var seconds = System.Diagnostics.Stopwatch.GetElapsedTime(times[0], times[^1]).TotalSeconds;
        (moved / seconds).ShouldBeLessThan(80, $"{moved} in {seconds:0.#} s at 40 a second");
    }

    private static long Sum(Mooring.Operator.Dashboard.FleetOverview fleet) => fleet.Gateways.Sum(static gateway => gateway.Connections);

    // Where a shed ends: within the band or what chance makes of 80 each, whichever is more.
    private static bool IsEven(Mooring.Operator.Dashboard.FleetOverview fleet) =>
        fleet.Gateways.Count == 3 && fleet.Gateways.All(static gateway => gateway.Connections <= (Clients / 3) + 27);

    private static string Manifest(UpProcess up) =>
        $$"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: even}
            spec:
              paused: false
              gateway:
                replicas: 1 # gateways
                drain: {deadline: 60s, reconnectsPerSecond: 100, jitter: 0s}
              scaling: {{Off}}
              listeners:
              - {name: live, protocol: WebSocket, port: {{up.WebSocketPort}}, backend: chat}
              backends:
              - name: chat
                workload: {image: "mooring/gateway:dev", command: [gateway, bench, echo, --websocket]}
            """;
}
