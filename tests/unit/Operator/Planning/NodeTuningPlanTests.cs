using System.Text.Json;
using Mooring.Contracts.Stream;
using Mooring.Contracts.Tuning;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Attributes;
using Mooring.Operator.Planning;
using Mooring.Operator.Planning.Tuning;

namespace Mooring.Operator.Tests.Planning;

public sealed class NodeTuningPlanTests
{
    private static readonly NodeTuningSpec Apply = new() { Mode = "Apply" };

    [Fact]
    public void Schema_Names_AreThoseOfTheTable() =>
        typeof(SysctlSpec)
            .GetProperty(nameof(SysctlSpec.Name))!
            .GetCustomAttributes(typeof(AllowedValuesAttribute), false)
            .Cast<AllowedValuesAttribute>()
            .Single()
            .Values.ShouldBe(SysctlTable.All.Select(row => row.Name));

    [Fact]
    public void Profiles_EveryValue_IsOneThatTheKernelReads()
    {
        foreach (var (name, value) in TuningProfiles.Of(Apply).Sysctls)
        {
            SysctlTable.TryFind(name, out var row).ShouldBeTrue(name);
            SysctlValue.Check(row!, value).ShouldBeNull(name);
        }
    }

    [Fact]
    public void SettingsFile_OfConfig_IsTheNodesPartOfTheProfile()
    {
        using var file = JsonDocument.Parse(File.ReadAllText(Repository.PathOf("config", "tuning", "high-concurrency.json")));
        var message = FleetPlanner.Plan(Input(Apply)).Tuning.Message!;

        file.RootElement.GetProperty("sysctls")
            .EnumerateObject()
            .ToDictionary(one => one.Name, one => one.Value.GetString()!)
            .ShouldBe(message.Sysctls.ToDictionary(), ignoreOrder: true);
        file.RootElement.GetProperty("modules").EnumerateArray().Select(one => one.GetString()!).ShouldBe(message.Modules);
    }

    [Fact]
    public void Plan_NoTuning_RendersNothingOfIt()
    {
        var plan = FleetPlanner.Plan(Input(null));

        plan.Tuning.ShouldBe(NodeTuningPlan.None);
        plan.Objects.ShouldNotContain(value => value is DaemonSet || value is Pod);
        Sysctls(plan).ShouldBeNull();
    }

    [Fact]
    public void Plan_Observe_LooksAtNodesAndChangesNoPod()
    {
        var plan = FleetPlanner.Plan(Input(new NodeTuningSpec()));

        plan.Tuning.Message!.Mode.ShouldBe(TuningMode.Observe);
        plan.Objects.OfType<DaemonSet>().ShouldHaveSingleItem();
        Sysctls(plan).ShouldBeNull();
    }

    [Fact]
    public void Plan_Apply_GivesNodesAndPodsWhatEachCanHave()
    {
        var plan = FleetPlanner.Plan(Input(Apply));

        var nodes = plan.Tuning.Message!.Sysctls.ToDictionary();
        nodes.ShouldContainKey("fs.nr_open");
        nodes.ShouldNotContainKey("net.core.somaxconn");
        nodes.ShouldNotContainKey("net.ipv4.tcp_keepalive_time");
        var pods = Sysctls(plan).ShouldNotBeNull();
        pods.ShouldContainKeyAndValue("net.ipv4.tcp_keepalive_time", "60");
        pods.ShouldContainKey("net.ipv4.tcp_rmem");
        pods.ShouldNotContainKey("net.core.somaxconn");
        plan.Tuning.PodProblems.ShouldContain(problem =>
            problem.Name == "net.core.somaxconn" && problem.Reason.Contains("allowUnsafePodSysctls")
        );
    }

    [Fact]
    public void Plan_WiderPortRange_ReservesTheListenersInIt()
    {
        var pods = Sysctls(FleetPlanner.Plan(Input(Apply))).ShouldNotBeNull();

        pods["net.ipv4.ip_local_port_range"].ShouldBe("10240 65535");
        pods["net.ipv4.ip_local_reserved_ports"].ShouldBe("10443", "443 is bound as 10443, and 9000 is outside of the range");
    }

    [Theory]
    [InlineData(null, 40_000, 40_999, "40000-40999")]
    [InlineData("Off", 40_000, 40_999, "40000-40999")]
    [InlineData("Observe", 40_000, 40_999, "40000-40999")]
    [InlineData(null, 20_000, 20_999, null)]
    [InlineData("Apply", 20_000, 20_999, "10443,20000-20999")]
    public void Plan_TunnelsInThePortRange_AreReserved(string? mode, int start, int end, string? reserved)
    {
        var input = Input(mode is null ? null : new NodeTuningSpec { Mode = mode });
        input.Fleet.Spec.Listeners =
        [
            .. input.Fleet.Spec.Listeners,
            new ListenerSpec
            {
                Name = "bore",
                Protocol = "Tunnel",
                Port = 7835,
                Tunnel = new TunnelListenerSpec
                {
                    PortRange = new PortRangeSpec { Start = start, End = end },
                },
            },
        ];
        Sysctls(FleetPlanner.Plan(input))?.GetValueOrDefault("net.ipv4.ip_local_reserved_ports").ShouldBe(reserved);
        (Sysctls(FleetPlanner.Plan(input)) is null).ShouldBe(reserved is null);
    }

    [Fact]
    public void Plan_KernelTooOldForASetting_LeavesItOutAndSaysSo()
    {
        var old = new TunerObservation
        {
            Desired = 1,
            Ready = 1,
            Reports = [Report("x", kernel: "4.14.0-generic")],
        };

        var plan = FleetPlanner.Plan(Input(Apply) with { Tuner = old });

        Sysctls(plan)!.ShouldNotContainKey("net.ipv4.tcp_rmem");
        plan.Tuning.PodProblems.ShouldContain(problem =>
            problem.Name == "net.ipv4.tcp_rmem" && problem.Reason == "needs kernel 4.15 on every node"
        );
    }

    [Theory]
    [InlineData(null, null, false, "a trial pod is under way")]
    [InlineData("Pending", null, false, "a trial pod is under way")]
    [InlineData("Failed", "SysctlForbidden", false, "the kubelet forbids it: --allowed-unsafe-sysctls")]
    [InlineData("Failed", "Error", false, "the trial pod failed")]
    [InlineData("Succeeded", null, true, null)]
    public void Plan_UnsafeSettings_OnlyAfterATrial(string? phase, string? reason, bool isAllowed, string? problem)
    {
        var input = Input(Apply with { AllowUnsafePodSysctls = true });
        var trial = FleetPlanner.Plan(input).Objects.OfType<Pod>().ShouldHaveSingleItem();
        trial
            .Spec!.SecurityContext!.Sysctls!.Select(sysctl => sysctl.Name)
            .ShouldBe(["net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_max_tw_buckets", "net.ipv4.tcp_tw_reuse"]);
        trial.Status = phase is null ? null : new PodStatus { Phase = phase, Reason = reason };

        var plan = FleetPlanner.Plan(input with { SysctlTrials = [trial] });

        Sysctls(plan)!.ContainsKey("net.core.somaxconn").ShouldBe(isAllowed);
        plan.Tuning.PodProblems.Select(one => one.Reason).Distinct().ShouldBe(problem is null ? [] : [problem]);
        plan.Objects.OfType<Pod>().ShouldHaveSingleItem("the trial's pod is the record of its result");
    }

    [Fact]
    public void Plan_TuningTakenAway_TunersStayUntilTheNodesAreAsBefore()
    {
        var running = new TunerObservation
        {
            Desired = 2,
            Ready = 2,
            Reports = [Report("x"), Report("y")],
        };

        var plan = FleetPlanner.Plan(Input(null) with { Tuner = running });

        plan.Tuning.Message!.Mode.ShouldBe(TuningMode.Off);
        plan.Objects.OfType<DaemonSet>().ShouldHaveSingleItem();
        var half = running with { Reports = [Report(plan.Tuning.Message.Hash), Report("y")] };
        FleetPlanner.Plan(Input(null) with { Tuner = half }).Tuning.HasTuners.ShouldBeTrue();
        var done = running with { Reports = [Report(plan.Tuning.Message.Hash), Report(plan.Tuning.Message.Hash)] };
        FleetPlanner.Plan(Input(null) with { Tuner = done }).Objects.OfType<DaemonSet>().ShouldBeEmpty();
    }

    [Fact]
    public void Plan_OtherSettings_RestartNoTuner()
    {
        var one = FleetPlanner.Plan(Input(Apply)).Objects.OfType<DaemonSet>().Single();
        var other = FleetPlanner.Plan(Input(new NodeTuningSpec { Profile = "None" })).Objects.OfType<DaemonSet>().Single();

        ResourcesJson.Serialize(other).ShouldBe(ResourcesJson.Serialize(one));
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
            Tuner = new TunerObservation
            {
                Desired = 3,
                Ready = 3,
                Reports = [bad, Report(plan.Tuning.Message.Hash), Report("older")],
            },
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

    private static Dictionary<string, string>? Sysctls(FleetPlan plan) =>
        plan
            .Objects.OfType<Deployment>()
            .Single(deployment => deployment.Metadata.Name == plan.GatewayDeployment)
            .Spec!.Template!.Spec!.SecurityContext!.Sysctls?.ToDictionary(sysctl => sysctl.Name!, sysctl => sysctl.Value!);

    private static TuningReport Report(string hash, string kernel = "6.1.0-18-amd64") =>
        new()
        {
            Hash = hash,
            Node = "n1",
            Kernel = kernel,
        };

    private static FleetInput Input(NodeTuningSpec? tuning)
    {
        var fleet = Fleets.Load(Fleets.Small);
        fleet.Spec.NodeTuning = tuning;
        fleet.Spec.Listeners = [.. fleet.Spec.Listeners, fleet.Spec.Listeners[0] with { Name = "https", Port = 443 }];
        return new FleetInput { Fleet = fleet, Stream = new StreamEndpoint("wss://mooring.mooring-system.svc:8443/stream/v1", "CA") };
    }
}
