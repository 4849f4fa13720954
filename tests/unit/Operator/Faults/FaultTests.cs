using Mooring.Testing;
using Mooring.Testing.ApiDouble;
using static Mooring.Operator.Tests.Faults.OperatorOnDouble;

namespace Mooring.Operator.Tests.Faults;

/// <summary>What the API server may do to an operator at work: it comes through, does nothing twice, and says what lasts.</summary>
public sealed class FaultTests : IAsyncLifetime
{
    private KubernetesApiDouble _api = null!;

    public async Task InitializeAsync() => _api = await KubernetesApiDouble.StartAsync();

    public async Task DisposeAsync() => await _api.DisposeAsync();

    public static TheoryData<string> Passing() =>
        ["409", "429", "500", "502", "503", "504", "401", "slow", "abort", "abort after", "garbage"];

    [Theory]
    [MemberData(nameof(Passing))]
    public async Task EveryThirdWriteFails_ItComesThrough(string what)
    {
        var writes = 0;
        _api.AddFault(
            Of(
                what,
                request =>
                    request.IsWrite
                    && !request.Path.Contains("/events", StringComparison.Ordinal)
                    && Interlocked.Increment(ref writes) % 3 == 0,
                times: 6
            )
        );
        PutFleet(_api);
        await using var @operator = Start(_api);

        await ConvergedAsync(_api);

        NothingWasUndone(7);
    }

    [Theory]
    [MemberData(nameof(Passing))]
    public async Task EveryFifthReadFails_ItComesThrough(string what)
    {
        var reads = 0;
        _api.AddFault(Of(what, request => !request.IsWrite && Interlocked.Increment(ref reads) % 5 == 0, times: 6));
        PutFleet(_api);
        await using var @operator = Start(_api);

        await ConvergedAsync(_api);

        NothingWasUndone(7);
    }

    [Fact]
    public async Task StatusMeetsConflicts_ThatNoChangeFollows_ItIsWrittenAllTheSame()
    {
        var (refused, over) = (0, false);
        _api.AddFault(
            Of(
                "409",
                request =>
                {
                    if (Volatile.Read(ref over) || !request.IsWrite || !request.Path.EndsWith("/status", StringComparison.Ordinal))
                    {
                        return false;
                    }

                    Interlocked.Increment(ref refused);
                    return true;
                },
                times: int.MaxValue
            )
        );
        PutFleet(_api);
        await using var @operator = Start(_api);
        await Until.TrueAsync(() => Children(_api).Count == 7, Patience, "everything but the status");
        // Nothing happens any more that would bring the fleet to the operator's mind.
        var before = Volatile.Read(ref refused);
        await Until.TrueAsync(() => Volatile.Read(ref refused) >= before + 6, Patience, "it tries again and again");
        Volatile.Write(ref over, true);

        await ConvergedAsync(_api);

        NothingWasUndone(7);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(500)]
    public async Task ThatLasts_IsSaidInTheCondition_AndForgottenWhenItIsOver(int code)
    {
        PutFleet(_api);
        _api.AddFault(
            new Fault
            {
                Match = static request => request.IsWrite && request.Path.Contains("/deployments/", StringComparison.Ordinal),
                Times = int.MaxValue,
                Status = code,
                Reason = "InternalError",
            }
        );
        await using var @operator = Start(_api);
        await Until.TrueAsync(
            () =>
                Condition(_api) is { Status: "False", Reason: "ApplyFailed", Message: var text }
                && text.Contains("a fault on order", StringComparison.Ordinal),
            Patience,
            "the condition that says so"
        );
        Condition(_api, "Degraded")!.Value.Status.ShouldBe("True");
        // What comes before it in the plan is there.
        Children(_api).Count(static child => !child.StartsWith("deployments", StringComparison.Ordinal)).ShouldBe(5);

        _api.ClearFaults();

        await ConvergedAsync(_api);
        NothingWasUndone(7);
    }

    [Fact]
    public async Task WatchesCutAgainAndAgain_ChangesAreSeenAllTheSame()
    {
        PutFleet(_api);
        await using var @operator = Start(_api);
        await ConvergedAsync(_api);
        var made = Children(_api);
        for (var replicas = 3; replicas < 8; replicas++)
        {
            Cut(replicas);
            var wanted = replicas;
            _api.Edit(FleetPath, fleet => fleet["spec"]!["gateway"] = new System.Text.Json.Nodes.JsonObject { ["replicas"] = wanted });
            Cut(replicas + 1);
            await Until.TrueAsync(
                () => _api.List("/apis/apps/v1/deployments").Any(one => (int?)one["spec"]!["replicas"] == wanted),
                Patience,
                $"{wanted} gateways"
            );
        }

        Children(_api).ShouldBe(made);
        NothingWasUndone(7);

        void Cut(int how)
        {
            switch (how % 4)
            {
                case 0:
                    _api.BreakWatches();
                    break;
                case 1:
                    _api.EndWatches();
                    break;
                case 2:
                    // 410: the version is gone, everything is listed anew and compared.
                    _api.Compact();
                    _api.BreakWatches();
                    break;
                default:
                    _api.FreezeWatches();
                    break;
            }
        }
    }

    [Fact]
    public async Task DriftWhileTheWatchesAreFrozen_IsPutBackOnceTheyAreFoundDead()
    {
        PutFleet(_api);
        await using var @operator = Start(_api);
        await ConvergedAsync(_api);
        _api.FreezeWatches();
        _api.Remove("/api/v1/namespaces/shop/services/small-gateway");

        await Until.TrueAsync(
            () => _api.Find("/api/v1/namespaces/shop/services/small-gateway") is not null,
            Patience,
            "the Service made again"
        );
    }

    [Fact]
    public async Task ServerThatAcceptsAndSaysNothing_IsTriedAgain()
    {
        PutFleet(_api);
        // Half-open: whatever is asked hangs until the client gives up.
        var fault = new Fault { Times = 6, Hang = true };
        _api.AddFault(fault);
        await using var @operator = Start(_api);

        await ConvergedAsync(_api);

        fault.Times.ShouldBe(0);
        NothingWasUndone(7);
    }

    [Fact]
    public async Task ServerAway_ThenBack_ItGoesOnByItself()
    {
        PutFleet(_api);
        await using var @operator = Start(_api);
        await ConvergedAsync(_api);
        _api.Unreachable = true;
        _api.BreakWatches();
        _api.Edit(FleetPath, static fleet => fleet["spec"]!["gateway"] = new System.Text.Json.Nodes.JsonObject { ["replicas"] = 5 });
        var asked = _api.Requests.Count;
        await Until.TrueAsync(() => _api.Requests.Count > asked + 3, Patience, "requests in vain");

        _api.Unreachable = false;

        await Until.TrueAsync(
            () => _api.List("/apis/apps/v1/deployments").Any(static one => (int?)one["spec"]!["replicas"] == 5),
            Patience,
            "five gateways"
        );
        NothingWasUndone(7);
    }

    [Fact]
    public async Task DefinitionDeletedUnseen_AndBack_NothingIsMadeForAFleetThatIsGone()
    {
        PutFleet(_api);
        await using var @operator = Start(_api);
        await ConvergedAsync(_api);

        // The watch ends, and what it watched is no more: as when the definition goes while the link is down.
        var gone = new Fault
        {
            Match = static request => request.Path.EndsWith("/connectionfleets", StringComparison.Ordinal),
            Times = int.MaxValue,
            Status = 404,
            Reason = "NotFound",
        };
        _api.AddFault(gone);
        _api.Compact();
        _api.BreakWatches();
        await Until.TrueAsync(() => Lists() > 1, Patience, "a list in vain");
        var asked = _api.Requests.Count;
        _api.Remove("/api/v1/namespaces/shop/services/small-gateway");
        // Its informer notices the deletion; nobody makes the Service again for a fleet that is not there.
        await Until.TrueAsync(
            () =>
                _api.Requests.Skip(asked).Count(static request => request.Path.EndsWith("/connectionfleets", StringComparison.Ordinal)) > 1,
            Patience,
            "two more requests in vain"
        );
        _api.Find("/api/v1/namespaces/shop/services/small-gateway").ShouldBeNull();

        _api.ClearFaults();

        await Until.TrueAsync(
            () => _api.Find("/api/v1/namespaces/shop/services/small-gateway") is not null,
            Patience,
            "the Service of the fleet that is back"
        );
    }

    private int Lists() =>
        _api.Requests.Count(static request =>
            request.Path.EndsWith("/connectionfleets", StringComparison.Ordinal) && !request.IsWatch && !request.IsWrite
        );

    private void NothingWasUndone(int children)
    {
        Children(_api).Count.ShouldBe(children);
        _api.Requests.ShouldNotContain(static request => request.Method == "DELETE");
    }

    private static Fault Of(string what, Func<RecordedRequest, bool> match, int times) =>
        what switch
        {
            "slow" => new Fault
            {
                Match = match,
                Times = times,
                Delay = TimeSpan.FromMilliseconds(300),
            },
            "abort" => new Fault
            {
                Match = match,
                Times = times,
                Abort = true,
            },
            "abort after" => new Fault
            {
                Match = match,
                Times = times,
                AbortAfter = true,
            },
            "garbage" => new Fault
            {
                Match = match,
                Times = times,
                Status = 500,
                Body = "<html>Bad gateway</html>",
            },
            "429" => new Fault
            {
                Match = match,
                Times = times,
                Status = 429,
                Reason = "TooManyRequests",
                RetryAfter = 1,
            },
            _ => new Fault
            {
                Match = match,
                Times = times,
                Status = int.Parse(what),
                Reason = "OnOrder",
            },
        };
}
