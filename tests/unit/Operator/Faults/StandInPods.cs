using System.Text.Json.Nodes;
using Mooring.Operator.Planning;
using Mooring.Operator.Scaling;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;

namespace Mooring.Operator.Tests.Faults;

/// <summary>Plays the Deployment controller and the kubelet for the gateways on the API double, and takes note of what an operator must never do to them.</summary>
/// <remarks>Pods are removed in Kubernetes' own order: those not ready first, then by the deletion cost. For one caller.</remarks>
internal sealed class StandInPods(KubernetesApiDouble api, int wanted)
{
    private const string Pods = "/api/v1/namespaces/shop/pods";
    private const string Deployments = "/apis/apps/v1/namespaces/shop/deployments";
    private readonly Dictionary<string, (string Cordoned, string? Started)> _marks = new(StringComparer.Ordinal);
    private bool _wereReady;

    /// <summary>Pods made so far.</summary>
    public int Made { get; private set; }

    /// <summary>What was done that must not be.</summary>
    public List<string> Faults { get; } = [];

    public IReadOnlyList<JsonObject> Gateways =>
        [.. api.List(Pods).Where(static pod => Label(pod, ResourceLabels.Role) is ResourceLabels.GatewayRole)];

    public IReadOnlyList<JsonObject> Groups =>
        [.. api.List(Deployments).Where(static one => Label(one, ResourceLabels.Role) is ResourceLabels.GatewayRole)];

    /// <summary>Looks after the pods until a condition holds.</summary>
    public Task UntilAsync(Func<bool> holds, string what) =>
        Until.TrueAsync(
            () =>
            {
                Step();
                return holds();
            },
            OperatorOnDouble.Patience,
            what
        );

    /// <summary>One look at everything.</summary>
    public void Step()
    {
        Watch();
        var groups = Groups;
        foreach (var orphan in Gateways.Where(pod => !groups.Any(group => Revision(group) == Revision(pod))))
        {
            Faults.Add($"the Deployment of {Name(orphan)} was deleted under it");
            api.Remove($"{Pods}/{Name(orphan)}");
        }

        foreach (var group in groups)
        {
            Keep(group);
        }
    }

    private void Keep(JsonObject group)
    {
        var pods = Gateways.Where(pod => Revision(pod) == Revision(group)).ToList();
        foreach (var pod in pods.Where(static pod => IsReady(pod) == (Mark(pod, DrainAnnotations.CordonedAt) is not null)))
        {
            api.Edit(
                $"{Pods}/{Name(pod)}/status",
                static pod => pod["status"] = Status(ready: Mark(pod, DrainAnnotations.CordonedAt) is null)
            );
        }

        var replicas = (int?)group["spec"]!["replicas"] ?? 1;
        for (var count = pods.Count; count < replicas; count++)
        {
            Make(group);
        }

        foreach (
            var victim in pods.OrderBy(IsReady)
                .ThenBy(static pod => long.Parse(Mark(pod, DrainAnnotations.DeletionCost) ?? "0", null))
                .Take(Math.Max(0, pods.Count - replicas))
        )
        {
            if (Mark(victim, DrainAnnotations.DeletionCost) is null)
            {
                Faults.Add($"{Name(victim)} was removed before it was drained");
            }

            api.Remove($"{Pods}/{Name(victim)}");
        }

        // As the controller has it: a pod counts once it is ready, and not before.
        var now = Gateways.Where(pod => Revision(pod) == Revision(group)).ToList();
        var status = new JsonObject
        {
            ["observedGeneration"] = (long?)group["metadata"]!["generation"],
            ["replicas"] = now.Count,
            ["readyReplicas"] = now.Count(IsReady),
            ["availableReplicas"] = now.Count(IsReady),
        };
        if (!JsonNode.DeepEquals(group["status"], status))
        {
            api.Edit($"{Deployments}/{Name(group)}/status", deployment => deployment["status"] = status);
        }
    }

    private void Make(JsonObject group)
    {
        Made++;
        api.Put(
            Pods,
            new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Pod",
                ["metadata"] = new JsonObject
                {
                    ["name"] = $"{Name(group)}-{Made}",
                    ["namespace"] = "shop",
                    ["labels"] = group["spec"]!["template"]!["metadata"]!["labels"]!.DeepClone(),
                },
                ["spec"] = new JsonObject { ["nodeName"] = "node" },
            }
        );
    }

    /// <summary>As many serve as are wanted, and no drain begins a second time.</summary>
    private void Watch()
    {
        var serving = Gateways.Count(static pod => IsReady(pod) && Mark(pod, DrainAnnotations.CordonedAt) is null);
        _wereReady |= serving >= wanted;
        if (_wereReady && serving < wanted)
        {
            Faults.Add($"{serving} of {wanted} serve");
        }

        foreach (var pod in Gateways)
        {
            if (Mark(pod, DrainAnnotations.CordonedAt) is not { } cordoned)
            {
                continue;
            }

            var (before, now) = (_marks.GetValueOrDefault(Name(pod)), (cordoned, Mark(pod, DrainAnnotations.StartedAt)));
            if (
                before.Cordoned is not null
                && (before.Cordoned != now.cordoned || (before.Started is not null && before.Started != now.Item2))
            )
            {
                Faults.Add($"the drain of {Name(pod)} began anew");
            }

            _marks[Name(pod)] = now;
        }
    }

    private static JsonObject Status(bool ready) =>
        new()
        {
            ["phase"] = "Running",
            ["conditions"] = new JsonArray(new JsonObject { ["type"] = "Ready", ["status"] = ready ? "True" : "False" }),
        };

    private static string Name(JsonObject value) => (string)value["metadata"]!["name"]!;

    private static string? Revision(JsonObject value) => Label(value, ResourceLabels.Revision);

    private static string? Label(JsonObject value, string name) => (string?)value["metadata"]!["labels"]?[name];

    private static string? Mark(JsonObject pod, string name) => (string?)pod["metadata"]!["annotations"]?[name];

    private static bool IsReady(JsonObject pod) => (string?)pod["status"]?["conditions"]?[0]?["status"] == "True";
}
