using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;
using Mooring.Operator.Scaling;
using Mooring.Operator.Scaling.Autoscaling;

namespace Mooring.Operator.Tests.Planning;

public sealed class FleetScalingTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 7, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(true, 3500, 5)]
    [InlineData(false, 100, 2)]
    public void Decide_ClockSetBackSinceTheLastChange_WaitsForOneCooldown(bool up, int connections, int recommended)
    {
        var ahead = Now.AddHours(5);
        var fleet = Load("gateway: {replicas: 4}", "scaling: {driver: Operator, minReplicas: 2, maxReplicas: 10}") with
        {
            Status = new FleetStatus
            {
                Scaling = new ScalingStatus
                {
                    Replicas = 4,
                    LastScaleUpTime = up ? $"{ahead:yyyy-MM-ddTHH:mm:ssZ}" : null,
                    LastScaleDownTime = up ? null : $"{ahead:yyyy-MM-ddTHH:mm:ssZ}",
                },
            },
        };
        var input = new FleetInput
        {
            Fleet = fleet,
            Now = Now,
            View = View([.. Enumerable.Range(0, 4).Select(i => Gateway($"g-{i}", connections / 4))]),
        };

        var held = Decide(input);
        held.Reason.ShouldBe(ScalingReason.Cooldown);
        var later = input with { Fleet = Remember(input, held), Now = Now + held.After!.Value };

        Decide(later).Recommended.ShouldBe(recommended);
    }

    [Fact]
    public void Decide_ClocksOfTwoLeadersDifferALittle_TheTimeStays()
    {
        var fleet = Load("gateway: {replicas: 2}", "scaling: {driver: Operator, minReplicas: 2, maxReplicas: 10}") with
        {
            Status = new FleetStatus
            {
                Scaling = new ScalingStatus { Replicas = 2, LastScaleUpTime = "2026-01-07T12:00:04Z" },
            },
        };
        var input = new FleetInput
        {
            Fleet = fleet,
            Now = Now,
            View = View([Gateway("g-0", 1), Gateway("g-1", 1)]),
        };

        Remember(input, Decide(input)).Status!.Scaling!.LastScaleUpTime.ShouldBe("2026-01-07T12:00:04Z");
    }

    /// <summary>A fleet by its CPU, when the streams have just come back: the connections alone would have it scaled in.</summary>
    [Fact]
    public void Decide_RatesNotKnownYet_DoesNotFall()
    {
        var fleet = Load(
            "gateway: {replicas: 4}",
            "scaling: {driver: Operator, minReplicas: 2, maxReplicas: 10, signals: {cpuPercent: 50}}"
        );
        var gateways = Enumerable.Range(0, 4).Select(i => Gateway($"g-{i}", 10)).ToList();
        var busy = new GatewayRates(45, 0);

        var first = Decide(new FleetInput { Fleet = fleet, View = View(gateways) });
        var known = Decide(new FleetInput { Fleet = fleet, View = View([.. gateways.Select(one => one with { Rates = busy })]) });

        (known.Recommended, known.Reason).ShouldBe((4, ScalingReason.Steady), known.Message);
        (first.Recommended, first.Reason).ShouldBe((4, ScalingReason.NoReports), first.Message);
    }

    /// <summary>Each signal by its name in the manifest, in its unit, both directions of all listeners together.</summary>
    [Theory]
    [InlineData("messagesPerSecond: 1000", 1500, 3)]
    [InlineData("messagesPerSecond: 1000", 700, 2)]
    [InlineData("bandwidthMegabitsPerSecond: 1000", 1500, 3)]
    [InlineData("bandwidthMegabitsPerSecond: 1000", 700, 2)]
    [InlineData("cpuPercent: 1000", 1500, 3)]
    [InlineData("cpuPercent: 1000", 700, 2)]
    // Of several the one that wants the most.
    [InlineData("messagesPerSecond: 1000, bandwidthMegabitsPerSecond: 500, cpuPercent: 2000", 1500, 6)]
    public void Decide_BySignals_OfWhatGatewaysReport(string signals, int each, int recommended)
    {
        var fleet = Load(
            "gateway: {replicas: 2}",
            $"scaling: {{driver: Operator, minReplicas: 2, maxReplicas: 10, signals: {{{signals}}}}}"
        );
        var only = signals[..signals.IndexOf(':')];
        var all = signals.Contains(',');
        var gateways = Enumerable.Range(0, 2).Select(i => Loaded($"g-{i}")).ToList();

        var decided = Decide(new FleetInput { Fleet = fleet, View = View(gateways) });

        decided.Recommended.ShouldBe(recommended, decided.Message);
        decided.Reason.ShouldBe(recommended > 2 ? ScalingReason.LoadHigh : ScalingReason.Steady);
        if (recommended > 2)
        {
            decided.Message.ShouldContain($"{(all ? "bandwidthMegabitsPerSecond" : only)} wants {recommended}");
        }

        // What is not asked for is of no matter, however much it is.
        GatewayView Loaded(string name) =>
            Gateway(name, 10) with
            {
                Rates = new GatewayRates(Amount("cpuPercent"), Amount("messagesPerSecond")),
                Report = Gateway(name, 10).Report! with
                {
                    Listeners =
                    [
                        Carrying("a", Amount("bandwidthMegabitsPerSecond") * 0.25, 0),
                        Carrying("b", Amount("bandwidthMegabitsPerSecond") * 0.25, Amount("bandwidthMegabitsPerSecond") * 0.5),
                    ],
                },
            };

        double Amount(string signal) => all || signal == only ? each : 1e6;

        static ListenerLoad Carrying(string name, double megabitsIn, double megabitsOut) =>
            new()
            {
                Name = name,
                Traffic = new TrafficLoad { ReceivedBitsPerSecond = megabitsIn * 1e6, SentBitsPerSecond = megabitsOut * 1e6 },
            };
    }

    /// <summary>As when a leader changes amid a rollout: as many as wanted have reported, and others that carry somebody have not.</summary>
    [Theory]
    [InlineData(null, 10, 3)]
    [InlineData(false, 10, 3)]
    [InlineData(true, 10, 3)]
    // Its stream has been away for longer than it is waited for.
    [InlineData(true, 20, 2)]
    [InlineData(false, 20, 2)]
    [InlineData(null, 20, 3)]
    public void Decide_OneBeyondThoseWantedIsSilent_DoesNotFall(bool? terminates, int secondsSilent, int recommended)
    {
        var fleet = Load("gateway: {replicas: 3}", "scaling: {driver: Operator, minReplicas: 2, maxReplicas: 10}");
        var silent = Pod("old-0", ready: terminates is null, terminates is false ? new DrainMark(DrainCauses.Rollout, Now) : null);
        silent.Metadata.DeletionTimestamp = terminates is true ? Now : null;
        var input = new FleetInput
        {
            Fleet = fleet,
            Now = Now,
            ListeningSince = Now.AddSeconds(-secondsSilent),
            Pods = [silent, .. Enumerable.Range(0, 3).Select(i => Pod($"g-{i}"))],
            View = View([.. Enumerable.Range(0, 3).Select(i => Gateway($"g-{i}", 100))]),
        };

        Decide(input).Recommended.ShouldBe(recommended);
        Decide(input with { Pods = [.. input.Pods.Skip(1)] }).Recommended.ShouldBe(2);
    }

    /// <summary>At the peak one more was asked for than there is room for: it has never carried anybody, and the others say that they carry few.</summary>
    [Theory]
    [InlineData(true, 61, 2)]
    [InlineData(true, 10, 4)]
    // Not in the cache, though the cluster counts it.
    [InlineData(false, 61, 4)]
    public void Decide_OneHasNoNode_TheOthersAreScaledIn(bool isSeen, int secondsOld, int recommended)
    {
        var waiting = Pod("g-3", ready: false);
        waiting.Spec!.NodeName = null;
        waiting.Metadata.CreationTimestamp = Now.AddSeconds(-secondsOld);
        waiting.Status = new PodStatus { Phase = "Pending" };

        Decide(ThreeOfFour(isSeen ? waiting : null)).Recommended.ShouldBe(recommended);
    }

    /// <summary>One that is not ready is waited for as long as its stream may be away, and as long as a cluster waits for its node.</summary>
    [Theory]
    [InlineData(10, null, 4)]
    [InlineData(20, null, 2)]
    [InlineData(20, 60, 4)]
    [InlineData(20, 361, 2)]
    [InlineData(10, 361, 4)]
    public void Decide_OneIsNotReadyAndUnheard_IsWaitedForAWhile(int secondsSilent, int? secondsUnready, int recommended)
    {
        var silent = Pod("g-3", ready: false);
        silent.Status!.Conditions![0].LastTransitionTime = secondsUnready is { } unready ? Now.AddSeconds(-unready) : null;

        Decide(ThreeOfFour(silent) with { ListeningSince = Now.AddSeconds(-secondsSilent) }).Recommended.ShouldBe(recommended);
    }

    /// <summary>Of four processes that were just started one is the first to report; or one ends again and again.</summary>
    [Theory]
    [InlineData(null, null, 4)]
    [InlineData("exit code 1", null, 2)]
    // It has served: its clients are on their way back.
    [InlineData("signal 9", 1, 4)]
    [InlineData("signal 9", 61, 2)]
    public void Decide_OnHost_ProcessesThatStartAreWaitedForUnlessTheyFail(string? failure, int? secondsLost, int recommended)
    {
        var input = ThreeOfFour(null);
        var starting = new SequenceGateway
        {
            Name = "g-3",
            Revision = "",
            Stage = GatewayStage.Pending,
            CreatedAt = Now,
            UnreadySince = secondsLost is { } lost ? Now.AddSeconds(-lost) : null,
            UnheardSince = Now,
        };

        Decide(
            new FleetInput
            {
                Fleet = input.Fleet,
                Platform = FleetPlatform.Host,
                Now = Now,
                View = input.View,
                Gateways = [new GatewayProcess(starting, failure)],
            }
        )
            .Recommended.ShouldBe(recommended);
    }

    /// <summary>Four are wanted, and three are there with few connections.</summary>
    private static FleetInput ThreeOfFour(Pod? fourth) =>
        new()
        {
            Fleet = Load("gateway: {replicas: 4}", "scaling: {driver: Operator, minReplicas: 2, maxReplicas: 10}"),
            Now = Now,
            ListeningSince = Now.AddHours(-1),
            Pods = [.. Enumerable.Range(0, 3).Select(i => Pod($"g-{i}")), .. fourth is null ? Array.Empty<Pod>() : [fourth]],
            Deployments =
            [
                new Deployment
                {
                    Metadata = new ObjectMeta { Name = "demo-gateway-1", Labels = new(ResourceLabels.ForGateway("demo")) },
                    Spec = new DeploymentSpec
                    {
                        Replicas = 4,
                        Selector = new LabelSelector(),
                        Template = new PodTemplateSpec(),
                    },
                    Status = new DeploymentStatus { Replicas = 4 },
                },
            ],
            View = View([.. Enumerable.Range(0, 3).Select(i => Gateway($"g-{i}", 10))]),
        };

    private static ScalingDecision Decide(FleetInput input) => FleetScaling.Decide(input).ShouldNotBeNull();

    private static ConnectionFleet Remember(FleetInput input, ScalingDecision decision) =>
        input.Fleet with
        {
            Status = new FleetStatus { Scaling = FleetScaling.Status(input, decision) },
        };

    private static ConnectionFleet Load(string gateway, string scaling) =>
        Fleets.Load(
            $$$"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: demo, namespace: shop}
            spec:
              {{{gateway}}}
              listeners:
              - {name: edge, protocol: TCP, port: 9000, backend: app}
              backends:
              - name: app
                addresses: [{address: "192.0.2.1:80"}]
              {{{scaling}}}
            """
        );

    private static FleetView View(IReadOnlyList<GatewayView> gateways) => new() { Fleet = "shop/demo", Gateways = gateways };

    private static GatewayView Gateway(string name, int connections) =>
        new()
        {
            Hello = new HelloMessage
            {
                Fleet = "shop/demo",
                Gateway = name,
                Version = "1",
            },
            ConnectedAt = Now,
            SeenAt = Now,
            ReportedAt = Now,
            Report = new ReportMessage
            {
                State = GatewayState.Serving,
                Connections = connections,
                Capacity = 1000,
            },
        };

    private static Pod Pod(string name, bool ready = true, DrainMark? mark = null) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = name,
                Labels = new Dictionary<string, string>(ResourceLabels.ForGateway("demo")),
                Annotations = DrainAnnotations
                    .Write(mark)
                    .Where(static pair => pair.Value is not null)
                    .ToDictionary(static pair => pair.Key, static pair => pair.Value!),
            },
            Spec = new PodSpec { NodeName = "node" },
            Status = new PodStatus
            {
                Phase = "Running",
                Conditions = [new PodCondition { Type = "Ready", Status = ready ? "True" : "False" }],
            },
        };
}
