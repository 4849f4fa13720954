using System.Text.Json.Nodes;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;
using static Mooring.Operator.Tests.Faults.OperatorOnDouble;

namespace Mooring.Operator.Tests.Faults;

/// <summary>One kind of request that fails for long, as behind a webhook that is down: it is said, and keeps nothing else from being written.</summary>
public sealed class LastingFaultTests : IAsyncLifetime
{
    private KubernetesApiDouble _api = null!;

    public async Task InitializeAsync() => _api = await KubernetesApiDouble.StartAsync();

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Theory]
    [InlineData(429)]
    [InlineData(500)]
    public async Task Marks_AreSaid_TheRestOfThePlanIsWritten_AndTheRolloutGoesOnWhenItIsOver(int code)
    {
        PutFleet(_api, RolloutOnDouble.Manifest);
        var pods = new StandInPods(_api, RolloutOnDouble.Gateways);
        await using var @operator = Start(_api);
        await pods.UntilAsync(() => RolloutOnDouble.IsDone(_api, pods, RolloutOnDouble.Before), "the fleet as it was");
        Fail(code, static request => request.IsWrite && request.Path.Contains("/pods/", StringComparison.Ordinal));
        RolloutOnDouble.Begin(_api);

        await pods.UntilAsync(() => IsSaid("Pod small-gateway"), "the condition that says so");
        _api.Edit(FleetPath, static fleet => fleet["spec"]!["listeners"]!.AsArray().Add(Listener("second", 9001)));
        await pods.UntilAsync(
            () => _api.Find("/api/v1/namespaces/shop/services/small-gateway")!["spec"]!["ports"]!.AsArray().Count == 2,
            "the Service has the new port"
        );

        _api.ClearFaults();

        await pods.UntilAsync(() => RolloutOnDouble.IsDone(_api, pods, RolloutOnDouble.After), "the rollout");
        await pods.UntilAsync(() => Condition(_api, "Degraded") is { Status: "False" }, "the condition gone");
        pods.Faults.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(500)]
    [InlineData(403)]
    public async Task FreshLook_IsSaid_NothingIsLowered_AndTheRolloutGoesOnWhenItIsOver(int code)
    {
        PutFleet(_api, RolloutOnDouble.Manifest);
        var pods = new StandInPods(_api, RolloutOnDouble.Gateways);
        await using var @operator = Start(_api);
        await pods.UntilAsync(() => RolloutOnDouble.IsDone(_api, pods, RolloutOnDouble.Before), "the fleet as it was");
        var before = pods.Groups[0];
        Fail(code, static request => request is { IsWrite: false, Path: "/api/v1/namespaces/shop/pods" });
        RolloutOnDouble.Begin(_api);

        await pods.UntilAsync(() => IsSaid("Deployments and pods"), "the condition that says so");
        ((int?)_api.Find($"/apis/apps/v1/namespaces/shop/deployments/{before["metadata"]!["name"]}")!["spec"]!["replicas"]).ShouldBe(
            RolloutOnDouble.Gateways
        );

        _api.ClearFaults();

        await pods.UntilAsync(() => RolloutOnDouble.IsDone(_api, pods, RolloutOnDouble.After), "the rollout");
        pods.Faults.ShouldBeEmpty();
    }

    [Fact]
    public async Task Scale_IsSaid_AndIsSetWhenItIsOver()
    {
        Fail(500, static request => request.IsWrite && request.Path.EndsWith("/scale", StringComparison.Ordinal));
        PutFleet(_api);
        _api.Edit(
            FleetPath,
            static fleet =>
                fleet["spec"]!["scaling"] = new JsonObject
                {
                    ["driver"] = "Operator",
                    ["minReplicas"] = 4,
                    ["maxReplicas"] = 8,
                }
        );
        await using var @operator = Start(_api);

        await Until.TrueAsync(() => IsSaid("scale"), Patience, "the condition that says so");

        _api.ClearFaults();

        // The double keeps the number of any kind at the same place.
        await Until.TrueAsync(() => (int?)_api.Find(FleetPath)!["spec"]!["replicas"] == 4, Patience, "the number");
    }

    private bool IsSaid(string about) =>
        Condition(_api) is { Status: "False", Reason: "ApplyFailed", Message: var text }
        && text.Contains(about, StringComparison.Ordinal)
        && text.Contains("a fault on order", StringComparison.Ordinal);

    private void Fail(int code, Func<RecordedRequest, bool> match) =>
        _api.AddFault(
            new Fault
            {
                Match = match,
                Times = int.MaxValue,
                Status = code,
                Reason = "OnOrder",
            }
        );

    private static JsonObject Listener(string name, int port) =>
        new()
        {
            ["name"] = name,
            ["protocol"] = "TCP",
            ["port"] = port,
            ["backend"] = "far",
        };
}
