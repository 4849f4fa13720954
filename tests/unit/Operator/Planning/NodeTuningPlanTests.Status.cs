using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;
using Mooring.Operator.Planning.Tuning;

namespace Mooring.Operator.Tests.Planning;

public sealed partial class NodeTuningPlanTests
{
    [Fact]
    public void Observe_ATunerThatWasHeardOf_IsKnownToTheNextLeader()
    {
        Observe(new DaemonSet()).WasHeard.ShouldBeFalse();
        Observe(new DaemonSet(), new TuningStatus { Nodes = 3, Problems = [new TuningProblem { Node = "" }] }).WasHeard.ShouldBeFalse();
        Observe(new DaemonSet(), new TuningStatus { Tuned = 1 }).WasHeard.ShouldBeTrue("an operator that annotates nothing was here");
        Observe(new DaemonSet(), new TuningStatus { Problems = [new TuningProblem { Node = "n1" }] }).WasHeard.ShouldBeTrue();
        Observe(new DaemonSet(), isConnected: true).WasHeard.ShouldBeTrue("it may be writing already");

        var heard = FleetPlanner.Plan(
            Input(Apply) with
            {
                Tuner = new TunerObservation { Desired = 1, WasHeard = true },
            }
        );
        Observe(heard.Objects.OfType<DaemonSet>().Single()).WasHeard.ShouldBeTrue();
    }

    private static TunerObservation Observe(DaemonSet set, TuningStatus? last = null, bool isConnected = false) =>
        TunerObservation.Of(set, [], [], isConnected, last);

    [Fact]
    public void Observe_NodesAreThoseOfTunersPods_ReadyOrNot()
    {
        var seen = TunerObservation.Of(
            new DaemonSet { Status = new DaemonSetStatus { DesiredNumberScheduled = 3 } },
            [
                Pod("tuner", "n2", "Running"),
                Pod("tuner", "n1", "Pending"),
                Pod("tuner", "n1", "Running"),
                Pod("tuner", null, "Pending"),
                Pod("tuner", "n3", "Failed"),
                Pod("gateway", "n4", "Running"),
            ],
            [],
            isConnected: false,
            last: null
        );

        seen.Desired.ShouldBe(3);
        seen.Nodes.ShouldBe(["n1", "n2"]);
        seen.RestoringSince.ShouldBeNull();

        static Pod Pod(string role, string? node, string phase) =>
            new()
            {
                Metadata = new ObjectMeta { Labels = new Dictionary<string, string> { ["mooring.dev/role"] = role } },
                Spec = new PodSpec { NodeName = node, Containers = [] },
                Status = new PodStatus { Phase = phase },
            };
    }

    [Fact]
    public void Status_NodesAndProblems_AreCounted()
    {
        var plan = FleetPlanner.Plan(Input(Apply with { Profile = "None" }));
        var bad = Report(plan.Tuning.Message!.Hash) with
        {
            Node = "n2",
            Items =
            [
                new TuningItem
                {
                    Name = "fs.nr_open",
                    State = TuningState.Conflict,
                    Wanted = "2",
                    Actual = "1",
                    Reason = "the node's file",
                },
            ],
        };
        var input = Input(Apply with { Profile = "None" }) with
        {
            Tuner = new TunerObservation { Desired = 3, Reports = [bad, Report(plan.Tuning.Message.Hash), Report("older")] },
        };

        var status = FleetStatusCalculator.Calculate(
            new StatusInput
            {
                Input = input,
                Plan = plan,
                Now = DateTimeOffset.UnixEpoch,
            }
        );

        (status.Tuning!.Summary, status.Tuning.ProblemCount).ShouldBe(("1/3", 1));
        status
            .Tuning.Problems!.Single()
            .ShouldBe(
                new()
                {
                    Node = "n2",
                    Name = "fs.nr_open",
                    Wanted = "2",
                    Actual = "1",
                    Reason = "Conflict: the node's file",
                }
            );
        var condition = status.Conditions!.Single(condition => condition.Type == FleetConditions.NodesTuned);
        (condition.Status, condition.Reason).ShouldBe(("False", "SettingsDiffer"));
        condition.Message.ShouldBe("node n2: fs.nr_open is not 2: Conflict: the node's file");
    }

    [Theory]
    [InlineData(
        0,
        "0/3 nodes have reported; 3 have no pod of the tuner: kubectl describe daemonset small-tuner says why (the namespace must let privileged pods in)"
    )]
    [InlineData(3, "0/3 nodes have reported")]
    public void Status_NodesWithoutATunersPod_SaysWhereTheReasonIs(int pods, string message)
    {
        var input = Input(Apply with { Profile = "None" }) with
        {
            Tuner = new TunerObservation { Desired = 3, Nodes = [.. Enumerable.Range(0, pods).Select(static i => $"n{i}")] },
        };

        var status = FleetStatusCalculator.Calculate(
            new StatusInput
            {
                Input = input,
                Plan = FleetPlanner.Plan(input),
                Now = DateTimeOffset.UnixEpoch,
            }
        );

        var condition = status.Conditions!.Single(condition => condition.Type == FleetConditions.NodesTuned);
        (condition.Status, condition.Reason, condition.Message).ShouldBe(("Unknown", "TunersPending", message));
    }

    public static TheoryData<string, string, string, string?, string?> InPods() =>
        new()
        {
            // Mode, setting, what two pods have, what is said of it.
            {
                "Apply",
                "net.ipv4.tcp_congestion_control",
                "cubic",
                null,
                "the pod POD-0 has another: a pod takes its node's as it starts, and keeps it"
            },
            {
                "Observe",
                "net.ipv4.tcp_congestion_control",
                "cubic",
                "bbr",
                "the pod POD-0 has another: a pod takes its node's as it starts, and keeps it"
            },
            { "Apply", "net.ipv4.tcp_congestion_control", "bbr", "bbr", null },
            { "Apply", "net.ipv4.tcp_fin_timeout", "60", "60", "2 pods have another, POD-0 for one" },
            { "Observe", "net.ipv4.tcp_fin_timeout", "60", "60", "2 pods have another, POD-0 for one" },
            { "Observe", "net.ipv4.tcp_fin_timeout", "15", "60", "the pod POD-1 has another" },
            { "Observe", "net.core.somaxconn", "4096", "65535", "the pod POD-0 has another" },
            { "Observe", "net.core.somaxconn", "70000", "65535", null },
            { "Off", "net.ipv4.tcp_fin_timeout", "60", "60", null },
            // As the kernel prints 10443 and 10444.
            { "Apply", "net.ipv4.ip_local_reserved_ports", "10443-10444", null, null },
            { "Apply", "net.ipv4.ip_local_reserved_ports", "10443", null, "the pod POD-0 has another" },
        };

    [Theory]
    [MemberData(nameof(InPods))]
    public void Status_WhatPodsReadBack_IsComparedWithWhatIsWanted(string mode, string name, string one, string? other, string? reason)
    {
        var input = Input(new NodeTuningSpec { Mode = mode });
        input.Fleet.Spec.Listeners = [.. input.Fleet.Spec.Listeners, input.Fleet.Spec.Listeners[0] with { Name = "next", Port = 10444 }];
        var plan = FleetPlanner.Plan(input);
        var seen = new[] { one, other }
            .Where(static value => value is not null)
            .Select((value, i) => Gateway($"{plan.GatewayDeployment}-{i}", value!));
        var old = Gateway("small-gateway-older-0", "what it was");

        var status = FleetStatusCalculator.Calculate(
            new StatusInput
            {
                Input = input,
                Plan = plan,
                Now = DateTimeOffset.UnixEpoch,
                View = new FleetView { Fleet = "shop/small", Gateways = [old, .. seen] },
            }
        );

        (status.Tuning?.Problems ?? [])
            .Where(problem => problem.Name == name && problem.Actual!.Length > 0)
            .Select(static problem => problem.Reason)
            .ShouldBe(reason is null ? [] : [reason.Replace("POD", plan.GatewayDeployment, StringComparison.Ordinal)]);

        GatewayView Gateway(string pod, string value) =>
            new()
            {
                Hello = new HelloMessage
                {
                    Fleet = "shop/small",
                    Gateway = pod,
                    Version = "1",
                    Limits = new GatewayLimits
                    {
                        MaxOpenFiles = 1024,
                        Sysctls = new Dictionary<string, string> { [name] = value },
                    },
                },
                ConnectedAt = DateTimeOffset.UnixEpoch,
                SeenAt = DateTimeOffset.UnixEpoch,
            };
    }
}
