using Mooring.Contracts.Stream;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Planning;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Tests.Planning;

/// <summary>What host mode says of gateways that do not come to serve, as looks at its processes go by.</summary>
public sealed class HostRolloutTests
{
    private const string Crash = "ended with exit code 3: no such library";
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private readonly ConnectionFleet _fleet = Fleets.Load(
        """
        apiVersion: mooring.dev/v1alpha1
        kind: ConnectionFleet
        metadata: {name: roll, generation: 7}
        spec:
          gateway: {replicas: 2, rollout: {progressDeadline: 1m}}
          listeners: [{name: edge, protocol: TCP, port: 443, backend: app}]
          backends: [{name: app, addresses: [{address: "10.0.0.1:80"}]}]
        """
    );
    private readonly ConnectionFleet _withWorkload = Fleets.Load(
        """
        apiVersion: mooring.dev/v1alpha1
        kind: ConnectionFleet
        metadata: {name: roll, generation: 7}
        spec:
          gateway: {replicas: 2}
          listeners: [{name: edge, protocol: TCP, port: 443, backend: app}]
          backends: [{name: app, workload: {image: app, command: [app], replicas: 2}}]
        """
    );
    private FleetStatus? _status;

    /// <summary>Processes: R serves, S has started, W waits after a crash, N serves since just now after one, D drains; an o behind: of the older revision.</summary>
    [Theory]
    [InlineData("R R", SequencePhase.Complete, "True Serving", "False AsWanted", "Ready", null)]
    [InlineData("Ro Ro W", SequencePhase.Surging, "False RolloutStalled", "True RolloutStalled", "Degraded", "gw-2: " + Crash)]
    [InlineData(
        "Ro Ro S",
        SequencePhase.Surging,
        "False RolloutStalled",
        "True RolloutStalled",
        "Degraded",
        "gw-2: runs, and does not come to serve"
    )]
    [InlineData("Do Ro R W", SequencePhase.Draining, "False RolloutStalled", "True RolloutStalled", "Degraded", "gw-3: " + Crash)]
    [InlineData("Do Do R R", SequencePhase.Draining, "True Serving", "False AsWanted", "Ready", null)]
    [InlineData("R W", SequencePhase.Complete, "False GatewaysNotReady", "True GatewaysNotReady", "Degraded", "gw-1: " + Crash)]
    [InlineData(
        "W W",
        SequencePhase.Complete,
        "False GatewaysNotReady",
        "True GatewaysNotReady",
        "Degraded",
        $"gw-0: {Crash}; gw-1: {Crash}"
    )]
    // Crashed ones of a revision that nobody wants any more: they only have to end.
    [InlineData("R R Wo", SequencePhase.Draining, "True Serving", "False AsWanted", "Ready", null)]
    [InlineData("R R D", SequencePhase.ScalingIn, "True Serving", "False AsWanted", "Ready", null)]
    public void Status_AfterTheDeadline_SaysWhatIsMissing(
        string processes,
        SequencePhase phase,
        string ready,
        string degraded,
        string fleetPhase,
        string? reason
    )
    {
        Look(0, processes, phase);
        Condition(FleetConditions.Degraded).ShouldBe("False AsWanted", "its time is not over");
        Look(59, processes, phase);
        Condition(FleetConditions.Degraded).ShouldBe("False AsWanted", "its time is not over");

        Look(60, processes, phase);

        Condition(FleetConditions.Ready).ShouldBe(ready);
        Condition(FleetConditions.Degraded).ShouldBe(degraded);
        _status!.Phase.ShouldBe(fleetPhase);
        if (reason is not null)
        {
            Message().ShouldContain(reason);
        }
    }

    /// <summary>Ready for a moment each time, as one that crashes on its first client: no progress, and the reason is how it ended.</summary>
    [Theory]
    [InlineData("Ro Ro W", "Ro Ro N")]
    [InlineData("Ro Ro R W", "Ro Ro R N")]
    [InlineData("Do Ro R W", "Do Ro R N")]
    public void Status_GatewayServesAndCrashesAgainAndAgain_IsNoProgress(string down, string up)
    {
        for (var second = 0; second < 60; second += 2)
        {
            Look(second, down, down[0] == 'D' ? SequencePhase.Draining : SequencePhase.Surging);
            Look(second + 1, up, up[0] == 'D' ? SequencePhase.Draining : SequencePhase.Surging);
            Condition(FleetConditions.Degraded).ShouldBe("False AsWanted", $"after {second} s");
        }

        Look(60, up, SequencePhase.Surging);

        Condition(FleetConditions.Degraded).ShouldBe("True RolloutStalled");
        Message().ShouldEndWith($"makes no progress: gw-{down.Count(static one => one == ' ')}: {Crash}");
    }

    [Fact]
    public void Status_GatewayServesForTheLeastTime_IsProgress()
    {
        Look(0, "Ro Ro N", SequencePhase.Surging);
        Look(59, "Ro Ro N", SequencePhase.Surging);
        _status!.Rollout!.Updated.ShouldBe(0);

        Look(60, "Ro Ro R", SequencePhase.Surging);

        _status!.Rollout!.Updated.ShouldBe(1);
        Condition(FleetConditions.Degraded).ShouldBe("False AsWanted");
        _status.Rollout.LastProgressTime.ShouldBeNull();
    }

    [Fact]
    public void Status_SomethingGetsOn_StartsTheDeadlineAnew()
    {
        Look(0, "Ro Ro S", SequencePhase.Surging);
        Look(50, "Ro Ro R S", SequencePhase.Surging);
        Look(100, "Ro Ro R S", SequencePhase.Surging);
        Condition(FleetConditions.Degraded).ShouldBe("False AsWanted");
        Look(110, "Ro Ro R W", SequencePhase.Surging);
        Condition(FleetConditions.Degraded).ShouldBe("True RolloutStalled");
        _status!.Rollout!.Outdated.ShouldBe(2);
        _status.Rollout.Updated.ShouldBe(1);
    }

    [Fact]
    public void Status_ManifestReverted_IsReadyAtOnce()
    {
        Look(0, "Ro Ro W", SequencePhase.Surging);
        Look(60, "Ro Ro W", SequencePhase.Surging);
        _status!.Phase.ShouldBe("Degraded");

        Look(61, "R R Wo", SequencePhase.Draining);

        _status!.Phase.ShouldBe("Ready");
        _status.Rollout!.LastProgressTime.ShouldBeNull();
    }

    /// <summary>Processes of a workload's new command that do not come: the older ones serve, or nobody does.</summary>
    [Theory]
    [InlineData(2, "RolloutStalled")]
    [InlineData(1, "BackendsNotReady")]
    public void Status_WorkloadStalls_IsDegradedWithTheReason(int serving, string reason)
    {
        Look(0, "R R", SequencePhase.Complete, _withWorkload, serving);
        Condition(FleetConditions.Degraded).ShouldBe("False AsWanted");

        Look(60, "R R", SequencePhase.Complete, _withWorkload, serving, "workload app makes no progress: roll-app-2: " + Crash);

        Condition(FleetConditions.Ready).ShouldBe($"False {reason}");
        Condition(FleetConditions.Degraded).ShouldBe($"True {reason}");
        Message().ShouldBe("workload app makes no progress: roll-app-2: " + Crash);

        Look(61, "R R", SequencePhase.Complete, _withWorkload, 2);
        _status!.Phase.ShouldBe("Ready");
    }

    [Theory]
    [InlineData(3600)]
    [InlineData(-3600)]
    public void Shift_ClockWasSet_TheDeadlineIsAsFarAsBefore(int seconds)
    {
        Look(0, "Ro Ro W", SequencePhase.Surging);
        _status = RolloutProgress.Shift(_status, TimeSpan.FromSeconds(seconds));
        Look(seconds + 59, "Ro Ro W", SequencePhase.Surging);
        Condition(FleetConditions.Degraded).ShouldBe("False AsWanted");
        Look(seconds + 60, "Ro Ro W", SequencePhase.Surging);
        Condition(FleetConditions.Degraded).ShouldBe("True RolloutStalled");
    }

    private void Look(
        int second,
        string processes,
        SequencePhase phase,
        ConnectionFleet? of = null,
        int serving = 0,
        params IReadOnlyList<string> stalled
    )
    {
        var fleet = (of ?? _fleet) with { Status = _status };
        _status = FleetStatusCalculator.Calculate(
            new StatusInput
            {
                Input = new FleetInput
                {
                    Fleet = fleet,
                    Platform = FleetPlatform.Host,
                    Gateways = [.. processes.Split(' ').Select((text, number) => Process(text, number, Start.AddSeconds(second)))],
                },
                Plan = FleetPlanner.Plan(new FleetInput { Fleet = fleet, Platform = FleetPlatform.Host }) with
                {
                    Revision = "new",
                    Rollout = phase,
                },
                Endpoints = new Dictionary<string, IReadOnlyList<EndpointInfo>>
                {
                    ["app"] =
                    [
                        .. Enumerable
                            .Range(0, serving)
                            .Select(static i => new EndpointInfo
                            {
                                Id = $"app-{i}",
                                Address = "127.0.0.1",
                                Port = 1000 + i,
                            }),
                    ],
                },
                StalledWorkloads = stalled,
                Now = Start.AddSeconds(second),
            }
        );
    }

    private static GatewayProcess Process(string text, int number, DateTimeOffset now) =>
        new(
            new SequenceGateway
            {
                Name = $"gw-{number}",
                Revision = text.EndsWith('o') ? "old" : "new",
                Stage = text[0] switch
                {
                    'R' or 'N' => GatewayStage.Ready,
                    'D' => GatewayStage.NotReady,
                    _ => GatewayStage.Pending,
                },
                ReadySince = text[0] switch
                {
                    'R' => now.AddSeconds(-5),
                    'N' => now.AddSeconds(-4.9),
                    _ => null,
                },
                Mark = text[0] == 'D' ? new DrainMark(DrainCauses.Rollout, Start, Start, Start.AddMinutes(9)) : null,
            },
            text[0] is 'W' or 'N' ? Crash : null
        );

    private string Condition(string type)
    {
        var condition = _status!.Conditions!.Single(condition => condition.Type == type);
        return $"{condition.Status} {condition.Reason}";
    }

    private string Message() => _status!.Conditions!.Single(static condition => condition.Type == FleetConditions.Degraded).Message!;
}
