namespace Mooring.Operator.Tests.Host;

/// <summary>Host mode follows the connections with the workloads' processes: the programs themselves.</summary>
[Collection(nameof(UpTests))]
public sealed class WorkloadScalingUpTests
{
    [Fact]
    public async Task Up_WorkloadFollowsTheConnections_AndThoseOfAProcessThatGoesAreSentAway()
    {
        await using var up = new UpProcess(Manifest);
        await using var crowd = new WebSocketCrowd(up.WebSocketPort);
        await up.ReadyAsync();
        Ready(up, 1).ShouldBeTrue();

        // Thirty at ten each, by 80 %: four, which is the most.
        crowd.Join(30);
        await up.UntilAsync(() => crowd.Open == 30, "every client");
        await up.UntilAsync(() => Ready(up, 4), "four processes");
        crowd.Ends.ShouldBeEmpty();

        // Five are left: one process does. Whoever is on another is sent there.
        await crowd.LeaveAsync(25);
        await up.UntilAsync(() => Ready(up, 1) && up.Fleet!.Endpoints.Count == 1, "one process");
        await up.UntilAsync(
            () => crowd.Open == 5 && up.Fleet!.Endpoints.Sum(static endpoint => endpoint.Connections) == 5,
            "every client again"
        );
        crowd.Ends.ShouldAllBe(static end => end.Code == 1012);
        crowd.Ends.Count.ShouldBeLessThanOrEqualTo(15, "each is sent away at most once for each process that goes");
    }

    private static bool Ready(UpProcess up, int count) =>
        up.Fleet!.Endpoints.Count(static endpoint => endpoint.State == "Ready") == count && up.Fleet.BackendsDesired == count;

    private static string Manifest(UpProcess up) =>
        $$"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: follow}
            spec:
              gateway:
                replicas: 2
                drain: {deadline: 60s, reconnectsPerSecond: 100, jitter: 0s}
              listeners:
              - {name: live, protocol: WebSocket, port: {{up.WebSocketPort}}, backend: chat}
              backends:
              - name: chat
                workload:
                  image: mooring/gateway:dev
                  command: [gateway, bench, echo, --websocket]
                  maxConnections: 10
                  scaling: {maxReplicas: 4, scaleUpCooldown: 0s, scaleDownCooldown: 0s}
            """;
}
