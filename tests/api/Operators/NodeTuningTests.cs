using Mooring.Api.Tests.Cluster;
using Mooring.Contracts.Stream;

namespace Mooring.Api.Tests.Operators;

/// <summary>What a fleet wants of the kernel, on a real API server with its DaemonSet controller; the node's end of the stream is the test's.</summary>
[Collection(ClusterCollection.Name)]
public sealed class NodeTuningTests(SharedCluster shared)
{
    private const string Apply = """{"spec":{"nodeTuning":{"mode":"Apply","sysctls":[{"name":"fs.nr_open","value":"3000000"}]}}}""";

    [ClusterFact]
    public async Task Apply_TunerIsToldAndItsReportIsTheStatus_AndTakenAwayTheNodesAreRestoredFirst()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        await PatchAsync(fleet, Apply);
        await using var tuner = await DialAsync(fleet, await TunerPodAsync(fleet), "quickstart-tuner");
        var wanted = (await tuner.ReceiveAsync<TuningMessage>()).ShouldNotBeNull();
        (wanted.Mode, wanted.Sysctls["fs.nr_open"]).ShouldBe((TuningMode.Apply, "3000000"));

        await tuner.SendAsync(
            Report(
                wanted.Hash,
                new TuningItem
                {
                    Name = "fs.nr_open",
                    State = TuningState.Conflict,
                    Wanted = "3000000",
                    Actual = "1",
                    Reason = "a file",
                }
            )
        );
        await StatusAsync(
            fleet,
            status => (string?)status["tuning"]?["summary"] == "0/1" && Condition(status) == ("False", "SettingsDiffer")
        );
        await tuner.SendAsync(Report(wanted.Hash, new TuningItem { Name = "fs.nr_open", State = TuningState.Tuned }));
        // What the kubelet calls unsafe is not allowed here, and that stays a problem of the pods.
        await StatusAsync(fleet, status => (string?)status["tuning"]?["summary"] == "1/1" && (int?)status["tuning"]?["problemCount"] == 4);
        (await fleet.Kubectl.RunAsync("get", "fleet", "quickstart", "-n", fleet.Namespace)).ShouldContain("1/1");

        await PatchAsync(fleet, """{"spec":{"nodeTuning":null}}""");
        var off = (await tuner.ReceiveAsync<TuningMessage>()).ShouldNotBeNull();
        off.Mode.ShouldBe(TuningMode.Off);
        (await fleet.ListAsync("daemonsets")).Count.ShouldBe(1, "the node has not been restored yet");
        await tuner.SendAsync(Report(off.Hash));
        await Eventually.HoldsAsync(
            async () => (await fleet.ListAsync("daemonsets")).Count == 0,
            TimeSpan.FromMinutes(3),
            "the tuner stays"
        );
    }

    [ClusterFact]
    public async Task Delete_Fleet_TheNodesAreRestoredFirst()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        await PatchAsync(fleet, Apply);
        await using var tuner = await DialAsync(fleet, await TunerPodAsync(fleet), "quickstart-tuner");
        await tuner.ReceiveAsync<TuningMessage>();

        await fleet.Kubectl.RunAsync("delete", "fleet", "quickstart", "-n", fleet.Namespace, "--wait=false");

        var off = (await tuner.ReceiveAsync<TuningMessage>()).ShouldNotBeNull();
        off.Mode.ShouldBe(TuningMode.Off);
        (await fleet.Kubectl.TryAsync("get", "fleet", "quickstart", "-n", fleet.Namespace)).Succeeded.ShouldBeTrue();
        await tuner.SendAsync(Report(off.Hash));
        await fleet.Kubectl.RunAsync("wait", "--for=delete", "fleet/quickstart", "-n", fleet.Namespace, "--timeout=180s");
    }

    [ClusterFact]
    public async Task Trial_ThatIsLost_RollsNothing_AndAnotherTemplateIsAnotherTrial()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        await PatchAsync(
            fleet,
            """
            {"spec":{"nodeTuning":{"mode":"Apply","profile":"None","allowUnsafePodSysctls":true,"sysctls":[{"name":"net.core.somaxconn","value":"4096"}]},
             "gateway":{"template":{"tolerations":[{"key":"edge","operator":"Exists","effect":"NoSchedule"}]}}}}
            """
        );
        await GatewaysAsync(fleet, static pod => Somaxconn(pod) == "4096");
        var trial = await TrialAsync(fleet, static _ => true);
        var (name, uid) = ((string)trial["metadata"]!["name"]!, (string)trial["metadata"]!["uid"]!);
        var deployment = (string)(await GatewaysAsync(fleet, static _ => true))["metadata"]!["uid"]!;

        var mark = shared.Cluster.Audit.Mark();
        await fleet.Kubectl.RunAsync("delete", "pod", name, "-n", fleet.Namespace, "--wait=false");
        await TrialAsync(fleet, pod => (string)pod["metadata"]!["name"]! == name && (string)pod["metadata"]!["uid"]! != uid);
        ((string)(await GatewaysAsync(fleet, static _ => true))["metadata"]!["uid"]!).ShouldBe(deployment);
        (await shared.Cluster.Audit.SinceAsync(mark))
            .Where(request => request.User == fleet.Operator.User && request is { IsWrite: true, Resource: "deployments" })
            .ShouldBeEmpty();

        await PatchAsync(fleet, """{"spec":{"gateway":{"template":{"nodeSelector":{"kubernetes.io/os":"linux"}}}}}""");
        await TrialAsync(
            fleet,
            pod => (string)pod["metadata"]!["name"]! != name && pod["spec"]!["nodeSelector"]?["kubernetes.io/os"] is not null
        );
        await GatewaysAsync(fleet, static pod => Somaxconn(pod) == "4096" && pod["nodeSelector"]?["kubernetes.io/os"] is not null);
        await StatusAsync(
            fleet,
            static status =>
                status["conditions"]!.AsArray().Any(static one => (string?)one!["type"] == "Ready" && (string?)one["status"] == "True")
        );

        static string? Somaxconn(System.Text.Json.Nodes.JsonNode pod) =>
            (string?)
                pod["securityContext"]
                    ?["sysctls"]?.AsArray()
                    .FirstOrDefault(static one => (string?)one!["name"] == "net.core.somaxconn")
                    ?["value"];
    }

    [ClusterFact]
    public async Task Connect_AsTunerWithAGatewaysToken_IsRefused()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        var pods = await fleet.Kubectl.GetAsync("pods", "-n", fleet.Namespace, "-l", "mooring.dev/role=gateway");
        var pod = (string)pods["items"]![0]!["metadata"]!["name"]!;

        await using var tuner = await DialAsync(fleet, pod, "quickstart-gateway");

        (await tuner.ReceiveAsync<TuningMessage>()).ShouldBeNull();
        tuner.CloseReason!.ShouldContain("the token is of another ServiceAccount");
    }

    private static TuningReport Report(string hash, params IReadOnlyList<TuningItem> items) =>
        new()
        {
            Hash = hash,
            Node = TestCluster.Node,
            Kernel = "6.1.0",
            Items = items,
        };

    private static (string?, string?) Condition(System.Text.Json.Nodes.JsonNode status)
    {
        var condition = status["conditions"]!.AsArray().FirstOrDefault(one => (string?)one!["type"] == "NodesTuned");
        return ((string?)condition?["status"], (string?)condition?["reason"]);
    }

    private static Task PatchAsync(FleetFixture fleet, string patch) =>
        fleet.Kubectl.RunAsync("patch", "fleet", "quickstart", "-n", fleet.Namespace, "--type=merge", "-p", patch);

    private static async Task<string> TunerPodAsync(FleetFixture fleet)
    {
        var pod = "";
        await Eventually.HoldsAsync(
            async () =>
            {
                var pods = (await fleet.Kubectl.GetAsync("pods", "-n", fleet.Namespace, "-l", "mooring.dev/role=tuner"))[
                    "items"
                ]!.AsArray();
                var sets = await fleet.ListAsync("daemonsets");
                pod = (string?)pods.FirstOrDefault()?["metadata"]!["name"] ?? "";
                return sets is [var set] && (int?)set["status"]?["numberReady"] == 1 && pod.Length > 0
                    ? null
                    : $"{pods.ToJsonString()}\n{string.Join(',', sets.Select(one => one.ToJsonString()))}\n{fleet.Operator.Log}";
            },
            TimeSpan.FromMinutes(3)
        );
        return pod;
    }

    private static async Task<FakeGateway> DialAsync(FleetFixture fleet, string pod, string account)
    {
        var token = await fleet.Kubectl.RunAsync(
            "create",
            "token",
            account,
            "-n",
            fleet.Namespace,
            "--audience=mooring",
            "--bound-object-kind=Pod",
            $"--bound-object-name={pod}"
        );
        var map = await fleet.Kubectl.GetAsync("configmap", "quickstart-gateway", "-n", fleet.Namespace);
        return await FakeGateway.ConnectAsync(
            fleet.Operator.StreamPort,
            (string)map["data"]!["ca.crt"]!,
            token.Trim(),
            $"{fleet.Namespace}/quickstart",
            pod,
            StreamRole.Tuner
        );
    }

    /// <summary>Waits for the only trial to run and be as wanted.</summary>
    private static async Task<System.Text.Json.Nodes.JsonNode> TrialAsync(
        FleetFixture fleet,
        Func<System.Text.Json.Nodes.JsonNode, bool> holds
    )
    {
        System.Text.Json.Nodes.JsonNode? trial = null;
        await Eventually.HoldsAsync(
            async () =>
            {
                var pods = (await fleet.Kubectl.GetAsync("pods", "-n", fleet.Namespace))["items"]!
                    .AsArray()
                    .Where(static pod => (string?)pod!["spec"]!["containers"]![0]!["name"] == "trial")
                    .ToList();
                trial = pods is [{ } one] && (string?)one["status"]!["phase"] == "Running" && holds(one) ? one : null;
                return trial is null ? $"{string.Join('\n', pods.Select(static pod => pod!.ToJsonString()))}\n{fleet.Operator.Log}" : null;
            },
            TimeSpan.FromMinutes(3)
        );
        return trial!;
    }

    /// <summary>Waits for the gateways' Deployment to be one whose pods are as wanted.</summary>
    private static async Task<System.Text.Json.Nodes.JsonNode> GatewaysAsync(
        FleetFixture fleet,
        Func<System.Text.Json.Nodes.JsonNode, bool> holds
    )
    {
        System.Text.Json.Nodes.JsonNode? gateways = null;
        await Eventually.HoldsAsync(
            async () =>
            {
                var sets = (await fleet.ListAsync("deployments"))
                    .Where(static set => (string?)set["metadata"]!["labels"]!["mooring.dev/role"] == "gateway")
                    .ToList();
                gateways = sets is [{ } one] && holds(one["spec"]!["template"]!["spec"]!) ? one : null;
                return gateways is null
                    ? $"{string.Join('\n', sets.Select(static set => set.ToJsonString()))}\n{fleet.Operator.Log}"
                    : null;
            },
            TimeSpan.FromMinutes(3)
        );
        return gateways!;
    }

    private static Task StatusAsync(FleetFixture fleet, Func<System.Text.Json.Nodes.JsonNode, bool> holds) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var status = (await fleet.FleetAsync("quickstart"))["status"]!;
                return holds(status) ? null : status.ToJsonString();
            },
            TimeSpan.FromMinutes(3)
        );
}
