using System.Text.Json.Nodes;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;
using static Mooring.Operator.Tests.Faults.OperatorOnDouble;

namespace Mooring.Operator.Tests.Faults;

/// <summary>A role that lacks a right: it is said which, everything else goes on, and a right that is granted is taken up by itself.</summary>
public sealed class ForbiddenTests : IAsyncLifetime
{
    private KubernetesApiDouble _api = null!;

    public async Task InitializeAsync() => _api = await KubernetesApiDouble.StartAsync();

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Theory]
    [InlineData("serviceaccounts")]
    [InlineData("configmaps")]
    [InlineData("services")]
    [InlineData("poddisruptionbudgets")]
    [InlineData("deployments")]
    public async Task Write_OfOneKind_IsSaid_AndTheOthersAreMade(string plural)
    {
        PutFleet(_api);
        Forbid(
            request => request.IsWrite && request.Path.Contains($"/{plural}/", StringComparison.Ordinal),
            $"cannot patch resource {plural}"
        );
        await using var @operator = Start(_api);
        await SaidAsync("Ready", "ApplyFailed", $"cannot patch resource {plural}");
        Children(_api).ShouldNotContain(child => child.StartsWith(plural + " ", StringComparison.Ordinal));
        Children(_api).Count.ShouldBe(plural is "services" or "deployments" ? 5 : 6);

        _api.ClearFaults();

        await ConvergedAsync(_api);
    }

    [Theory]
    [InlineData("services")]
    [InlineData("deployments")]
    [InlineData("horizontalpodautoscalers")]
    [InlineData("pods")]
    public async Task List_OfOneKind_FromTheStart_IsSaid_AndNothingIsTouched(string plural)
    {
        PutFleet(_api);
        Forbid(
            request => !request.IsWrite && request.Path.EndsWith("/" + plural, StringComparison.Ordinal),
            $"cannot list resource {plural}"
        );
        await using var @operator = Start(_api);
        await SaidAsync("Ready", "Forbidden", $"cannot list resource {plural}", "Unknown");
        Children(_api).ShouldBeEmpty();

        _api.ClearFaults();

        await ConvergedAsync(_api);
    }

    [Theory]
    [InlineData("deployments")]
    [InlineData("pods")]
    [InlineData("endpointslices")]
    public async Task List_RightTakenAwayLater_IsSaid_AndWhatIsThereStays(string plural)
    {
        PutFleet(_api);
        await using var @operator = Start(_api);
        await ConvergedAsync(_api);
        var made = Children(_api);
        Forbid(
            request => !request.IsWrite && request.Path.EndsWith("/" + plural, StringComparison.Ordinal),
            $"cannot watch resource {plural}"
        );
        _api.Compact();
        _api.BreakWatches();

        await SaidAsync("Degraded", "Forbidden", $"cannot watch resource {plural}", "True");
        Children(_api).ShouldBe(made);

        _api.ClearFaults();

        await Until.TrueAsync(() => Condition(_api, "Degraded") is { Status: "False" }, Patience, "the condition gone");
    }

    [Fact]
    public async Task Finalizer_ThatMayNotBeSet_IsAnEvent_AndNothingIsMadeWithoutIt()
    {
        PutFleet(_api);
        Forbid(static request => request.IsWrite && request.Path == FleetPath, "cannot patch resource connectionfleets");
        await using var @operator = Start(_api);

        await Until.TrueAsync(
            () =>
                Events()
                    .Any(static one =>
                        (string?)one["reason"] == "Forbidden"
                        && ((string?)one["note"])!.Contains("cannot patch resource connectionfleets", StringComparison.Ordinal)
                        && (string?)one["regarding"]!["name"] == "small"
                    ),
            Patience,
            "the event"
        );
        Children(_api).ShouldBeEmpty();

        _api.ClearFaults();

        await ConvergedAsync(_api);
    }

    [Fact]
    public async Task Status_ThatMayNotBeWritten_IsAnEvent_AndTheFleetIsMade()
    {
        PutFleet(_api);
        Forbid(
            static request => request.Path.EndsWith("/status", StringComparison.Ordinal),
            "cannot patch resource connectionfleets/status"
        );
        await using var @operator = Start(_api);

        await Until.TrueAsync(
            () =>
                Children(_api).Count == 7
                && Events().Any(static one => ((string?)one["note"])!.Contains("connectionfleets/status", StringComparison.Ordinal)),
            Patience,
            "everything made, and the event"
        );
    }

    [Fact]
    public async Task Mark_ThatMayNotBeWritten_IsNotToldAsMade()
    {
        PutFleet(_api, RolloutOnDouble.Manifest);
        var pods = new StandInPods(_api, RolloutOnDouble.Gateways);
        await using var first = Start(_api);
        await pods.UntilAsync(() => RolloutOnDouble.IsDone(_api, pods, RolloutOnDouble.Before), "the fleet as it was");
        Forbid(
            static request => request.IsWrite && request.Path.Contains("/pods/", StringComparison.Ordinal),
            "cannot patch resource pods"
        );
        RolloutOnDouble.Begin(_api);

        await pods.UntilAsync(
            () =>
                Events()
                    .Any(static one =>
                        (string?)one["reason"] == "ApplyFailed"
                        && ((string?)one["note"])!.Contains("cannot patch resource pods", StringComparison.Ordinal)
                    ),
            "the refusal"
        );
        // It tells what it still has to tell.
        await first.DisposeAsync();
        Told().ShouldNotContain("GatewayCordoned");

        _api.ClearFaults();
        await using var next = Start(_api, "next");
        await pods.UntilAsync(() => RolloutOnDouble.IsDone(_api, pods, RolloutOnDouble.After), "the rollout");
        await next.DisposeAsync();
        Told().ShouldContain("GatewayCordoned");

        List<string?> Told() => [.. Events().Select(static one => (string?)one["reason"])];
    }

    [Fact]
    public async Task Events_ThatMayNotBeWritten_CostNothingElse()
    {
        PutFleet(_api);
        Forbid(static request => request.Path.Contains("/events", StringComparison.Ordinal), "cannot create resource events");
        await using var @operator = Start(_api);
        await ConvergedAsync(_api);
    }

    private IReadOnlyList<JsonObject> Events() => _api.List("/apis/events.k8s.io/v1/events");

    private void Forbid(Func<RecordedRequest, bool> match, string message) =>
        _api.AddFault(
            new Fault
            {
                Match = match,
                Times = int.MaxValue,
                Status = 403,
                Body = new JsonObject
                {
                    ["kind"] = "Status",
                    ["apiVersion"] = "v1",
                    ["status"] = "Failure",
                    ["reason"] = "Forbidden",
                    ["code"] = 403,
                    ["message"] = $"forbidden: User operator {message}",
                }.ToJsonString(),
            }
        );

    private Task SaidAsync(string type, string reason, string text, string status = "False") =>
        Until.TrueAsync(
            () =>
                Condition(_api, type) is { } found
                && found.Status == status
                && found.Reason == reason
                && found.Message.Contains(text, StringComparison.Ordinal),
            Patience,
            $"{type}={status}, {reason}: {text}"
        );
}
