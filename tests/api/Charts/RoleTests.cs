using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;
using Mooring.Api.Tests.Reconciliation;
using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning;
using Mooring.Operator.Validation;

namespace Mooring.Api.Tests.Charts;

/// <summary>
/// The chart grants exactly what the operator uses. Everything that it can be asked to do is asked of it here, and the API server's own account is compared
/// with the rules: a rule that nothing uses fails the test as does a request that is refused.
/// </summary>
[Collection(InstallationCollection.Name)]
public sealed class RoleTests(EmptyCluster shared) : IClassFixture<EmptyCluster>
{
    private const string Own = "mooring-system";
    private const string Fleet = "quickstart";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly Helm _helm = new(shared.Cluster);
    private string _shop = "";

    private Kubectl Kubectl => shared.Cluster.Kubectl;

    [HelmFact]
    public async Task Rules_AreWhatTheOperatorUses()
    {
        var mark = shared.Cluster.Audit.Mark();
        await Kubectl.RunAsync("create", "namespace", Own);
        await using var nodes = new StandInKubelet(shared.Cluster, Own);
        await _helm.RunAsync("install", "mooring", Helm.Chart, "-n", Own, "--wait", "--timeout", "2m");
        await Kubectl.ApplyAsync(ServiceMonitorTests.Definition, Own);
        var rules = await RulesAsync();
        _shop = await shared.Cluster.CreateNamespaceAsync("shop");
        await using var shopNodes = new StandInKubelet(shared.Cluster, _shop);
        var role = await OperatorRole.OfReleaseAsync(shared.Cluster, Own, "mooring");
        var pod = (string)(await Kubectl.GetAsync("pods", "-n", Own))["items"]![0]!["metadata"]!["name"]!;
        string[] arguments = ["--pod-name", pod, "--stream-service", "mooring", "--metrics-api", $"127.0.0.1:{Ports.Free()}"];

        await using (var @operator = await OperatorProcess.StartAsync(shared.Cluster, role, arguments))
        {
            await BeginAsync();
            await DriftAsync();
            await ScaleAsync(@operator);
            await RollAsync();
            await SimplifyAsync(@operator);
        }

        await RenewAsync(role, arguments);

        var requests = (await shared.Cluster.Audit.SinceAsync(mark)).Where(request => request.User == role.User).ToList();
        requests.Where(request => request.Code == 403).ShouldBeEmpty();
        var used = requests.SelectMany(Uses).Distinct().ToList();
        used.Where(use => !rules.Exists(rule => rule.Covers(use))).ShouldBeEmpty("used, and granted by nothing that the chart says");
        rules
            // Be it elsewhere: some rights are the operator's for fleets and for itself.
            .Where(rule => !used.Exists((rule with { Namespace = null }).Covers))
            .ShouldBeEmpty("granted, and used by nothing here: take it out of charts/mooring/templates, or show its use in this test");

        await _helm.RunAsync("uninstall", "mooring", "-n", Own, "--no-hooks");
        await Kubectl.RunAsync("delete", "namespace", _shop, Own, "--timeout=180s");
        await Kubectl.RunAsync("delete", "crd", "connectionfleets.mooring.dev", "servicemonitors.monitoring.coreos.com", "--timeout=180s");
    }

    /// <summary>A fleet with everything that a fleet can have.</summary>
    private async Task BeginAsync()
    {
        await Kubectl.ApplyAsync(FleetFixture.Quickstart, _shop);
        var trial = await StrangerAsync();
        var mark = shared.Cluster.Audit.Mark();
        await PatchAsync(
            """
            {"observability":{"serviceMonitor":{}},
             "nodeTuning":{"mode":"Apply","allowUnsafePodSysctls":true,"sysctls":[{"name":"net.core.somaxconn","value":"4096"},{"name":"fs.nr_open","value":"3000000"}]},
             "scaling":{"driver":"HorizontalPodAutoscaler","minReplicas":2,"maxReplicas":5,"scaleUpCooldown":"0s","scaleDownCooldown":"0s"}}
            """
        );
        await shared.Cluster.Audit.SinceAsync(mark, request => request is { Verb: "get", Resource: "pods" } && request.Name == trial);
        (await Kubectl.GetAsync("pod", trial, "-n", _shop))["metadata"]!["labels"].ShouldBeNull("it is not the fleet's");
        await Kubectl.RunAsync("delete", "pod", trial, "-n", _shop, "--wait=false");
        await ReadyAsync();
        foreach (var kind in new[] { "daemonset", "hpa", "servicemonitor" })
        {
            await CountAsync(kind, 1);
        }

        await PatchAsync("""{"scaling":{"maxReplicas":6}}""");
        await UntilAsync(
            async () => (int?)(await Kubectl.GetAsync("hpa", "quickstart-gateway", "-n", _shop))["spec"]!["maxReplicas"] == 6,
            "the autoscaler is not lowered"
        );
    }

    /// <summary>Somebody's pod has the name that the trial of the unsafe settings is to have.</summary>
    private async Task<string> StrangerAsync()
    {
        var fleet = FleetManifest.Load(FleetFixture.Quickstart).Fleet!;
        fleet.Spec.NodeTuning = new NodeTuningSpec
        {
            Mode = "Apply",
            AllowUnsafePodSysctls = true,
            Sysctls =
            [
                new SysctlSpec { Name = "net.core.somaxconn", Value = "4096" },
                new SysctlSpec { Name = "fs.nr_open", Value = "3000000" },
            ],
        };
        var plan = FleetPlanner.Plan(
            new FleetInput { Fleet = FleetPresets.Fill(fleet), DefaultGatewayImage = OperatorProcess.GatewayImage }
        );
        var name = plan.Objects.OfType<Pod>().Single().Metadata.Name!;
        await Kubectl.ApplyAsync(
            $"{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{containers: [{{name: other, image: other}}]}}}}",
            _shop
        );
        return name;
    }

    /// <summary>Somebody changes each kind of object; twice, which makes a series of one event.</summary>
    private async Task DriftAsync()
    {
        (string Kind, string Name)[] children =
        [
            ("serviceaccount", "quickstart-gateway"),
            ("configmap", "quickstart-gateway"),
            ("service", "quickstart-gateway"),
            ("poddisruptionbudget", "quickstart-gateway"),
            ("networkpolicy", "quickstart-gateway"),
            ("daemonset", "quickstart-tuner"),
            ("hpa", "quickstart-gateway"),
            ("servicemonitor", "quickstart-metrics"),
            ("deployment", "quickstart-backend-echo"),
        ];
        foreach (var (kind, name) in children)
        {
            await LabelAsync(kind, name, "app.kubernetes.io/component=other");
            // Without this one it is out of sight: it is found when it is to be made again.
            await LabelAsync(kind, name, "app.kubernetes.io/managed-by-");
        }
    }

    /// <summary>Changes a label, and waits until it is as before.</summary>
    private async Task LabelAsync(string kind, string name, string change)
    {
        var label = change.TrimEnd('-').Split('=')[0];
        async Task<string?> ReadAsync() => (string?)(await Kubectl.GetAsync(kind, name, "-n", _shop))["metadata"]!["labels"]![label];
        var before = await ReadAsync();
        await Kubectl.RunAsync("label", kind, name, change, "--overwrite", "-n", _shop);
        await UntilAsync(async () => await ReadAsync() == before, $"{kind} {name} stays changed");
    }

    private async Task ScaleAsync(OperatorProcess @operator)
    {
        await PatchAsync("""{"scaling":{"driver":"Operator"}}""");
        await CountAsync("hpa", 0);
        await using (var load = await FakeLoad.StartAsync(Kubectl, _shop, @operator.StreamPort))
        {
            await UntilAsync(
                async () =>
                {
                    await load.ReportAsync(connections: 150, capacity: 100);
                    return (int?)(await Kubectl.GetAsync("fleet", Fleet, "-n", _shop))["spec"]!["gateway"]!["replicas"] > 2;
                },
                "the operator does not scale"
            );
        }

        await PatchAsync("""{"scaling":null,"gateway":{"replicas":2}}""");
        await ScaleByHandAsync(@operator);
        await UntilAsync(async () => (await GatewaysAsync()).Count == 1, "the gateways stay");
    }

    /// <summary>By the admin API, as somebody whom the cluster lets.</summary>
    private async Task ScaleByHandAsync(OperatorProcess @operator)
    {
        await Kubectl.ApplyAsync("{apiVersion: v1, kind: ServiceAccount, metadata: {name: admin}}", _shop);
        await Kubectl.RunAsync(
            "create",
            "rolebinding",
            "admin",
            "--clusterrole=cluster-admin",
            $"--serviceaccount={_shop}:admin",
            "-n",
            _shop
        );
        var token = (await Kubectl.RunAsync("create", "token", "admin", "-n", _shop)).Trim();
        var authority = (string)(await Kubectl.GetAsync("configmap", "quickstart-gateway", "-n", _shop))["data"]!["ca.crt"]!;
        using var http = AdminApiTests.Client(@operator.AdminPort, authority, token);
        using var body = new StringContent("""{"instances":1}""", System.Text.Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync(new Uri($"/api/v1/fleets/{_shop}/{Fleet}/scale-down", UriKind.Relative), body);
        answer.IsSuccessStatusCode.ShouldBeTrue(await answer.Content.ReadAsStringAsync());
    }

    /// <summary>Another template: an old Deployment is marked, drained and deleted.</summary>
    private async Task RollAsync()
    {
        var before = (await DeploymentsAsync()).ShouldHaveSingleItem();
        await PatchAsync("""{"gateway":{"template":{"annotations":{"note":"new"}}}}""");
        await UntilAsync(async () => await DeploymentsAsync() is [var now] && now != before, "the old Deployment stays");
    }

    /// <summary>What the fleet no longer wants goes; of the nodes once they are restored.</summary>
    private async Task SimplifyAsync(OperatorProcess @operator)
    {
        await PatchAsync("""{"observability":null,"gateway":{"networkPolicy":{"mode":"None"}}}""");
        foreach (var kind in new[] { "servicemonitor", "networkpolicy" })
        {
            await CountAsync(kind, 0);
        }

        await using var tuner = await TunerAsync(@operator);
        await PatchAsync("""{"nodeTuning":null}""");
        var off = (await tuner.ReceiveAsync<TuningMessage>(message => message.Mode == TuningMode.Off)).ShouldNotBeNull();
        await tuner.SendAsync(
            new TuningReport
            {
                Hash = off.Hash,
                Node = TestCluster.Node,
                Kernel = "6.1.0",
                Items = [],
            }
        );
        await CountAsync("daemonset", 0);
        await UntilAsync(
            async () => !(await Kubectl.TryAsync("get", "serviceaccount", "quickstart-tuner", "-n", _shop)).Succeeded,
            "the tuner's account stays"
        );
    }

    /// <summary>Another leader finds certificates that are no good any more, and takes the fleet away.</summary>
    private async Task RenewAsync(OperatorRole role, string[] arguments)
    {
        await Kubectl.RunAsync(
            "patch",
            "secret",
            "mooring-stream-tls",
            "-n",
            Own,
            "--type=merge",
            "-p",
            """{"data":{"tls.crt":"","tls.key":""}}"""
        );
        await using var next = await OperatorProcess.StartAsync(shared.Cluster, role, arguments);
        await UntilAsync(
            async () => (string?)(await Kubectl.GetAsync("secret", "mooring-stream-tls", "-n", Own))["data"]!["tls.crt"] is { Length: > 0 },
            "the certificate is not made anew"
        );
        await Kubectl.RunAsync("delete", "fleet", Fleet, "-n", _shop, "--timeout=180s");
    }

    private async Task<FakeGateway> TunerAsync(OperatorProcess @operator)
    {
        var name = "";
        // The new template is the tuner's too.
        await Kubectl.RunAsync("rollout", "status", "daemonset/quickstart-tuner", "-n", _shop, "--timeout=180s");
        await UntilAsync(
            async () =>
            {
                var pods = (await Kubectl.GetAsync("pods", "-n", _shop, "-l", "mooring.dev/role=tuner"))["items"]!.AsArray();
                name = (string?)pods.FirstOrDefault()?["metadata"]!["name"] ?? "";
                return pods is [var only] && only!["metadata"]!["deletionTimestamp"] is null;
            },
            "no tuner"
        );
        var token = await Kubectl.RunAsync(
            "create",
            "token",
            "quickstart-tuner",
            "-n",
            _shop,
            "--audience=mooring",
            "--bound-object-kind=Pod",
            $"--bound-object-name={name}"
        );
        var map = await Kubectl.GetAsync("configmap", "quickstart-gateway", "-n", _shop);
        return await FakeGateway.ConnectAsync(
            @operator.StreamPort,
            (string)map["data"]!["ca.crt"]!,
            token.Trim(),
            $"{_shop}/{Fleet}",
            name,
            StreamRole.Tuner
        );
    }

    /// <summary>What the ServiceAccount is granted, verb by verb, where and for which names.</summary>
    private async Task<List<Grant>> RulesAsync()
    {
        var granted = new List<Grant>();
        foreach (var kind in new[] { "clusterrolebindings", "rolebindings" })
        {
            foreach (
                var binding in (await Kubectl.GetAsync(kind, "-A", "-l", "app.kubernetes.io/name=mooring-operator"))["items"]!.AsArray()
            )
            {
                var reference = binding!["roleRef"]!;
                var isOurs = binding["subjects"]!.AsArray().Any(subject => (string?)subject!["name"] == "mooring");
                // The cluster's own role for all who extend its API: not the chart's to narrow.
                if (!isOurs || (string?)reference["name"] == "extension-apiserver-authentication-reader")
                {
                    continue;
                }

                var ns = (string?)binding["metadata"]!["namespace"];
                var role = await Kubectl.GetAsync((string)reference["kind"]!, (string)reference["name"]!, "-n", ns ?? "default");
                foreach (var rule in role["rules"]!.AsArray())
                {
                    List<string> names = rule!["resourceNames"] is { } some ? [.. Texts(some)] : [];
                    granted.AddRange(
                        from @group in Texts(rule["apiGroups"])
                        from resource in Texts(rule["resources"])
                        from verb in Texts(rule["verbs"])
                        select new Grant(ns, $"{@group}/{resource}", verb, names)
                    );
                }
            }
        }

        granted.ShouldNotBeEmpty();
        return granted;
    }

    /// <summary>An apply that makes an object asks for two rights.</summary>
    private static IEnumerable<Use> Uses(AuditedRequest request)
    {
        var resource = $"{request.Group}/{request.Resource}" + (request.Subresource.Length > 0 ? $"/{request.Subresource}" : "");
        yield return new Use(request.Namespace, resource, request.Verb, request.Name);
        if (request is { Verb: "patch", Code: 201 })
        {
            yield return new Use(request.Namespace, resource, "create", request.Name);
        }
    }

    /// <param name="Namespace">Empty: the whole cluster.</param>
    /// <param name="Resource">With its group and subresource.</param>
    /// <param name="Verb">As the API server calls it.</param>
    /// <param name="Name">Empty: none.</param>
    private sealed record Use(string Namespace, string Resource, string Verb, string Name);

    /// <param name="Namespace">Null: everywhere.</param>
    /// <param name="Resource">With its group and subresource.</param>
    /// <param name="Verb">As the API server calls it.</param>
    /// <param name="Names">Empty: all.</param>
    private sealed record Grant(string? Namespace, string Resource, string Verb, IReadOnlyList<string> Names)
    {
        public bool Covers(Use use) =>
            (Namespace is null || Namespace == use.Namespace)
            && Resource == use.Resource
            && Verb == use.Verb
            && (Names.Count == 0 || Names.Contains(use.Name));

        public override string ToString() => $"{Namespace ?? "everywhere"}: {Resource} {Verb} {string.Join('|', Names)}";
    }

    private static IEnumerable<string> Texts(JsonNode? list) => list!.AsArray().Select(text => (string)text!);

    private Task PatchAsync(string spec) =>
        Kubectl.RunAsync("patch", "fleet", Fleet, "-n", _shop, "--type=merge", "-p", $$"""{"spec":{{spec}}}""");

    private Task ReadyAsync() => Kubectl.RunAsync("wait", "--for=condition=Ready", $"fleet/{Fleet}", "--timeout=180s", "-n", _shop);

    private Task CountAsync(string kind, int count) =>
        UntilAsync(
            async () =>
                (await Kubectl.GetAsync(kind, "-n", _shop, "-l", "app.kubernetes.io/managed-by=mooring"))["items"]!.AsArray().Count
                == count,
            $"not {count} {kind}"
        );

    private async Task<List<string>> DeploymentsAsync() => await NamesAsync("deployments");

    private async Task<List<string>> GatewaysAsync() => await NamesAsync("pods");

    private async Task<List<string>> NamesAsync(string kind) =>
        [
            .. (await Kubectl.GetAsync(kind, "-n", _shop, "-l", "mooring.dev/role=gateway"))["items"]!
                .AsArray()
                .Select(one => (string)one!["metadata"]!["name"]!),
        ];

    private static Task UntilAsync(Func<Task<bool>> holds, string otherwise) => Eventually.HoldsAsync(holds, Patience, otherwise);
}
