using System.Text.Json;
using System.Text.Json.Nodes;
using Mooring.Contracts.Stream;
using Mooring.Contracts.Tuning;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Attributes;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Planning;
using Mooring.Operator.Planning.Tuning;

namespace Mooring.Operator.Tests.Planning;

public sealed partial class NodeTuningPlanTests
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
    public void Plan_Excluded_IsLeftOutOfTheProfile_ForNodesAndPods_AndWhatIsSaidOutrightStays()
    {
        var plan = FleetPlanner.Plan(
            Input(
                Apply with
                {
                    Exclude = ["fs.nr_open", "net.ipv4.tcp_keepalive_time", "net.core.somaxconn", "tcp_bbr", "net.core.rmem_max"],
                    Sysctls = [new SysctlSpec { Name = "net.core.rmem_max", Value = "33554432" }],
                }
            )
        );

        var message = plan.Tuning.Message!;
        message.Sysctls.ContainsKey("fs.nr_open").ShouldBeFalse();
        message.Sysctls.ContainsKey("fs.file-max").ShouldBeTrue();
        message.Modules.ShouldBe(["sch_fq"]);
        message.Sysctls["net.core.rmem_max"].ShouldBe("33554432");
        Sysctls(plan)!.ShouldNotContainKey("net.ipv4.tcp_keepalive_time");
        Sysctls(plan)!.ShouldContainKey("net.ipv4.tcp_keepalive_intvl");
        plan.Tuning.PodProblems.ShouldNotContain(static problem => problem.Name == "net.core.somaxconn");
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
        var old = new TunerObservation { Desired = 1, Reports = [Report("x", kernel: "4.14.0-generic")] };

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

    [Theory]
    [InlineData("Failed", "Evicted", 5)]
    [InlineData("Failed", "SysctlForbidden", 15)]
    [InlineData("Succeeded", null, null)]
    public void Plan_TrialThatFailed_IsMadeAnewAfterAWhile(string phase, string? reason, int? minutes)
    {
        var began = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        var input = Input(Apply with { AllowUnsafePodSysctls = true }) with { Now = began };
        var trial = FleetPlanner.Plan(input).Objects.OfType<Pod>().ShouldHaveSingleItem();
        trial.Metadata.CreationTimestamp = began;
        trial.Status = new PodStatus { Phase = phase, Reason = reason };
        input = input with { SysctlTrials = [trial] };

        FleetPlanner.Plan(input).RequeueAfter.ShouldBe(minutes is { } pause ? TimeSpan.FromMinutes(pause) : null);
        var before = FleetPlanner.Plan(input with { Now = began.AddMinutes((minutes ?? 60) - 1) });
        before.Objects.OfType<Pod>().ShouldHaveSingleItem();

        var after = FleetPlanner.Plan(input with { Now = began.AddMinutes(minutes ?? 60) });
        after.Objects.OfType<Pod>().Count().ShouldBe(minutes is null ? 1 : 0, "what is not in the plan is deleted");
        Sysctls(after).ShouldBe(Sysctls(before), "no revision changes for that");
        FleetPlanner.Plan(input with { SysctlTrials = [], Now = began.AddHours(1) }).Objects.OfType<Pod>().ShouldHaveSingleItem();
    }

    [Theory]
    [InlineData(null, null, true)]
    [InlineData("Pending", null, true)]
    [InlineData("Failed", "Evicted", true)]
    [InlineData("Failed", "SysctlForbidden", false)]
    public void Plan_TrialLostAfterItsVerdict_ChangesNoRevision(string? phase, string? reason, bool isKept)
    {
        var (input, trial, before) = Granted();
        trial.Status = new PodStatus { Phase = phase, Reason = reason };

        var plan = FleetPlanner.Plan(input with { SysctlTrials = phase is null ? [] : [trial] });

        (plan.Revision == before.Revision).ShouldBe(isKept);
        Sysctls(plan)!.ContainsKey("net.core.somaxconn").ShouldBe(isKept);
        plan.Tuning.PodProblems.Count.ShouldBe(isKept ? 0 : 4);
        plan.Objects.OfType<Pod>().ShouldHaveSingleItem("a trial is due").Metadata.Name.ShouldBe(trial.Metadata.Name);
    }

    [Fact]
    public void Plan_TrialLost_AndThePodsWereRefused_TakesItFromThem()
    {
        var (input, _, before) = Granted();
        var refused = new Pod
        {
            Metadata = new ObjectMeta { Labels = new Dictionary<string, string> { [ResourceLabels.Revision] = before.Revision } },
            Status = new PodStatus { Phase = "Failed", Reason = "SysctlForbidden" },
        };

        Sysctls(FleetPlanner.Plan(input with { SysctlTrials = [], Pods = [refused] }))!.ShouldNotContainKey("net.core.somaxconn");
    }

    [Fact]
    public void Plan_OtherTemplate_IsAnotherTrial_AndTheGatewaysKeepWhatTheyHave()
    {
        var (input, trial, _) = Granted();
        input.Fleet.Spec.Gateway.Template = new PodTemplate { NodeSelector = new Dictionary<string, string> { ["disk"] = "ssd" } };

        var plan = FleetPlanner.Plan(input);

        plan.Objects.OfType<Pod>().Single().Metadata.Name.ShouldNotBe(trial.Metadata.Name);
        Sysctls(plan)!.ShouldContainKey("net.core.somaxconn");
    }

    [Fact]
    public void Plan_OtherValue_GatewaysKeepTheOldUntilItWasTried()
    {
        var (input, trial, before) = Granted();
        input.Fleet.Spec.NodeTuning = input.Fleet.Spec.NodeTuning! with
        {
            Sysctls = [new SysctlSpec { Name = "net.core.somaxconn", Value = "77777" }],
        };

        var waiting = FleetPlanner.Plan(input);

        waiting.Revision.ShouldBe(before.Revision);
        waiting
            .Tuning.PodProblems.ShouldHaveSingleItem()
            .ShouldBe(new PodTuningProblem("net.core.somaxconn", "77777", "a trial pod is under way"));
        var other = waiting.Objects.OfType<Pod>().Single();
        other.Metadata.Name.ShouldNotBe(trial.Metadata.Name);
        other.Status = new PodStatus { Phase = "Succeeded" };
        Sysctls(FleetPlanner.Plan(input with { SysctlTrials = [other] }))!["net.core.somaxconn"].ShouldBe("77777");
    }

    [Fact]
    public void Plan_OperatorWithAnotherImage_IsNoOtherTrial()
    {
        var (input, trial, _) = Granted();
        input.Fleet.Status = new FleetStatus { Gateways = new GatewaysStatus { DefaultImage = input.DefaultGatewayImage } };

        var plan = FleetPlanner.Plan(input with { DefaultGatewayImage = "mooring/gateway:next" });

        plan.Objects.OfType<Pod>().Single().Metadata.Name.ShouldBe(trial.Metadata.Name);
    }

    [Fact]
    public void Plan_TunerAndTrial_GoWhereGatewaysMayGo_AndTakeNothingElseOfThem()
    {
        var input = Input(Apply with { AllowUnsafePodSysctls = true });
        input.Fleet.Spec.Gateway.Template = new PodTemplate
        {
            Labels = new Dictionary<string, string> { ["app"] = "edge" },
            Annotations = new Dictionary<string, string> { ["k8s.v1.cni.cncf.io/networks"] = "fast" },
            NodeSelector = new Dictionary<string, string> { ["pool"] = "edge" },
            Tolerations = [new TolerationSpec { Key = "edge", Operator = "Exists" }],
            Affinity = JsonNode
                .Parse(
                    """
                    {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}},
                     "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "edge"}}}]},
                     "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "cache"}}}]}}
                    """
                )!
                .AsObject(),
            TopologySpreadConstraints = [new SpreadSpec { TopologyKey = "rack", WhenUnsatisfiable = "DoNotSchedule" }],
            PriorityClassName = "high",
            RuntimeClassName = "sandbox",
        };

        var plan = FleetPlanner.Plan(input);

        var tuner = plan.Objects.OfType<DaemonSet>().Single().Spec!.Template!;
        tuner.Metadata!.Labels.ShouldBe(ResourceLabels.ForTuner("small"), ignoreOrder: true);
        tuner.Metadata.Annotations.ShouldBeNull();
        tuner.Spec!.RuntimeClassName.ShouldBeNull("it must reach the node");
        var trial = plan.Objects.OfType<Pod>().Single();
        trial.Metadata.Labels.ShouldBe(ResourceLabels.ForTrial("small"), ignoreOrder: true);
        trial.Metadata.Annotations.ShouldBeNull();
        trial.Spec!.RuntimeClassName.ShouldBe("sandbox");
        foreach (var spec in new[] { tuner.Spec, trial.Spec })
        {
            spec.Affinity!.Select(static one => one.Key).ShouldBe(["nodeAffinity"]);
            spec.Affinity!["nodeAffinity"]!.ToJsonString().ShouldContain("\"key\":\"a\"");
            spec.TopologySpreadConstraints.ShouldBeNull();
            spec.NodeSelector.ShouldNotBeNull().ShouldContainKeyAndValue("pool", "edge");
            spec.Tolerations.ShouldHaveSingleItem().Key.ShouldBe("edge");
            spec.PriorityClassName.ShouldBe("high");
        }

        // The gateways themselves have all of it.
        var gateway = plan.Objects.OfType<Deployment>().Single(one => one.Metadata.Name == plan.GatewayDeployment).Spec!.Template!;
        gateway.Metadata!.Labels.ShouldNotBeNull().ShouldContainKey("app");
        gateway.Spec!.Affinity!.Count.ShouldBe(3);
    }

    /// <summary>A quota of the namespace refuses a pod that leaves out what it counts.</summary>
    [Fact]
    public void Plan_TunerAndTrial_SayAllThatAQuotaAsksFor()
    {
        var plan = FleetPlanner.Plan(Input(Apply with { AllowUnsafePodSysctls = true }));

        PodSpec[] pods = [plan.Objects.OfType<DaemonSet>().Single().Spec!.Template!.Spec!, plan.Objects.OfType<Pod>().Single().Spec!];
        foreach (var resources in pods.Select(static pod => pod.Containers!.Single().Resources.ShouldNotBeNull()))
        {
            resources.Requests.ShouldNotBeNull().Keys.ShouldBe(["cpu", "memory"]);
            resources.Limits.ShouldNotBeNull().Keys.ShouldBe(["cpu", "memory"]);
        }
    }

    /// <summary>A fleet whose gateways were given unsafe settings, and the trial that allowed it.</summary>
    private static (FleetInput Input, Pod Trial, FleetPlan Plan) Granted()
    {
        var input = Input(Apply with { AllowUnsafePodSysctls = true });
        var trial = FleetPlanner.Plan(input).Objects.OfType<Pod>().Single();
        trial.Status = new PodStatus { Phase = "Succeeded" };
        input = input with { SysctlTrials = [trial] };
        var plan = FleetPlanner.Plan(input);
        Sysctls(plan)!.ShouldContainKey("net.core.somaxconn");
        return (input with { Deployments = [.. plan.Objects.OfType<Deployment>()] }, trial, plan);
    }

    [Fact]
    public void Plan_TuningTakenAway_TunersStayUntilTheNodesAreAsBefore()
    {
        var running = new TunerObservation
        {
            Desired = 2,
            WasHeard = true,
            Nodes = ["n1", "n2"],
            Reports = [Report("x"), Report("y", node: "n2")],
        };

        var plan = FleetPlanner.Plan(Input(null) with { Tuner = running });

        plan.Tuning.Message!.Mode.ShouldBe(TuningMode.Off);
        plan.Objects.OfType<DaemonSet>().ShouldHaveSingleItem();
        var half = running with { Reports = [Report(plan.Tuning.Message.Hash), Report("y", node: "n2")] };
        FleetPlanner.Plan(Input(null) with { Tuner = half }).Tuning.HasTuners.ShouldBeTrue();
        var done = running with { Reports = [Report(plan.Tuning.Message.Hash), Report(plan.Tuning.Message.Hash, node: "n2")] };
        FleetPlanner.Plan(Input(null) with { Tuner = done }).Objects.OfType<DaemonSet>().ShouldBeEmpty();
    }

    public static TheoryData<string, string[], string[], int> NotRestored() =>
        new()
        {
            // Name, nodes with a tuner's pod, nodes whose tuner has said that all is as before, nodes wanted.
            { "its pod starts anew, and is not connected", ["n1", "n2"], ["n1"], 2 },
            { "its pod is gone for the moment", ["n1"], ["n1"], 2 },
            { "no tuner at all any more", [], [], 1 },
            { "one more than wanted, on a node that is no longer wanted", ["n1", "n2"], ["n1"], 1 },
            { "two pods of one node are one node", ["n1", "n2"], ["n1", "n1"], 2 },
        };

    [Theory]
    [MemberData(nameof(NotRestored))]
    public void Plan_TunerRestartsWhileNodesAreRestored_ItsNodeDoesNotCountAsRestored(
        string what,
        string[] nodes,
        string[] restored,
        int desired
    )
    {
        var off = NodeTuningPlan.Off().Hash;
        var tuner = new TunerObservation
        {
            Desired = desired,
            WasHeard = true,
            Nodes = nodes,
            Reports = [.. restored.Select(node => Report(off, node: node))],
        };

        FleetPlanner.Plan(Input(null) with { Tuner = tuner }).Tuning.Message.ShouldNotBeNull(what).Mode.ShouldBe(TuningMode.Off, what);
    }

    [Fact]
    public void Plan_NodeThatCannotBeRestored_IsGivenUpAtTheDeadline_WhoeverLeads()
    {
        var off = NodeTuningPlan.Off().Hash;
        var began = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        var tuner = new TunerObservation
        {
            Desired = 2,
            WasHeard = true,
            Nodes = ["n1", "n2"],
            Reports =
            [
                Report(off),
                Report(off, node: "n2") with
                {
                    Items = [new TuningItem { Name = "restore", State = TuningState.Refused }],
                },
            ],
        };
        var first = FleetPlanner.Plan(Input(null) with { Tuner = tuner, Now = began });
        var live = first.Objects.OfType<DaemonSet>().ShouldHaveSingleItem();
        first.RequeueAfter.ShouldBe(NodeTuningPlan.RestoreDeadline);

        // What another leader reads off the live object.
        var read = Observe(live);
        (read.RestoringSince, read.WasHeard).ShouldBe((began, true));
        tuner = tuner with { RestoringSince = read.RestoringSince };
        var later = FleetPlanner.Plan(Input(null) with { Tuner = tuner, Now = began.AddMinutes(4) });
        ResourcesJson.Serialize(later.Objects.OfType<DaemonSet>().Single()).ShouldBe(ResourcesJson.Serialize(live), "not one write more");
        later.RequeueAfter.ShouldBe(TimeSpan.FromMinutes(1));

        var over = FleetPlanner.Plan(Input(null) with { Tuner = tuner, Now = began + NodeTuningPlan.RestoreDeadline });
        over.Objects.OfType<DaemonSet>().ShouldBeEmpty();
        over.Tuning.Unrestored.ShouldBe(["n2"]);

        // Wanted again, it is forgotten; and a clock that was set back begins anew rather than wait for it.
        var again = FleetPlanner.Plan(Input(Apply) with { Tuner = tuner, Now = began.AddMinutes(1) });
        again.Objects.OfType<DaemonSet>().Single().Metadata.Annotations!.Keys.ShouldBe([TunerRenderer.Heard]);
        FleetPlanner
            .Plan(Input(null) with { Tuner = tuner, Now = began.AddDays(-1) })
            .RequeueAfter.ShouldBe(NodeTuningPlan.RestoreDeadline);
    }

    /// <summary>Pods that the namespace does not let in, an image that is not there: nobody has changed anything.</summary>
    [Fact]
    public void Plan_TunersThatNeverRan_HaveNothingToRestore()
    {
        var tuner = new TunerObservation { Desired = 3, Nodes = ["n1"] };

        FleetPlanner.Plan(Input(Apply) with { Tuner = tuner }).Objects.OfType<DaemonSet>().Single().Metadata.Annotations.ShouldBeNull();
        var plan = FleetPlanner.Plan(Input(null) with { Tuner = tuner });

        plan.Objects.OfType<DaemonSet>().ShouldBeEmpty();
        plan.Tuning.Unrestored.ShouldBeEmpty();
    }

    [Fact]
    public void Plan_OtherSettings_RestartNoTuner()
    {
        var one = FleetPlanner.Plan(Input(Apply)).Objects.OfType<DaemonSet>().Single();
        var other = FleetPlanner.Plan(Input(new NodeTuningSpec { Profile = "None" })).Objects.OfType<DaemonSet>().Single();

        ResourcesJson.Serialize(other).ShouldBe(ResourcesJson.Serialize(one));
    }

    private static Dictionary<string, string>? Sysctls(FleetPlan plan) =>
        plan
            .Objects.OfType<Deployment>()
            .Single(deployment => deployment.Metadata.Name == plan.GatewayDeployment)
            .Spec!.Template!.Spec!.SecurityContext!.Sysctls?.ToDictionary(sysctl => sysctl.Name!, sysctl => sysctl.Value!);

    private static TuningReport Report(string hash, string kernel = "6.1.0-18-amd64", string node = "n1") =>
        new()
        {
            Hash = hash,
            Node = node,
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
