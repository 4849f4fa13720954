using System.Text.Json.Nodes;

namespace Mooring.EndToEnd;

/// <summary>The tuner as a pod of a real node: what it reports, writes and puts back.</summary>
/// <remarks>It raises one setting of the node by one, which changes nothing that anybody could notice, and puts it back.</remarks>
public sealed class NodeTuningTests
{
    private const string Key = "net.core.netdev_max_backlog";
    private const int Unheard = 1_000_000_000;

    [ClusterFact]
    public async Task Node_ObservedTunedAndRestored()
    {
        await using var ns = await TestNamespace.CreateAsync("tune");
        await ns.ApplyAsync(Manifest("Observe", (Key, $"{Unheard}")));

        // Observed: what the node has is in the status.
        await ns.UntilAsync("tuned", static status => Actual(status) > 0, "the node's value is reported");
        var original = Actual(await ns.StatusAsync("tuned"));

        await ns.ApplyAsync(Manifest("Apply", (Key, $"{original + 1}")));
        await ns.UntilAsync("tuned", static status => IsTuned(status, "1/1"), "the node is tuned");

        // A value that the kernel refuses is a reported problem of that key, and the tuner lives on.
        await ns.ApplyAsync(Manifest("Apply", (Key, $"{original + 1}"), ("net.core.default_qdisc", "nosuchqdisc")));
        await ns.UntilAsync(
            "tuned",
            static status =>
                IsTuned(status, "0/1")
                && status["tuning"]!["problems"]!.AsArray().Any(static one => (string?)one!["name"] == "net.core.default_qdisc"),
            "what the kernel refuses is reported"
        );
        (
            await ns.KubectlAsync(
                "get",
                "pods",
                "-l",
                "mooring.dev/role=tuner",
                "-o",
                "jsonpath={range .items[*]}{.status.phase} {.status.containerStatuses[0].restartCount};{end}"
            )
        ).ShouldBe("Running 0;");

        // Not wanted any more: put back, and then the tuner goes.
        await ns.PatchAsync("tuned", """{"spec":{"nodeTuning":null}}""");
        await Until.TrueAsync(
            async () => (await ns.PodsAsync("mooring.dev/role=tuner")).Count == 0,
            TestNamespace.Patience,
            "the tuner has gone"
        );
        await ns.ApplyAsync(Manifest("Observe", (Key, $"{Unheard}")));
        await ns.UntilAsync("tuned", static status => Actual(status) > 0, "the node's value is reported again");
        Actual(await ns.StatusAsync("tuned")).ShouldBe(original);
    }

    private static bool IsTuned(JsonNode status, string summary) => (string?)status["tuning"]?["summary"] == summary;

    private static int Actual(JsonNode status) =>
        int.TryParse(
            (string?)
                status["tuning"]
                    ?["problems"]?.AsArray()
                    .FirstOrDefault(static one =>
                        (string?)one!["name"] == Key
                        && (string?)one["wanted"] == $"{Unheard}"
                        && !string.IsNullOrEmpty((string?)one["node"])
                    )
                    ?["actual"],
            out var value
        )
            ? value
            : 0;

    private static string Manifest(string mode, params (string Name, string Value)[] settings) =>
        $$"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: tuned}
            spec:
              gateway: {replicas: 1}
              nodeTuning:
                mode: {{mode}}
                profile: None
                sysctls: [{{string.Join(", ", settings.Select(static one => $"{{name: {one.Name}, value: \"{one.Value}\"}}"))}}]
              listeners:
              - {name: edge, protocol: TCP, port: 9000, backend: far}
              backends:
              - {name: far, addresses: [{address: "192.0.2.1:80"}]}
            """;
}
