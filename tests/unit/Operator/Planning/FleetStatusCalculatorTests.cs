using System.Globalization;
using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;
using Mooring.Operator.Scaling.Autoscaling;
using Mooring.Operator.Validation;

namespace Mooring.Operator.Tests.Planning;

public sealed class FleetStatusCalculatorTests
{
    private static readonly string WithTunnels = Fleets.Small.Replace(
        "  backends:",
        "  - {name: bore, protocol: Tunnel, port: 7835, tunnel: {portRange: {start: 20000, end: 20099}}}\n  backends:",
        StringComparison.Ordinal
    );

    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);

    [Fact]
    public void Calculate_NothingThereYet_IsPending()
    {
        var status = Calculate(gatewaysReady: null, endpoints: 0);

        (status.Phase, status.Gateways!.Summary, status.Backends!.Summary, status.Replicas).ShouldBe(("Pending", "0/2", "0/2", 0));
        Condition(status, "Ready").ShouldBe(("False", "GatewaysNotReady"));
        Condition(status, "Progressing").ShouldBe(("True", "GatewaysNotReady"));
        Condition(status, "Degraded").ShouldBe(("False", "AsWanted"));
        status.ObservedGeneration.ShouldBe(1);
        status.Selector.ShouldBe("mooring.dev/fleet=small,mooring.dev/role=gateway");
    }

    [Fact]
    public void Calculate_AllThere_IsReady()
    {
        var status = Calculate(gatewaysReady: 2, endpoints: 2);

        (status.Phase, status.Gateways!.Summary, status.Backends!.Summary, status.Replicas).ShouldBe(("Ready", "2/2", "2/2", 2));
        Condition(status, "Ready").ShouldBe(("True", "Serving"));
        Condition(status, "Progressing").ShouldBe(("False", "Complete"));
        status.Conditions!.ShouldAllBe(condition => condition.LastTransitionTime.Millisecond == 0);
    }

    [Fact]
    public void Calculate_GatewayLostAfterReady_IsDegraded()
    {
        var ready = Calculate(gatewaysReady: 2, endpoints: 2);

        var status = Calculate(gatewaysReady: 1, endpoints: 2, last: ready);

        status.Phase.ShouldBe("Degraded");
        Condition(status, "Ready").ShouldBe(("False", "GatewaysNotReady"));
        Condition(status, "Degraded").ShouldBe(("True", "GatewaysNotReady"));
        Condition(status, "Progressing").ShouldBe(("False", "GatewaysNotReady"));
        Condition(Calculate(gatewaysReady: 1, endpoints: 2, last: status), "Degraded")
            .ShouldBe(("True", "GatewaysNotReady"), "it stays so until it is ready again");
    }

    [Fact]
    public void Calculate_SpecChangedAfterReady_IsProgressingNotDegraded()
    {
        var ready = Calculate(gatewaysReady: 2, endpoints: 2);

        var status = Calculate(gatewaysReady: 1, endpoints: 2, last: ready, generation: 2);

        (status.Phase, status.ObservedGeneration).ShouldBe(("Progressing", 2));
        Condition(status, "Degraded").ShouldBe(("False", "AsWanted"));
    }

    [Fact]
    public void Calculate_ConditionUnchanged_KeepsItsTime()
    {
        var before = Calculate(gatewaysReady: 2, endpoints: 2);

        var after = Calculate(gatewaysReady: 2, endpoints: 1, last: before, now: Now.AddHours(1));

        Time(after, "Progressing").ShouldBe(Time(before, "Progressing"));
        Time(after, "Ready").ShouldBe(Time(before, "Ready").AddHours(1));
    }

    [Theory]
    [InlineData(2, ScalingReason.AtMaximum, "AtMaximum", "the load wants more than the maximum of 2 gateways")]
    [InlineData(1, ScalingReason.AtMaximum, "Following", "")]
    [InlineData(2, ScalingReason.Steady, "Following", "")]
    public void Calculate_LoadWantsMoreThanTheMaximum_ScalingSaysSo(int recommended, ScalingReason scaling, string reason, string message)
    {
        var fleet = Fleets.Load(Fleets.Small);
        var status = FleetStatusCalculator.Calculate(
            new StatusInput
            {
                Input = new FleetInput { Fleet = fleet },
                Plan = FleetPlanner.Plan(new FleetInput { Fleet = fleet }) with { Scaling = new(recommended, scaling, "", null) },
                Now = Now,
            }
        );

        var condition = status.Conditions!.Single(static one => one.Type == FleetConditions.ScalingActive);
        (condition.Status, condition.Reason, condition.Message).ShouldBe(("True", reason, message));
    }

    [Fact]
    public void Calculate_Invalid_ListsEveryError()
    {
        var fleet = Fleets.Load(Fleets.Small);
        var status = FleetStatusCalculator.Calculate(
            new StatusInput
            {
                Input = new FleetInput { Fleet = fleet },
                Errors = [new FieldError("spec.a", "wrong"), new FieldError("spec.b", "too")],
                Now = Now,
            }
        );

        (status.Phase, Condition(status, "Ready")).ShouldBe(("Invalid", ("False", "Invalid")));
        status.Conditions!.First(condition => condition.Type == "Ready").Message.ShouldBe("spec.a: wrong; spec.b: too");
    }

    [Fact]
    public void Calculate_ConfigRefusedByAGateway_SaysWhy()
    {
        var status = Calculate(
            gatewaysReady: 2,
            endpoints: 2,
            view: (hash) =>
                View(hash, Gateway("g-0", hash), Gateway("g-1", "old") with { RefusedHash = hash, ConfigErrors = ["listeners[0]: no"] })
        );

        Condition(status, "Ready").ShouldBe(("False", "ConfigRefused"));
        Condition(status, "Degraded").ShouldBe(("True", "ConfigRefused"));
        status.Conditions![0].Message.ShouldBe("g-1 refuses the config: listeners[0]: no");
        status.Config!.Acked.ShouldBe("1/2");
    }

    [Fact]
    public void Calculate_GatewayShortOfMemory_IsDegradedButReady()
    {
        var status = Calculate(
            gatewaysReady: 2,
            endpoints: 2,
            view: hash =>
            {
                var loaded = Gateway("g-1", hash, connections: 1, capacity: 2);
                return View(
                    hash,
                    Gateway("g-0", hash),
                    loaded with
                    {
                        Report = loaded.Report! with { Overload = new OverloadLoad { Problem = "uses 98 % of its 512 MiB of memory" } },
                    }
                );
            }
        );

        Condition(status, "Ready").Status.ShouldBe("True");
        Condition(status, "Degraded").ShouldBe(("True", "Overloaded"));
        status.Conditions!.First(condition => condition.Type == "Degraded").Message.ShouldBe("g-1 uses 98 % of its 512 MiB of memory");
    }

    [Fact]
    public void Calculate_CertificateNoGood_IsDegradedButReady()
    {
        var status = Calculate(
            gatewaysReady: 2,
            endpoints: 2,
            view: hash =>
            {
                var troubled = Gateway("g-1", hash, connections: 1, capacity: 2);
                return View(hash, Gateway("g-0", hash), troubled with { Report = troubled.Report! with { Problems = ["web: no key"] } });
            }
        );

        Condition(status, "Ready").Status.ShouldBe("True");
        Condition(status, "Degraded").ShouldBe(("True", "CertificatesRejected"));
        status
            .Conditions!.First(condition => condition.Type == "Degraded")
            .Message.ShouldBe("g-1 serves on with what it had before: web: no key");
    }

    [Fact]
    public void Calculate_Reports_GiveConnections()
    {
        var status = Calculate(
            gatewaysReady: 2,
            endpoints: 2,
            view: hash =>
                View(
                    hash,
                    Gateway("g-0", hash, connections: 30, capacity: 100),
                    Gateway("g-1", hash, connections: 20, capacity: 100),
                    Gateway("g-old", hash, connections: 50, capacity: 100, GatewayState.Draining)
                )
        );

        status.Connections.ShouldBe(
            new ConnectionsStatus
            {
                Current = 100,
                Capacity = 200,
                Available = 150,
                UtilizationPercent = 50,
            }
        );
        status.Gateways!.Draining.ShouldBe(1);
    }

    [Fact]
    public void Calculate_Reports_GiveBandwidthAndTunnels()
    {
        var status = Calculate(
            gatewaysReady: 2,
            endpoints: 2,
            manifest: WithTunnels,
            view: hash =>
                View(
                    hash,
                    Carrying(Gateway("g-0", hash), 1000.7, 20, open: 3, capacity: 50),
                    Carrying(Gateway("g-1", hash), 500, 30, open: 4, capacity: 50),
                    Carrying(Gateway("g-old", hash, state: GatewayState.Draining), 7, 8, open: 5, capacity: 50)
                )
        );

        status.Bandwidth.ShouldBe(new BandwidthStatus { ReceivedBitsPerSecond = 1507, SentBitsPerSecond = 58 });
        status.Tunnels.ShouldBe(new TunnelsStatus { Open = 12, Capacity = 100 });
        Calculate(gatewaysReady: 2, endpoints: 2, last: status, manifest: WithTunnels, view: hash => View(hash))
            .Tunnels.ShouldBe(status.Tunnels, "a new leader without reports keeps the figures");
        Calculate(gatewaysReady: 2, endpoints: 2, view: hash => View(hash, Gateway("g-0", hash)))
            .Tunnels.ShouldBeNull("there is no Tunnel listener");
    }

    private static GatewayView Carrying(GatewayView gateway, double received, double sent, int open, int capacity) =>
        gateway with
        {
            Report = gateway.Report! with
            {
                Listeners =
                [
                    new ListenerLoad
                    {
                        Name = "edge",
                        Traffic = new TrafficLoad { ReceivedBitsPerSecond = received, SentBitsPerSecond = sent },
                    },
                ],
                Tunnels = new TunnelsLoad { Open = open, Capacity = capacity },
            },
        };

    /// <summary>As in the drain of a node: nobody marked them.</summary>
    [Theory]
    [InlineData(560, 550)] // 10 s of lame duck and 9 min of the drain
    [InlineData(30, 30)] // who deletes it gives it less
    [InlineData(null, 560)]
    public void Calculate_PodsThatEndByThemselves_HaveTheirDeadline(int? grace, int seconds)
    {
        var began = new DateTimeOffset(2026, 1, 2, 3, 0, 0, TimeSpan.Zero);
        var fleet = Fleets.Load(Fleets.Small);

        var status = FleetStatusCalculator.Calculate(
            new StatusInput
            {
                Input = new FleetInput { Fleet = fleet, Pods = [Ending("a", began.AddSeconds(-100)), Ending("b", began)] },
                Plan = FleetPlanner.Plan(new FleetInput { Fleet = fleet }),
                Now = Now,
            }
        );

        status.Rollout!.Deadline.ShouldBe(began.AddSeconds(seconds).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
        status.Rollout.Draining.ShouldBe(2);

        Pod Ending(string name, DateTimeOffset at) =>
            new()
            {
                Metadata = new ObjectMeta
                {
                    Name = name,
                    Labels = new() { ["mooring.dev/role"] = "gateway" },
                    DeletionTimestamp = at.AddSeconds(grace ?? 560),
                    DeletionGracePeriodSeconds = grace,
                },
            };
    }

    [Fact]
    public void Calculate_NewLeaderWithoutReports_KeepsTheFigures()
    {
        var last = Calculate(
            gatewaysReady: 2,
            endpoints: 2,
            view: hash => View(hash, Gateway("g-0", hash, connections: 30, capacity: 100))
        );

        var status = Calculate(gatewaysReady: 2, endpoints: 2, last: last, view: hash => View(hash));

        status.Connections.ShouldBe(last.Connections);
    }

    [Fact]
    public void Calculate_ApplyFailed_IsDegradedWithTheError()
    {
        var status = Calculate(gatewaysReady: 2, endpoints: 2, applyError: "services \"x\" is forbidden");

        (status.Phase, Condition(status, "Ready"), Condition(status, "Degraded")).ShouldBe(
            ("Degraded", ("False", "ApplyFailed"), ("True", "ApplyFailed"))
        );
    }

    [Fact]
    public void Calculate_Paused_SaysSo()
    {
        var status = Calculate(gatewaysReady: 2, endpoints: 2, manifest: Fleets.Small.Replace("spec:", "spec:\n  paused: true"));

        (status.Phase, Condition(status, "Ready"), Condition(status, "Progressing")).ShouldBe(
            ("Paused", ("True", "Serving"), ("False", "Paused"))
        );
    }

    [Theory]
    [InlineData(false, "1/2", "False")]
    // It has another address by now, and connections at the old one.
    [InlineData(true, "2/2", "True")]
    public void Calculate_StaticAddressOutOnEveryGateway_IsNotReady(bool gone, string summary, string ready)
    {
        var manifest = Fleets.Small.Replace("workload: {image: app, replicas: 2}", "addresses: [{address: 'a:1'}, {address: 'b:1'}]");

        var status = Calculate(
            gatewaysReady: 2,
            endpoints: 0,
            manifest: manifest,
            view: hash => View(hash, Gateway("g-0", hash, out1: "a:1", gone: gone), Gateway("g-1", hash, out1: "a:1", gone: gone))
        );

        status.Backends!.Summary.ShouldBe(summary);
        Condition(status, "Ready").Status.ShouldBe(ready);
    }

    private static FleetStatus Calculate(
        int? gatewaysReady,
        int endpoints,
        FleetStatus? last = null,
        Func<string, FleetView>? view = null,
        string? applyError = null,
        string manifest = Fleets.Small,
        long generation = 1,
        DateTimeOffset? now = null
    )
    {
        var fleet = Fleets.Load(manifest, generation) with { Status = last };
        var plan = FleetPlanner.Plan(new FleetInput { Fleet = fleet });
        var deployment = new Deployment
        {
            Metadata = new ObjectMeta
            {
                Name = plan.GatewayDeployment,
                Labels = new() { ["mooring.dev/role"] = "gateway", ["mooring.dev/revision"] = plan.Revision },
            },
            Spec = new DeploymentSpec { Replicas = 2 },
            Status = new DeploymentStatus { Replicas = 2, ReadyReplicas = gatewaysReady },
        };
        return FleetStatusCalculator.Calculate(
            new StatusInput
            {
                Input = new FleetInput { Fleet = fleet, Deployments = gatewaysReady is null ? [] : [deployment] },
                Plan = plan,
                ApplyError = applyError,
                View = view?.Invoke(plan.ConfigHash),
                Endpoints = new Dictionary<string, IReadOnlyList<EndpointInfo>>
                {
                    ["app"] = Enumerable
                        .Range(0, endpoints)
                        .Select(i => new EndpointInfo
                        {
                            Id = $"app-{i}",
                            Address = "10.0.0.1",
                            Port = 80,
                        })
                        .ToList(),
                },
                Now = now ?? Now,
            }
        );
    }

    private static FleetView View(string hash, params GatewayView[] gateways) =>
        new()
        {
            Fleet = "shop/small",
            DesiredHash = hash,
            Gateways = gateways,
        };

    private static GatewayView Gateway(
        string name,
        string hash,
        int connections = 0,
        int capacity = 100,
        GatewayState state = GatewayState.Serving,
        string? out1 = null,
        bool gone = false
    ) =>
        new()
        {
            Hello = new HelloMessage
            {
                Fleet = "shop/small",
                Gateway = name,
                Version = "1",
            },
            ConnectedAt = Now,
            SeenAt = Now,
            ConfigHash = hash,
            Report = new ReportMessage
            {
                State = state,
                Connections = connections,
                Capacity = capacity,
                Backends = out1 is null
                    ? []
                    :
                    [
                        new BackendLoad
                        {
                            Name = "app",
                            Endpoints =
                            [
                                new EndpointLoad
                                {
                                    Id = out1,
                                    Healthy = false,
                                    Gone = gone,
                                },
                            ],
                        },
                    ],
            },
        };

    private static (string Status, string Reason) Condition(FleetStatus status, string type)
    {
        var condition = status.Conditions!.Single(one => one.Type == type);
        return (condition.Status, condition.Reason);
    }

    private static DateTimeOffset Time(FleetStatus status, string type) =>
        status.Conditions!.Single(one => one.Type == type).LastTransitionTime;
}
