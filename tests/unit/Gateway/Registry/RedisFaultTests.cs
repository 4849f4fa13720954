using System.Diagnostics;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Registry.Leases;
using Mooring.Gateway.Registry.Redis;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Transport;
using Mooring.Testing;
using Mooring.Testing.Redis;

namespace Mooring.Gateway.Tests.Registry;

/// <summary>Gateways whose Redis dies, hangs, falls silent or moves: the real thing, and the whole registry of a gateway above it.</summary>
public sealed class RedisFaultTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task KillNineAndEmptyRestart_LastStateServesThenBothAreRegisteredAnewWithTheirShares()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var one = new Gateway("g-1", RedisRegistryTests.Settings(redis.Port), inUse: 40);
        await using var two = new Gateway("g-2", RedisRegistryTests.Settings(redis.Port));
        await one.UntilAsync(view => view is { Problem: null, Gateways.Count: 2 } && one.Share >= 40, "both are there");
        await two.UntilAsync(view => view is { Problem: null, Gateways.Count: 2 }, "both are there");
        var before = one.View.Gateway.Generation;

        redis.Kill();
        await one.UntilAsync(view => view.Problem is not null && view.BreakerOpened > 0, "it knows");
        one.View.Gateways.Count.ShouldBe(2, "the last known state serves on");
        // Which share it was given last depends on when the other came; what is in use is its own in any case.
        one.Share.ShouldBeGreaterThanOrEqualTo(40, "and the lease holds");
        one.View.Age.ShouldNotBeNull().ShouldBeGreaterThan(TimeSpan.Zero);
        RegistryLoads.Of(one.View)!.Connected.ShouldBeFalse();

        await redis.StartAgainAsync();
        await one.UntilAsync(view => view is { Problem: null, Gateways.Count: 2 } && view.Gateway.Generation > before, "it is back");
        one.View.Counters.Registrations.ShouldBe(2);
        await Until.TrueAsync(
            async () => (await redis.CliAsync("HVALS", "mooring:{default/f}:lease:connections")).Length > 40,
            Limit,
            "leases"
        );
        (one.Share + two.Share).ShouldBeLessThanOrEqualTo(Gateway.Total);
        one.Share.ShouldBeGreaterThanOrEqualTo(40, "what it held is not another's");
    }

    [Fact]
    public async Task NameTakenByASuccessor_BothShareTheLimit()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var before = new Gateway("g", RedisRegistryTests.Settings(redis.Port), inUse: 90);
        await before.UntilAsync(view => view.Problem is null && before.Share >= 90, "it has a share for all that it has");

        await using var successor = new Gateway("g", RedisRegistryTests.Settings(redis.Port));
        await successor.UntilAsync(view => view.Problem is null && view.Lease is { ValidUntil: > 0 }, "it has the name, and a share");
        await before.UntilAsync(view => view.Problem is not null, "it sees that another has its name");

        await successor.UntilAsync(_ => successor.Share <= Gateway.Total - 90, "the connections from before are counted");
        await before.UntilAsync(_ => before.Share >= 90, "and have their share");
    }

    [Fact]
    public async Task Hang_CallsFailInTimeWithinTheCapAndAllIsWellAfterwards()
    {
        await using var redis = await RedisServer.StartAsync();
        var counters = new RegistryCounters();
        await using var registry = new RedisRegistry("default/f", RedisRegistryTests.Settings(redis.Port), counters, TimeProvider.System);
        await Until.TrueAsync(async () => (await registry.ListAsync()).Count == 0, Limit, "it answers");

        redis.Hang();
        // A flood of callers: each is refused or fails by its deadline, and none is left behind.
        var calls = Enumerable.Range(0, 2000).Select(_ => Record.ExceptionAsync(() => registry.ListAsync())).ToList();
        var failures = await Task.WhenAll(calls).WaitAsync(Limit);
        failures.ShouldAllBe(failure => failure is RegistryUnavailableException);
        failures.ShouldContain(failure => failure!.Message == $"{RedisLink.MaxInFlight} calls wait for an answer");
        registry.Breaker.Opened.ShouldBeGreaterThan(0);
        await Until.TrueAsync(() => registry.Problem is not null, Limit, "the watchdog has thrown the link away");
        var watch = Stopwatch.StartNew();
        await Should.ThrowAsync<RegistryUnavailableException>(() => registry.ListAsync());
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(10));

        redis.Resume();
        await Until.TrueAsync(async () => (await registry.ListAsync()).Count == 0, Limit, "it answers again");
        counters.Connects.ShouldBeGreaterThan(1);
    }

    [Fact]
    public async Task HalfOpenNetwork_IsFoundByPingAndConnectedAnew()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var network = new StallProxy(redis.Port);
        await using var gateway = new Gateway("g-1", RedisRegistryTests.Settings(network.Port));
        await gateway.UntilAsync(view => view.Problem is null, "it is registered");
        var generation = gateway.View.Gateway.Generation;

        network.Stall();
        await gateway.UntilAsync(view => view.Problem is not null, "it knows");
        await gateway.UntilAsync(view => view.Problem is null && view.Counters.Connects > 1, "it is connected by another connection");

        gateway.View.Gateway.Generation.ShouldBe(generation, "it was never away for so long");
    }

    [Fact]
    public async Task Sentinel_MasterDies_TheReplicaIsFoundAndUsed()
    {
        await using var master = await RedisServer.StartAsync();
        await using var replica = await RedisServer.StartAsync(
            "--replicaof",
            "127.0.0.1",
            $"{master.Port}",
            "--repl-diskless-sync-delay",
            "0"
        );
        await Until.TrueAsync(
            async () => (await replica.CliAsync("INFO", "replication")).Contains("master_link_status:up", StringComparison.Ordinal),
            Limit,
            "the replica follows"
        );
        await using var sentinel = await RedisServer.StartSentinelAsync(master, quorum: 1);
        await Until.TrueAsync(
            async () => (await sentinel.CliAsync("SENTINEL", "replicas", "fleet")).Contains($"{replica.Port}", StringComparison.Ordinal),
            Limit,
            "the Sentinel knows the replica"
        );
        var dead = Ports.Free();
        var settings = RedisRegistryTests.Settings(dead, sentinel.Port) with { SentinelMaster = "fleet" };
        await using var gateway = new Gateway("g-1", settings);
        await gateway.UntilAsync(view => view.Problem is null, "it is registered at the master");
        (await master.CliAsync("EXISTS", "mooring:{default/f}:gateways")).ShouldBe("1");

        master.Kill();
        await gateway.UntilAsync(view => view.Problem is not null, "it knows");
        await gateway.UntilAsync(view => view.Problem is null, "it is registered at the replica, which is the master now");

        (await replica.CliAsync("ROLE")).ShouldStartWith("master");
        (await replica.CliAsync("HKEYS", "mooring:{default/f}:gateways")).ShouldBe("g-1");
    }

    [Fact]
    public async Task Cluster_EachFleetIsOnOneOfTheServersAndWorks()
    {
        await using var a = await NodeAsync();
        await using var b = await NodeAsync();
        await using var c = await NodeAsync();
        await a.CliAsync("--cluster", "create", a.Address, b.Address, c.Address, "--cluster-yes");
        await Until.TrueAsync(
            async () =>
            {
                foreach (var node in new[] { a, b, c })
                {
                    if (!(await node.CliAsync("CLUSTER", "INFO")).Contains("cluster_state:ok", StringComparison.Ordinal))
                    {
                        return false;
                    }
                }

                return true;
            },
            Limit,
            "the cluster is whole"
        );
        var settings = RedisRegistryTests.Settings(a.Port, b.Port) with { Cluster = true };
        // One after the other is on another server, by its name.
        for (var i = 0; i < 6; i++)
        {
            await using var registry = new RedisRegistry($"default/f{i}", settings, new RegistryCounters(), TimeProvider.System);
            await Until.TrueAsync(async () => (await registry.ListAsync()).Count == 0, Limit, "it answers");
            var record = new GatewayRecord { Name = "g", Capacity = 1 };
            var id = new GatewayId("g", (await registry.RegisterAsync(record, TimeSpan.FromMinutes(1), replace: true)).Generation);
            var thing = new OwnedThing("20000");
            var own = await registry.ClaimAsync(thing, id, "x", TimeSpan.FromMinutes(1), force: false);
            (await registry.RenewAsync(thing, own.Ownership!, TimeSpan.FromMinutes(1))).ShouldBeTrue();
            (await registry.FindAsync(thing)).ShouldBe(own.Ownership);
        }

        foreach (var node in new[] { a, b, c })
        {
            int.Parse(await node.CliAsync("DBSIZE")).ShouldBeGreaterThan(0, "the fleets are spread");
        }
    }

    [Fact]
    public async Task Password_WrongThenReplaced_IsReadAnewAndWorks()
    {
        await using var redis = await RedisServer.StartAsync("--requirepass", "right");
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, "wrong\n");
            await using var gateway = new Gateway("g-1", RedisRegistryTests.Settings(redis.Port) with { PasswordFile = file });
            await gateway.UntilAsync(view => view.Problem is not null && view.Counters.Refused + view.Counters.Failed > 2, "it is refused");
            gateway.View.Gateway.Generation.ShouldBe(0);

            await File.WriteAllTextAsync(file, "right\n");
            await gateway.UntilAsync(view => view.Problem is null, "it is registered");
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Ended_LeavesNothingBehind()
    {
        await using var redis = await RedisServer.StartAsync();
        await using (var gateway = new Gateway("g-1", RedisRegistryTests.Settings(redis.Port)))
        {
            await gateway.UntilAsync(view => view.Problem is null, "it is registered");
        }

        (await redis.CliAsync("EXISTS", "mooring:{default/f}:gateways")).ShouldBe("0");
        foreach (var key in (await redis.CliAsync("KEYS", "*")).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            long.Parse(await redis.CliAsync("PTTL", key)).ShouldBeGreaterThan(0, $"{key} ends");
        }
    }

    private static Task<RedisServer> NodeAsync() => RedisServer.StartAsync("--cluster-enabled", "yes", "--cluster-port", $"{Ports.Free()}");

    /// <summary>The registry of a gateway, without the gateway.</summary>
    private sealed class Gateway : IAsyncDisposable
    {
        public const int Total = 100;
        private readonly FleetShare _share = new();
        private readonly LogSink _sink = new(Stream.Null);
        private readonly RegistryAgent _agent;

        public Gateway(string name, RedisSettings settings, int inUse = 0)
        {
            var counters = new RegistryCounters();
            var time = TimeProvider.System;
            _agent = new RegistryAgent(
                new RedisRegistry("default/f", settings, counters, time),
                TimeSpan.FromSeconds(60),
                _share,
                new LeaseKeeper(_share, () => inUse, time),
                new FleetCapacityConfig { Connections = Total, Gateways = 2 },
                () =>
                    new GatewayRecord
                    {
                        Name = name,
                        State = GatewayState.Serving,
                        Load = inUse,
                        Capacity = 100,
                    },
                counters,
                new GatewayLog(_sink, default, time),
                time
            );
        }

        public RegistryView View => _agent.View(new CapacityConfig());

        public int Share => _share.Limit(EventLoop.Clock());

        public Task UntilAsync(Func<RegistryView, bool> condition, string what) => Until.TrueAsync(() => condition(View), Limit, what);

        public async ValueTask DisposeAsync()
        {
            await _agent.DisposeAsync();
            await _sink.DisposeAsync();
        }
    }
}
