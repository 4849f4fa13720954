using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning;
using Mooring.Operator.Reconciliation;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;

namespace Mooring.Operator.Tests.Reconciliation;

public sealed class PlanApplierTests : IAsyncLifetime
{
    private const string ConfigMap = "/api/v1/namespaces/shop/configmaps/small-gateway";
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConnectionFleet _fleet = Fleets.Load(Fleets.Small);
    private KubernetesApiDouble _api = null!;
    private KubernetesClient _client = null!;
    private FleetCaches _caches = null!;
    private PlanApplier _applier = null!;
    private Task _following = null!;

    public async Task InitializeAsync()
    {
        _api = await KubernetesApiDouble.StartAsync();
        _client = new KubernetesClient(
            new ClusterConfig { Server = _api.Address },
            new KubernetesClientOptions
            {
                FieldManager = "mooring-operator",
                QueriesPerSecond = 0,
                MaxRetries = 0,
            }
        );
        _caches = new FleetCaches(_client, [], NullLoggerFactory.Instance);
        _applier = new PlanApplier(_client, _caches, TimeProvider.System);
        _following = _caches.RunAsync(_stop.Token);
        await _caches.WaitForSyncAsync(_stop.Token);
    }

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await _following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _client.Dispose();
        await _api.DisposeAsync();
        _stop.Dispose();
    }

    [Fact]
    public async Task Apply_ObjectOfSomebodyElse_IsAConflictAndStaysAsItIs()
    {
        _api.Put("/api/v1/namespaces/shop/configmaps", Stranger());
        var report = await ApplyAsync();
        report.Problems.ShouldHaveSingleItem().ToString().ShouldStartWith("ConfigMap small-gateway: there is one that does not belong");
        _api.Find(ConfigMap)!["data"]!["theirs"]!.GetValue<string>().ShouldBe("1");
        _api.Find(ConfigMap)!["data"]!["gateway.json"].ShouldBeNull();
    }

    [Fact]
    public async Task Apply_NewFleet_ReadsNothingAndAppliesEachObjectOnce()
    {
        var before = _api.Requests.Count;
        var report = await ApplyAsync();
        var asked = _api
            .Requests.Skip(before)
            .Where(static request => request.Path.Contains("/namespaces/shop/", StringComparison.Ordinal))
            .ToList();
        report.Problems.ShouldBeEmpty();
        asked.Count.ShouldBe(report.Applied);
        asked.ShouldAllBe(static request => request.Method == "PATCH");
    }

    [Fact]
    public async Task Apply_OwnObjectThatTheCacheDoesNotShowYet_IsNoStranger()
    {
        await Until.TrueAsync(() => _caches.HasSynced, Deadline, "the caches");
        await _stop.CancelAsync();
        await _following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await ApplyAsync();

        var report = await ApplyAsync(Fleets.Small.Replace("port: 9000", "port: 9001", StringComparison.Ordinal));

        report.Problems.ShouldBeEmpty();
        _api.Find(ConfigMap)!["data"]!["gateway.json"]!.GetValue<string>().ShouldContain("9001");
    }

    [Fact]
    public async Task Apply_ObjectReplacedBySomebodyElsesWhileTheCacheIsBehind_IsLeftAlone()
    {
        await ApplyAsync();
        await Until.TrueAsync(() => _caches.ConfigMaps.List().Count == 1, Deadline, "the ConfigMap in the cache");
        await _stop.CancelAsync();
        await _following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _api.Remove(ConfigMap);
        _api.Put("/api/v1/namespaces/shop/configmaps", Stranger());

        var report = await ApplyAsync(Fleets.Small.Replace("port: 9000", "port: 9001", StringComparison.Ordinal));

        report.Problems.ShouldHaveSingleItem().Object.ShouldBe("ConfigMap small-gateway");
        _api.Find(ConfigMap)!["data"]!["gateway.json"].ShouldBeNull();
    }

    [Fact]
    public async Task Apply_ObjectDeletedWhileTheCacheIsBehind_IsMadeAgain()
    {
        await ApplyAsync();
        await Until.TrueAsync(() => _caches.ConfigMaps.List().Count == 1, Deadline, "the ConfigMap in the cache");
        await _stop.CancelAsync();
        await _following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _api.Remove(ConfigMap);

        var report = await ApplyAsync(Fleets.Small.Replace("port: 9000", "port: 9001", StringComparison.Ordinal));

        report.Problems.ShouldBeEmpty();
        _api.Find(ConfigMap)!["data"]!["gateway.json"]!.GetValue<string>().ShouldContain("9001");
    }

    [Fact]
    public async Task Apply_SomebodyElseKeepsChangingIt_IsPutBackLessAndLessOften()
    {
        await ApplyAsync();
        var puts = 0;
        for (var i = 0; i < 20; i++)
        {
            _api.Edit(ConfigMap, value => value["data"]!["gateway.json"] = $"theirs {i}");
            var theirs = (string)_api.Find(ConfigMap)!["metadata"]!["resourceVersion"]!;
            await Until.TrueAsync(
                () => _caches.ConfigMaps.List().SingleOrDefault()?.Metadata.ResourceVersion == theirs,
                Deadline,
                "the edit in the cache"
            );
            var report = await ApplyAsync();
            puts += report.Drift.Count;
            if (report.Drift.Count == 0)
            {
                report.Problems.ShouldHaveSingleItem().Reason.ShouldBe(ApplyProblemReason.Contested);
                report.Problems[0].Message.ShouldBe("somebody else keeps changing data.gateway.json");
            }
        }

        puts.ShouldBeInRange(5, 15);
    }

    [Fact]
    public async Task Prune_ObjectWithTheLabelsAndAnotherOwner_IsLeftAlone()
    {
        var theirs = Stranger();
        theirs["metadata"]!["name"] = "theirs";
        theirs["metadata"]!["labels"] = new JsonObject
        {
            [ResourceLabels.ManagedBy] = ResourceLabels.Manager,
            [ResourceLabels.Fleet] = "small",
        };
        _api.Put("/api/v1/namespaces/shop/configmaps", theirs);
        await Until.TrueAsync(() => _caches.ConfigMaps.List().Count == 1, Deadline, "theirs in the cache");
        (await ApplyAsync()).Deleted.ShouldBe(0);
        _api.Find("/api/v1/namespaces/shop/configmaps/theirs").ShouldNotBeNull();
    }

    [Fact]
    public async Task Forget_FleetWhoseObjectsWentFirst_KeepsNothingOfIt()
    {
        (await ApplyAsync()).Applied.ShouldBeGreaterThan(5);
        _applier.Remembered.ShouldBe(1);
        foreach (var path in _api.Requests.Where(static one => one.Method == "PATCH").Select(static one => one.Path).Distinct().ToList())
        {
            _api.Remove(path);
        }

        await Until.TrueAsync(() => _caches.ConfigMaps.List().Count == 0, Deadline, "the caches without them");
        _applier.Forget(Mooring.Kubernetes.Models.ObjectKey.Of(_fleet));
        _applier.Remembered.ShouldBe(0);
    }

    /// <summary>What is kept is neither written nor deleted, and goes once it is no longer kept.</summary>
    [Fact]
    public async Task Prune_ObjectThatIsKept_StaysAsItIs()
    {
        const string Service = "/api/v1/namespaces/shop/services/small-backend-app";
        await ApplyAsync();
        await Until.TrueAsync(() => _caches.Services.OfFleet(new("shop", "small")).Count == 2, Deadline, "the Services in the cache");
        var version = (string?)_api.Find(Service)!["metadata"]!["resourceVersion"];
        var plan = FleetPlanner.Plan(new FleetInput { Fleet = Fleets.Load(Fleets.Small), DefaultGatewayImage = "gateway" });
        plan = plan with { Objects = [.. plan.Objects.Where(static one => one.Metadata.Name != "small-backend-app")] };

        await _applier.ApplyAsync(_fleet, plan with { Kept = [("Service", "small-backend-app")] }, CancellationToken.None);
        ((string?)_api.Find(Service)?["metadata"]!["resourceVersion"]).ShouldBe(version);

        await _applier.ApplyAsync(_fleet, plan, CancellationToken.None);
        _api.Find(Service).ShouldBeNull();
    }

    private Task<ApplyReport> ApplyAsync(string manifest = Fleets.Small)
    {
        var fleet = Fleets.Load(manifest);
        return _applier.ApplyAsync(
            _fleet,
            FleetPlanner.Plan(new FleetInput { Fleet = fleet, DefaultGatewayImage = "gateway" }),
            CancellationToken.None
        );
    }

    private static JsonObject Stranger() =>
        new()
        {
            ["apiVersion"] = "v1",
            ["kind"] = "ConfigMap",
            ["metadata"] = new JsonObject { ["name"] = "small-gateway" },
            ["data"] = new JsonObject { ["theirs"] = "1" },
        };
}
