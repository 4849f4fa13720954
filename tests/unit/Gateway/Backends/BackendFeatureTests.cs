using System.Net;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Limits;

namespace Mooring.Gateway.Tests.Backends;

/// <summary>Which endpoint a connection gets when some are in doubt, full, out, backups or new.</summary>
public sealed class BackendFeatureTests
{
    private const long Second = 1_000_000;
    private readonly EndpointRegistry _registry = new();
    private ulong _random = 88_172_645_463_325_252;

    [Fact]
    public void Acquire_Backups_OnlyWhileNoPrimaryCanBeUsed()
    {
        var backend = Backend(
            new BackendConfig
            {
                Name = "b",
                PassiveHealth = new PassiveHealthConfig { MaxFails = 1 },
            },
            "a",
            "b",
            "spare!"
        );
        Shares(backend, 300).Keys.Order().ShouldBe(["a", "b"]);
        Endpoint(backend, "a").ConnectFailed(Second);
        Shares(backend, 300, Second).Keys.ShouldBe(["b"]);
        Endpoint(backend, "b").ConnectFailed(Second);
        Shares(backend, 300, Second).Keys.ShouldBe(["spare!"]);
        // Even the spare is out: one is tried rather than none.
        Endpoint(backend, "spare!").ConnectFailed(Second);
        Shares(backend, 300, Second).Values.Sum().ShouldBe(300);
        Shares(backend, 300, 32 * Second).Keys.Order().ShouldBe(["a", "b"]);
    }

    [Fact]
    public void Acquire_PrimariesAreFull_BackupsStayUnused()
    {
        var backend = Backend(
            new BackendConfig
            {
                Name = "b",
                MaxConnectionsPerEndpoint = 1,
                Queue = new QueueConfig(),
            },
            "a",
            "spare!"
        );
        Acquire(backend)!.Id.ShouldBe("a");
        Acquire(backend).ShouldBeNull();
        backend.WhyNone(0).ShouldBe(RefusalReason.BackendCapacity);
    }

    [Fact]
    public void Acquire_BackupBackend_TakesOverAndGivesBack()
    {
        var backup = Backend(new BackendConfig { Name = "other" }, "c");
        var backend = Backend(
            new BackendConfig
            {
                Name = "b",
                Backup = "other",
                CircuitBreaker = new CircuitBreakerConfig { FailureThreshold = 1, SuccessThreshold = 1 },
                PassiveHealth = new PassiveHealthConfig { MaxFails = 0 },
            },
            "a"
        );
        backend.Backup = backup;
        Acquire(backend)!.Id.ShouldBe("a");
        Endpoint(backend, "a").ConnectFailed(0);
        Acquire(backend)!.Id.ShouldBe("c");
        Acquire(backend, 60 * Second)!.Id.ShouldBe("a");
    }

    [Fact]
    public void Acquire_ConnectsFailEverywhere_BackupBackendComesBeforeAnEndpointInDoubt()
    {
        var backup = Backend(Impatient("other"), "d");
        var backend = Backend(Impatient("b") with { Backup = "other" }, "a", "b", "c");
        backend.Backup = backup;
        foreach (var endpoint in backend.Set.Endpoints)
        {
            Shares(backend, 100, Second).Keys.ShouldNotContain("d");
            endpoint.ConnectFailed(Second);
        }

        Shares(backend, 100, Second).Keys.ShouldBe(["d"]);
        // Nobody is left beyond doubt: one is tried rather than none.
        Endpoint(backup, "d").ConnectFailed(Second);
        Shares(backend, 100, Second).Values.Sum().ShouldBe(100);
        Shares(backend, 300, 32 * Second).Keys.Order().ShouldBe(["a", "b", "c"]);
    }

    [Fact]
    public void Acquire_EndpointsAreFull_BackupBackendStaysUnused()
    {
        var backend = Backend(Impatient("b") with { Backup = "other", MaxConnectionsPerEndpoint = 1 }, "a");
        backend.Backup = Backend(Impatient("other"), "d");
        Acquire(backend)!.Id.ShouldBe("a");
        Acquire(backend).ShouldBeNull();
        backend.WhyNone(0).ShouldBe(RefusalReason.BackendCapacity);
    }

    [Fact]
    public void Configure_BreakerOfTheBackendBecomesTheEndpoints_EachHasItsOwn()
    {
        var shared = new BackendConfig
        {
            Name = "b",
            CircuitBreaker = new CircuitBreakerConfig { Scope = BreakerScope.Backend, FailureThreshold = 2 },
        };
        var backend = Backend(shared, "a", "b", "c");
        // One that is gone meanwhile, and comes back.
        backend.Replace([Resolved("a"), Resolved("b")], pushed: true, 0);
        var own = shared with
        {
            CircuitBreaker = new CircuitBreakerConfig { FailureThreshold = 2 },
            Source = EndpointSource.Pushed,
        };
        backend.Configure(Compile(own), [BalancingPolicy.LeastConnections], 0);
        backend.Replace([Resolved("a"), Resolved("b"), Resolved("c")], pushed: true, 0);
        Endpoint(backend, "a").ConnectFailed(0);
        Endpoint(backend, "a").ConnectFailed(0);
        Shares(backend, 300).Keys.Order().ShouldBe(["b", "c"]);
        Endpoint(backend, "c").ConnectFailed(0);
        Endpoint(backend, "c").ConnectFailed(0);
        Shares(backend, 300).Keys.ShouldBe(["b"]);
    }

    [Fact]
    public void Acquire_BreakerOfOneEndpointOpens_OthersServe()
    {
        var backend = Backend(
            new BackendConfig
            {
                Name = "b",
                CircuitBreaker = new CircuitBreakerConfig { FailureThreshold = 2 },
            },
            "a",
            "b"
        );
        Endpoint(backend, "a").ConnectFailed(0);
        Endpoint(backend, "a").ConnectFailed(0);
        Shares(backend, 100).Keys.ShouldBe(["b"]);
        Endpoint(backend, "a").IsHealthy(0).ShouldBeFalse();
        Endpoint(backend, "b").ConnectFailed(0);
        Endpoint(backend, "b").ConnectFailed(0);
        Acquire(backend).ShouldBeNull();
        backend.WhyNone(0).ShouldBe(RefusalReason.CircuitOpen);
        Endpoint(backend, "a").Breaker!.Read(0).RejectedTotal.ShouldBe(1);
    }

    [Fact]
    public void Acquire_BreakerOfTheBackend_IsSharedAndLimitsTrials()
    {
        var backend = Backend(
            new BackendConfig
            {
                Name = "b",
                CircuitBreaker = new CircuitBreakerConfig
                {
                    Scope = BreakerScope.Backend,
                    FailureThreshold = 2,
                    SuccessThreshold = 2,
                },
            },
            "a",
            "b"
        );
        Endpoint(backend, "a").ConnectFailed(0);
        Endpoint(backend, "b").ConnectFailed(0);
        Acquire(backend).ShouldBeNull();
        // Half-open: two trials for both endpoints together.
        Enumerable.Range(0, 10).Count(_ => Acquire(backend, 60 * Second) is not null).ShouldBe(2);
        Endpoint(backend, "a").ConnectSucceeded(61 * Second);
        Endpoint(backend, "b").ConnectSucceeded(61 * Second);
        Shares(backend, 10, 61 * Second).Values.Sum().ShouldBe(10);
    }

    [Fact]
    public void Acquire_ActiveChecksSayDown_IsNeverTriedNotEvenInNeed()
    {
        var backend = Backend(new BackendConfig { Name = "b", ActiveHealth = new ActiveHealthConfig() }, "a");
        var plan = backend.Config.Features.Check!;
        Endpoint(backend, "a").NoteCheck("refused", plan, 0).ShouldBeTrue();
        Acquire(backend).ShouldBeNull();
        backend.WhyNone(0).ShouldBe(RefusalReason.NoBackend);
        Endpoint(backend, "a")
            .ReadChecks()
            .ShouldBe(
                new()
                {
                    Up = false,
                    FailedTotal = 1,
                    LastError = "refused",
                }
            );
        Endpoint(backend, "a").NoteCheck(null, plan, 0).ShouldBeFalse();
        Endpoint(backend, "a").NoteCheck(null, plan, 0).ShouldBeTrue();
        Acquire(backend)!.Id.ShouldBe("a");
        // Without checks nobody would ever bring it back.
        Endpoint(backend, "a").NoteCheck("refused", plan with { Fall = 1 }, 0).ShouldBeTrue();
        backend.Configure(Compile(new BackendConfig { Name = "b", Source = EndpointSource.Pushed }), [], 0);
        Acquire(backend)!.Id.ShouldBe("a");
    }

    [Fact]
    public void Acquire_BackendIsLeaving_NobodyComesUntilItIsBack()
    {
        var config = new BackendConfig { Name = "b", Source = EndpointSource.Pushed };
        var backend = Backend(config, "a", "spare!");
        var endpoint = Acquire(backend)!;
        backend.Configure(Compile(config) with { IsLeaving = true }, [], 0);
        Acquire(backend).ShouldBeNull();
        backend.Set.AcquireByAffinity(endpoint.AffinityKey, 0).ShouldBeNull();
        backend.WhyNone(0).ShouldBe(RefusalReason.NoBackend);
        // Only what a push says to drain has an end set.
        (endpoint.Connections, endpoint.Target.Draining, endpoint.LeavingSince).ShouldBe((1, false, 0));
        backend.Configure(Compile(config), [], 0);
        Acquire(backend).ShouldBeSameAs(endpoint);
    }

    [Theory]
    [InlineData(BalancingPolicy.LeastConnections)]
    [InlineData(BalancingPolicy.RoundRobin)]
    public void Acquire_NewEndpoint_StartsSlowly(BalancingPolicy policy)
    {
        var backend = Backend(new BackendConfig { Name = "b", SlowStart = TimeSpan.FromSeconds(30) }, "a", "b", "c");
        Shares(backend, 3_000, policy: policy).Values.ShouldAllBe(count => count > 900);
        backend.Replace([Resolved("a"), Resolved("b"), Resolved("c"), Resolved("new")], true, 100 * Second);
        Shares(backend, 1_000, 100 * Second, policy).GetValueOrDefault("new").ShouldBeInRange(1, 100);
        // Halfway: half of what it would get.
        Shares(backend, 4_000, 115 * Second, policy)["new"].ShouldBeInRange(200, 1_100);
        Shares(backend, 4_000, 130 * Second, policy)["new"].ShouldBeGreaterThanOrEqualTo(1_000);
    }

    [Fact]
    public void Acquire_EndpointIsBackFromTheBreaker_StartsSlowly()
    {
        var backend = Backend(
            new BackendConfig
            {
                Name = "b",
                SlowStart = TimeSpan.FromSeconds(30),
                CircuitBreaker = new CircuitBreakerConfig { FailureThreshold = 1, SuccessThreshold = 1 },
            },
            "a",
            "b"
        );
        Endpoint(backend, "a").ConnectFailed(0);
        Shares(backend, 10, Second).Keys.ShouldBe(["b"]);
        Endpoint(backend, "a").TryEnter(60 * Second).ShouldBeTrue();
        Endpoint(backend, "a").ConnectSucceeded(60 * Second);
        Endpoint(backend, "a").Progress(60 * Second).ShouldBe(0.1);
        Endpoint(backend, "a").Progress(90 * Second).ShouldBe(1);
    }

    [Fact]
    public void Queue_PlaceComesFree_GoesToTheFirstInLineOnly()
    {
        var backend = Backend(
            new BackendConfig
            {
                Name = "b",
                MaxConnectionsPerEndpoint = 1,
                Queue = new QueueConfig { MaxLength = 3 },
            },
            "a"
        );
        var busy = Acquire(backend)!;
        var served = new List<int>();
        var waiters = Enumerable.Range(0, 4).Select(i => new Waiter(i, default, 0, 1, waiter => served.Add(waiter.Client))).ToList();
        waiters.Select(waiter => backend.Queue.TryJoin(waiter, 3)).ShouldBe([true, true, true, false]);
        backend.Queue.TryLeave(waiters[1], QueueExit.TimedOut).ShouldBeTrue();
        busy.Release();
        served.ShouldBe([0]);
        busy.Connections.ShouldBe(1);
        backend.Queue.TryLeave(waiters[0], QueueExit.TimedOut).ShouldBeFalse();
        busy.Release();
        served.ShouldBe([0, 2]);
        busy.Release();
        (busy.Connections, backend.Queue.IsEmpty).ShouldBe((0, true));
        backend
            .Queue.Read()
            .ShouldBe(
                new()
                {
                    Length = 0,
                    WaitedTotal = 3,
                    ServedTotal = 2,
                    TimedOutTotal = 1,
                    OverflowedTotal = 1,
                }
            );
    }

    [Fact]
    public async Task Queue_ManyThreads_ServesEveryOneAndNeverTooMany()
    {
        var backend = Backend(
            new BackendConfig
            {
                Name = "b",
                MaxConnectionsPerEndpoint = 2,
                Queue = new QueueConfig { MaxLength = 100_000 },
            },
            "a",
            "b"
        );
        var (served, most) = (0, 0);
        await Task.WhenAll(
            Enumerable
                .Range(0, 4)
                .Select(thread =>
                    Task.Run(() =>
                    {
                        for (var i = 0; i < 5_000; i++)
                        {
                            var place = backend.Queue.IsEmpty ? backend.Acquire(default, 0, (ulong)i * 77, 0, Tried.None) : null;
                            if (place is not null)
                            {
                                Serve(place);
                            }
                            else
                            {
                                backend.Queue.TryJoin(
                                    new Waiter(i, default, 0, (ulong)i, w => ThreadPool.QueueUserWorkItem(_ => Serve(w.Endpoint!))),
                                    100_000
                                );
                            }
                        }
                    })
                )
        );
        await Mooring.Testing.Until.TrueAsync(() => Volatile.Read(ref served) == 20_000, TimeSpan.FromSeconds(30), "everyone is served");
        most.ShouldBeLessThanOrEqualTo(2);
        backend.Set.Endpoints.ShouldAllBe(endpoint => endpoint.Connections == 0);

        void Serve(EndpointState endpoint)
        {
            most = Math.Max(most, endpoint.Connections);
            Interlocked.Increment(ref served);
            endpoint.Release();
        }
    }

    /// <summary>Ids of the endpoints; one with an exclamation mark is a backup.</summary>
    private BackendState Backend(BackendConfig config, params string[] ids)
    {
        var backend = new BackendState(config.Name, _registry);
        backend.Configure(Compile(config with { Source = EndpointSource.Pushed }), [BalancingPolicy.LeastConnections], 0);
        backend.Replace([.. ids.Select(Resolved)], pushed: true, 0);
        return backend;
    }

    /// <summary>One failed connect puts an endpoint out.</summary>
    private static BackendConfig Impatient(string name) =>
        new()
        {
            Name = name,
            PassiveHealth = new PassiveHealthConfig { MaxFails = 1 },
        };

    private static ResolvedEndpoint Resolved(string id) =>
        new(id, IPAddress.Loopback, 1, Weight: 1, Draining: false, Backup: id.EndsWith('!'));

    private static BackendSnapshot Compile(BackendConfig config)
    {
        var errors = new ErrorList();
        var snapshot = BackendCompiler.Compile([config with { Backup = null }], errors)[0];
        errors.ToList().ShouldBeEmpty();
        return snapshot;
    }

    private static EndpointState Endpoint(BackendState backend, string id) => backend.Set.Endpoints.Single(endpoint => endpoint.Id == id);

    private EndpointState? Acquire(BackendState backend, long now = 0) =>
        backend.Acquire(BalancingPolicy.LeastConnections, 0, NextRandom(), now, Tried.None);

    /// <summary>How often each endpoint is chosen; the connections end at once.</summary>
    private Dictionary<string, int> Shares(BackendState backend, int count, long now = 0, BalancingPolicy policy = default)
    {
        var shares = new Dictionary<string, int>();
        for (var i = 0; i < count; i++)
        {
            var endpoint = backend.Acquire(policy, 0, NextRandom(), now, Tried.None)!;
            shares[endpoint.Id] = shares.GetValueOrDefault(endpoint.Id) + 1;
            endpoint.Release();
        }

        return shares;
    }

    private ulong NextRandom()
    {
        _random ^= _random << 13;
        _random ^= _random >> 7;
        _random ^= _random << 17;
        return _random;
    }
}
