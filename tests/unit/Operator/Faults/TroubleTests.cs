using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Operator.Run.Troubles;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;
using static Mooring.Operator.Tests.Faults.OperatorOnDouble;

namespace Mooring.Operator.Tests.Faults;

/// <summary>What befalls the whole operator is told in events about its Lease, once it can be told, and so is that it is over.</summary>
public sealed class TroubleTests : IAsyncLifetime
{
    private const string Events = "/apis/events.k8s.io/v1/namespaces/operator/events";

    // Short enough to see the end of a trouble.
    private static readonly TroubleLimits Limits = new()
    {
        Window = TimeSpan.FromSeconds(6),
        Cuts = 2,
        SlowRequest = TimeSpan.FromMilliseconds(250),
        Quiet = TimeSpan.FromSeconds(2),
    };

    private KubernetesApiDouble _api = null!;

    public async Task InitializeAsync()
    {
        _api = await KubernetesApiDouble.StartAsync();
        PutLease();
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task ServerThatSaysNothing_IsToldOnceItSpeaks_AndWhenItIsOver()
    {
        PutFleet(_api);
        _api.AddFault(new Fault { Times = 6, Hang = true });
        await using var @operator = Start(_api, troubles: Limits);

        await ToldAsync("ApiServerAway");
        await RecoveredAsync("ApiServerAway");
        await ConvergedAsync(_api);
    }

    [Fact]
    public async Task LeaseThatCannotBeRead_KeepsNothingFromBeingTold()
    {
        PutFleet(_api);
        _api.AddFault(
            new Fault
            {
                Match = static request => request.Path.EndsWith("/leases/lease", StringComparison.Ordinal),
                Times = int.MaxValue,
                Status = 200,
                Body = "<html>log in first</html>",
            }
        );
        _api.AddFault(new Fault { Times = 6, Hang = true });
        await using var @operator = Start(_api, troubles: Limits);

        await Until.TrueAsync(() => Has("ApiServerAway"), Patience, "the event");
        await RecoveredAsync("ApiServerAway");
    }

    [Fact]
    public async Task SlowServer_IsTold_AndWhenItIsOver()
    {
        PutFleet(_api);
        _api.AddFault(
            new Fault
            {
                Match = static request => !request.Path.Contains("/events", StringComparison.Ordinal),
                Times = int.MaxValue,
                Delay = TimeSpan.FromMilliseconds(400),
            }
        );
        await using var @operator = Start(_api, troubles: Limits);

        await ToldAsync("ApiServerSlow");
        await ConvergedAsync(_api);
        _api.ClearFaults();
        await RecoveredAsync("ApiServerSlow");
    }

    [Fact]
    public async Task WatchesCutAgainAndAgain_AndTooFarBehind_AreTold_AndWhenItIsOver()
    {
        PutFleet(_api);
        await using var @operator = Start(_api, troubles: Limits);
        await ConvergedAsync(_api);

        await Until.TrueAsync(
            () =>
            {
                _api.BreakWatches();
                return Has("WatchesCut");
            },
            Patience,
            "that the watches are cut"
        );
        await Until.TrueAsync(
            () =>
            {
                _api.Compact();
                _api.BreakWatches();
                return Has("WatchesExpired");
            },
            Patience,
            "that they are too far behind"
        );

        await RecoveredAsync("WatchesCut");
        await RecoveredAsync("WatchesExpired");
    }

    [Fact]
    public async Task ServerThatIsWell_NothingIsTold()
    {
        PutFleet(_api);
        await using (Start(_api, troubles: Limits with { SlowRequest = TimeSpan.FromMinutes(1) }))
        {
            await ConvergedAsync(_api);
        }

        // Also not in the end, which is when it looks once more.
        _api.List(Events).ShouldBeEmpty();
    }

    [Fact]
    public async Task ClockThatJumps_IsTold_AlsoByALeaderThatItCostsItsTerm()
    {
        var time = new ManualTime();
        using var client = new KubernetesClient(new ClusterConfig { Server = _api.Address });
        await using var troubles = new TroubleWatch(client, "operator", "lease", new TroubleLimits(), time, NullLoggerFactory.Instance);
        using var stop = new CancellationTokenSource();
        var running = troubles.RunAsync(stop.Token);
        await LooksAsync(time);

        time.SetForward(TimeSpan.FromHours(1));
        // Not even a second later the process ends.
        await stop.CancelAsync();
        await running;

        await ToldAsync("ClockJumped");
    }

    [Fact]
    public async Task LeaseThatComesLater_IsWaitedFor()
    {
        _api.Remove("/apis/coordination.k8s.io/v1/namespaces/operator/leases/lease");
        var time = new ManualTime();
        using var client = new KubernetesClient(new ClusterConfig { Server = _api.Address });
        await using var troubles = new TroubleWatch(client, "operator", "lease", new TroubleLimits(), time, NullLoggerFactory.Instance);
        using var stop = new CancellationTokenSource();
        var running = troubles.RunAsync(stop.Token);
        await LooksAsync(time);
        time.SetForward(TimeSpan.FromHours(1));
        time.Advance(TimeSpan.FromSeconds(1));
        await Until.TrueAsync(
            () => _api.Requests.Any(static one => one.Path.EndsWith("/leases/lease", StringComparison.Ordinal)),
            Patience,
            "a look for the Lease"
        );
        Has("ClockJumped").ShouldBeFalse();

        PutLease();
        await Until.TrueAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                return Has("ClockJumped");
            },
            Patience,
            "the event"
        );
        await stop.CancelAsync();
        await running;

        await ToldAsync("ClockJumped");
    }

    /// <summary>It looks once, and waits to look again.</summary>
    private static async Task LooksAsync(ManualTime time)
    {
        await Until.TrueAsync(() => time.SetTimers > 0, Patience, "the first wait");
        time.Advance(TimeSpan.FromSeconds(1));
        await Until.TrueAsync(() => time.SetTimers > 0, Patience, "the second wait");
    }

    private void PutLease() =>
        _api.Put(
            "/apis/coordination.k8s.io/v1/namespaces/operator/leases",
            new System.Text.Json.Nodes.JsonObject
            {
                ["apiVersion"] = "coordination.k8s.io/v1",
                ["kind"] = "Lease",
                ["metadata"] = new System.Text.Json.Nodes.JsonObject { ["name"] = "lease" },
            }
        );

    private bool Has(string reason) => _api.List(Events).Any(one => (string?)one["reason"] == reason);

    private async Task ToldAsync(string reason)
    {
        await Until.TrueAsync(() => Has(reason), Patience, $"the event {reason}");
        var told = _api.List(Events).First(one => (string?)one["reason"] == reason);
        ((string?)told["type"]).ShouldBe("Warning");
        var lease = _api.Find("/apis/coordination.k8s.io/v1/namespaces/operator/leases/lease")!;
        ((string?)told["regarding"]!["kind"]).ShouldBe("Lease");
        ((string?)told["regarding"]!["uid"]).ShouldBe((string?)lease["metadata"]!["uid"]);
        ((string?)told["note"]).ShouldNotBeNullOrEmpty();
    }

    private Task RecoveredAsync(string kind) =>
        Until.TrueAsync(
            () => _api.List(Events).Any(one => (string?)one["reason"] == "Recovered" && (string?)one["action"] == kind),
            Patience,
            $"that {kind} is over"
        );
}
