using Mooring.Testing.ApiDouble;

namespace Mooring.Operator.Tests.Faults;

/// <summary>The rollout of a fleet of two gateways that the tests of dying and doubled operators have in common.</summary>
internal static class RolloutOnDouble
{
    public const int Gateways = 2;

    /// <summary>A rollout of two is some fifteen writes with its statuses; a loop would be hundreds.</summary>
    public const int MostWrites = 60;

    public const string Before = "gateway:one";
    public const string After = "gateway:two";

    public const string Manifest = """
        apiVersion: mooring.dev/v1alpha1
        kind: ConnectionFleet
        metadata: {name: small, namespace: shop}
        spec:
          gateway: {replicas: 2, image: "gateway:one", drain: {lameDuck: 50ms, deadline: 60s}}
          listeners:
          - {name: edge, protocol: TCP, port: 9000, backend: far}
          backends:
          - {name: far, addresses: [{address: "192.0.2.1:80"}]}
        """;

    /// <summary>Has the rollout begin, as a user would.</summary>
    public static void Begin(KubernetesApiDouble api) =>
        api.Edit(OperatorOnDouble.FleetPath, static fleet => fleet["spec"]!["gateway"]!["image"] = After);

    /// <summary>A write that counts; events are only told.</summary>
    public static bool IsWrite(RecordedRequest request) => request.IsWrite && !request.Path.Contains("/events", StringComparison.Ordinal);

    /// <summary>The revision that the status speaks of.</summary>
    public static string? Revision(KubernetesApiDouble api) =>
        (string?)api.Find(OperatorOnDouble.FleetPath)!["status"]?["rollout"]?["revision"];

    /// <summary>The fleet is as wanted with that image, and the status says so.</summary>
    public static bool IsDone(KubernetesApiDouble api, StandInPods pods, string image) =>
        pods.Groups is [var only]
        && (string?)only["spec"]!["template"]!["spec"]!["containers"]![0]!["image"] == image
        && pods.Gateways.Count == Gateways
        && api.Find(OperatorOnDouble.FleetPath) is { } fleet
        && fleet["status"] is { } status
        && (long?)status["observedGeneration"] == (long?)fleet["metadata"]!["generation"]
        && (string?)status["rollout"]?["phase"] == "Complete"
        && (int?)status["gateways"]?["ready"] == Gateways;

    /// <summary>What a rollout has no business with, each with its uid.</summary>
    public static List<string> Kept(KubernetesApiDouble api) =>
        [.. OperatorOnDouble.Children(api).Where(static child => !child.StartsWith("deployments", StringComparison.Ordinal))];

    /// <summary>Nothing may be deleted but the Deployment of the old revision.</summary>
    public static void NothingElseWasDeleted(KubernetesApiDouble api, string at) =>
        api
            .Requests.Where(static request => request.Method == "DELETE")
            .ShouldAllBe(static request => request.Path.Contains("/deployments/small-gateway", StringComparison.Ordinal), at);

    /// <summary>Every write, for whoever has to find out what went wrong.</summary>
    public static string Writes(KubernetesApiDouble api) =>
        string.Join(
            '\n',
            api.Requests.Where(IsWrite).Select(static one => $"{one.Headers.GetValueOrDefault("User-Agent")} {one.Method} {one.Path}")
        );
}
