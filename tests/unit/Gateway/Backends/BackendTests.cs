using System.Net;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Tests.Listeners;

namespace Mooring.Gateway.Tests.Backends;

public sealed class BackendTests
{
    private const long Second = 1_000_000;
    private readonly EndpointRegistry _registry = new();

    [Fact]
    public void PassiveHealth_MaxFailsWithinTheWindow_IsOutForTheWindow()
    {
        var health = default(PassiveHealth);
        health.Fail(0, 3, 10 * Second).ShouldBeFalse();
        health.Fail(1 * Second, 3, 10 * Second).ShouldBeFalse();
        health.IsOut(1 * Second).ShouldBeFalse();
        health.Fail(2 * Second, 3, 10 * Second).ShouldBeTrue();
        health.IsOut((12 * Second) - 1).ShouldBeTrue();
        health.IsOut(12 * Second).ShouldBeFalse();

        // Still bad: one more failure is enough.
        health.Fail(12 * Second, 3, 10 * Second).ShouldBeTrue();
        health.IsOut(13 * Second).ShouldBeTrue();
        health.Succeed();
        (health.IsOut(13 * Second), health.IsClean).ShouldBe((false, true));
    }

    [Fact]
    public void PassiveHealth_FailuresFarApart_DoNotAddUp()
    {
        var health = default(PassiveHealth);
        for (var i = 1; i < 20; i++)
        {
            health.Fail(i * 11 * Second, 2, 10 * Second).ShouldBeFalse();
        }
    }

    [Fact]
    public void PassiveHealth_MaxFailsZero_IsNeverOut()
    {
        var health = default(PassiveHealth);
        health.Fail(1, 0, Second).ShouldBeFalse();
        health.IsOut(1).ShouldBeFalse();
    }

    [Fact]
    public void Replace_SameId_KeepsCountsAndHealthThoughTheAddressMoved()
    {
        var backend = Backend(new BackendConfig { Name = "b", Source = EndpointSource.Pushed });
        backend.Replace([Endpoint("pod-1", "10.0.0.1"), Endpoint("pod-2", "10.0.0.2")], pushed: true, 0);
        var first = backend.Set.Endpoints[0];
        first.TryAcquire().ShouldBeTrue();
        first.ConnectSucceeded();
        backend.Replace([Endpoint("pod-3", "10.0.0.3"), Endpoint("pod-1", "10.0.0.9")], pushed: true, 0);
        backend.Set.Endpoints[1].ShouldBeSameAs(first);
        (first.Connections, first.ConnectsTotal, first.Target.Text).ShouldBe((1, 1, "10.0.0.9:80"));
    }

    [Fact]
    public void Sweep_RetiredWithConnections_StaysUntilTheyEndAndLonger()
    {
        var backend = Backend(new BackendConfig { Name = "b", Source = EndpointSource.Pushed });
        backend.Replace([Endpoint("pod-1", "10.0.0.1")], pushed: true, 0);
        var gone = backend.Set.Endpoints[0];
        gone.TryAcquire();
        backend.Replace([], pushed: true, 0);
        _registry.Sweep(1000 * Second);
        _registry[gone.Index].ShouldBeSameAs(gone);
        gone.Release();
        _registry.Sweep(1000 * Second);
        _registry.Add("new", gone.Target).Index.ShouldBe(gone.Index);
    }

    [Fact]
    public void Acquire_DrainingFullAndTried_AreLeftOut()
    {
        var backend = Backend(
            new BackendConfig
            {
                Name = "b",
                Source = EndpointSource.Pushed,
                MaxConnectionsPerEndpoint = 1,
            }
        );
        backend.Replace(
            [Endpoint("a", "10.0.0.1") with { Draining = true }, Endpoint("b", "10.0.0.2"), Endpoint("c", "10.0.0.3")],
            true,
            0
        );
        var tried = Tried.None.With(backend.Set.Endpoints[1].Index);
        backend.Set.Acquire(BalancingPolicy.LeastConnections, 0, 1, 0, tried)!.Id.ShouldBe("c");
        backend.Set.Acquire(BalancingPolicy.LeastConnections, 0, 1, 0, tried).ShouldBeNull();
        backend.Set.Acquire(BalancingPolicy.LeastConnections, 0, 1, 0, Tried.None)!.Id.ShouldBe("b");
        backend.Set.Acquire(BalancingPolicy.LeastConnections, 0, 1, 0, Tried.None).ShouldBeNull();
    }

    [Fact]
    public void Acquire_EveryEndpointUnhealthy_TriesOneRatherThanNone()
    {
        var backend = Backend(
            new BackendConfig
            {
                Name = "b",
                Source = EndpointSource.Pushed,
                PassiveHealth = new PassiveHealthConfig { MaxFails = 1 },
            }
        );
        backend.Replace([Endpoint("a", "10.0.0.1"), Endpoint("b", "10.0.0.2")], true, 0);
        backend.Set.Endpoints[0].ConnectFailed(Second).ShouldBeTrue();
        for (ulong random = 0; random < 10; random++)
        {
            backend.Set.Acquire(BalancingPolicy.LeastConnections, 0, random << 61, Second, Tried.None)!.Id.ShouldBe("b");
        }

        backend.Set.Endpoints[1].ConnectFailed(Second);
        backend.Acquire(BalancingPolicy.LeastConnections, 0, 1, Second, Tried.None).ShouldNotBeNull();
    }

    [Fact]
    public async Task Acquire_ManyThreadsAtOnce_NeverExceedsTheEndpointsLimit()
    {
        var backend = Backend(
            new BackendConfig
            {
                Name = "b",
                Source = EndpointSource.Pushed,
                MaxConnectionsPerEndpoint = 3,
            }
        );
        backend.Replace([.. Enumerable.Range(0, 4).Select(i => Endpoint($"e{i}", $"10.0.0.{i}"))], true, 0);
        foreach (var policy in Enum.GetValues<BalancingPolicy>())
        {
            await Task.WhenAll(
                Enumerable
                    .Range(0, 4)
                    .Select(seed =>
                        Task.Run(() =>
                        {
                            var random = new Random(seed);
                            for (var i = 0; i < 20_000; i++)
                            {
                                if (
                                    backend.Set.Acquire(policy, (ulong)random.Next(), (ulong)random.NextInt64(), 0, Tried.None) is
                                    { } endpoint
                                )
                                {
                                    endpoint.Connections.ShouldBeLessThanOrEqualTo(3);
                                    endpoint.Release();
                                }
                            }
                        })
                    )
            );
            backend.Set.Endpoints.ShouldAllBe(endpoint => endpoint.Connections == 0);
        }
    }

    [Fact]
    public void AcquireByAffinity_KnownKey_IsThatEndpointUnlessItTakesNone()
    {
        var backend = Backend(new BackendConfig { Name = "b", Source = EndpointSource.Pushed });
        backend.Replace([Endpoint("a", "10.0.0.1"), Endpoint("b", "10.0.0.2") with { Draining = true }], true, 0);
        var (a, b) = (backend.Set.Endpoints[0], backend.Set.Endpoints[1]);
        backend.Set.AcquireByAffinity(a.AffinityKey, 0).ShouldBeSameAs(a);
        backend.Set.AcquireByAffinity(b.AffinityKey, 0).ShouldBeNull();
        backend.Set.AcquireByAffinity("0123456789abcdef", 0).ShouldBeNull();
    }

    [Fact]
    public void Replace_NothingNew_KeepsTheSet()
    {
        var backend = Backend(new BackendConfig { Name = "b", Source = EndpointSource.Pushed });
        backend.Replace([Endpoint("a", "10.0.0.1"), Endpoint("b", "10.0.0.2")], pushed: true, 0);
        var (set, news) = (backend.Set, _registry.News.Number);
        backend.Replace([Endpoint("a", "10.0.0.1"), Endpoint("b", "10.0.0.2")], pushed: true, 1);
        backend.Set.ShouldBeSameAs(set);
        _registry.News.Number.ShouldBe(news);

        // A config that says the same of them, in other objects; and what the set does not know of.
        backend.Configure(Compile(new BackendConfig { Name = "b", Source = EndpointSource.Pushed }), [BalancingPolicy.RoundRobin], 2);
        backend.Set.ShouldBeSameAs(set);
        backend.Replace([Endpoint("a", "10.0.0.1") with { Draining = true }, Endpoint("b", "10.0.0.2")], pushed: true, 3);
        backend.Set.ShouldBeSameAs(set);
        backend.Set.Endpoints[0].Target.Draining.ShouldBeTrue();

        backend.Replace([Endpoint("a", "10.0.0.1"), Endpoint("b", "10.0.0.2") with { Weight = 2 }], pushed: true, 4);
        backend.Set.ShouldNotBeSameAs(set);
    }

    [Theory]
    [InlineData(new[] { 1, 1, 1 }, 0)]
    [InlineData(new[] { 1, 1, 1 }, 123_456_789_012)]
    [InlineData(new[] { 3, 1, 2 }, 7)]
    public void RoundRobin_PushesInBetween_GoesOnWhereItWas(int[] weights, long start)
    {
        var backend = Backend(new BackendConfig { Name = "b", Source = EndpointSource.Pushed }, start);
        var counts = new int[weights.Length];
        for (var i = 0; i < weights.Sum() * 10; i++)
        {
            // As DNS says every few seconds; and each time the config makes another set of them.
            backend.Replace(
                [.. weights.Select((weight, at) => Endpoint($"e{at}", $"10.0.0.{at}") with { Weight = weight })],
                pushed: false,
                i
            );
            backend.Configure(
                Compile(
                    new BackendConfig
                    {
                        Name = "b",
                        Source = EndpointSource.Pushed,
                        SlowStart = TimeSpan.FromMilliseconds(i % 2),
                    }
                ),
                [],
                i
            );
            counts[backend.Set.Acquire(BalancingPolicy.RoundRobin, 0, 0, Second * 1000, Tried.None)!.Id[1] - '0']++;
        }

        counts.ShouldBe([.. weights.Select(weight => weight * 10)]);
    }

    [Fact]
    public void RoundRobin_EndpointsComeAndGo_LeavesNobodyOut()
    {
        var backend = Backend(new BackendConfig { Name = "b", Source = EndpointSource.Pushed });
        var counts = new Dictionary<string, int>();
        for (var i = 0; i < 300; i++)
        {
            var some = Enumerable.Range(0, 3 + (i / 2 % 2)).Select(at => Endpoint($"e{at}", $"10.0.0.{at}"));
            backend.Replace([.. some], pushed: true, 0);
            var chosen = backend.Set.Acquire(BalancingPolicy.RoundRobin, 0, 0, Second, Tried.None)!.Id;
            counts[chosen] = counts.GetValueOrDefault(chosen) + 1;
        }

        foreach (var id in new[] { "e0", "e1", "e2" })
        {
            counts[id].ShouldBeGreaterThan(30);
        }
    }

    [Fact]
    public void RoundRobin_BeginsWhereItIsTold()
    {
        var first = Enumerable.Range(0, 3).Select(start => Begin(start)).ToList();
        first.ShouldBe(["a", "b", "c"]);

        string Begin(long start)
        {
            var backend = Backend(new BackendConfig { Name = $"b{start}", Source = EndpointSource.Pushed }, start);
            backend.Replace([Endpoint("a", "10.0.0.1"), Endpoint("b", "10.0.0.2"), Endpoint("c", "10.0.0.3")], pushed: true, 0);
            return backend.Set.Acquire(BalancingPolicy.RoundRobin, 0, 0, 0, Tried.None)!.Id;
        }
    }

    [Fact]
    public void Replace_KnownByAddressThenByName_IsTheSameEndpoint()
    {
        var config = new BackendConfig
        {
            Name = "b",
            Source = EndpointSource.Pushed,
            SlowStart = TimeSpan.FromHours(1),
        };
        var backend = Backend(config);
        backend.Replace([Endpoint("10.0.0.1:80", "10.0.0.1"), Endpoint("10.0.0.2:80", "10.0.0.2")], pushed: false, 0);
        var first = backend.Set.Endpoints[0];
        first.TryAcquire().ShouldBeTrue();
        first.ConnectSucceeded();
        var byAddress = Owners(backend);

        backend.Replace([Named("pod-2", "10.0.0.2"), Named("pod-1", "10.0.0.1"), Named("pod-3", "10.0.0.3")], pushed: true, Second);
        backend.Set.Endpoints.Select(endpoint => endpoint.Id).ShouldBe(["pod-2", "pod-1", "pod-3"]);
        backend.Set.Endpoints[1].ShouldBeSameAs(first);
        (first.Connections, first.ConnectsTotal, first.Progress(Second), first.IsRetired).ShouldBe((1, 1, 1, false));
        first.AffinityKey.ShouldBe(new EndpointState("pod-1", 0, first.Target).AffinityKey);
        backend.Set.Endpoints[2].Progress(Second).ShouldBeLessThan(1);

        // A gateway that has had no push yet sends clients to the same places.
        backend.Replace([Named("pod-2", "10.0.0.2"), Named("pod-1", "10.0.0.1")], pushed: true, Second);
        Owners(backend).ShouldBe(byAddress);

        // Names say who somebody is: another one at the address of one that is gone.
        backend.Replace([Named("pod-2", "10.0.0.2"), Named("pod-4", "10.0.0.1")], pushed: true, Second);
        backend.Set.Endpoints[1].ShouldNotBeSameAs(first);
        (backend.Set.Endpoints[1].Connections, first.Connections, first.IsRetired).ShouldBe((0, 1, true));
    }

    [Fact]
    public void Replace_DnsFindsASecondOne_TheFirstIsTheSame()
    {
        var backend = Backend(new BackendConfig { Name = "b", Source = EndpointSource.Pushed });
        backend.Replace([Endpoint("app:80", "10.0.0.1")], pushed: false, 0);
        var first = backend.Set.Endpoints[0];
        backend.Replace([Endpoint("10.0.0.1:80", "10.0.0.1"), Endpoint("10.0.0.2:80", "10.0.0.2")], pushed: false, 0);
        backend.Set.Endpoints[0].ShouldBeSameAs(first);
        first.Id.ShouldBe("10.0.0.1:80");
        // Each known by the other's address: the id goes first.
        backend.Replace([Endpoint("10.0.0.1:80", "10.0.0.2"), Endpoint("10.0.0.2:80", "10.0.0.1")], pushed: false, 0);
        backend.Set.Endpoints[0].ShouldBeSameAs(first);
        first.HasMoved.ShouldBeTrue();
    }

    [Fact]
    public void Configure_AnotherSource_FindsItsEndpointsAgain()
    {
        var backend = Backend(new BackendConfig { Name = "b", Source = EndpointSource.Pushed });
        backend.Replace([Named("pod-1", "10.0.0.1"), Named("pod-2", "10.0.0.2")], pushed: true, 0);
        var first = backend.Set.Endpoints[0];
        first.TryAcquire();
        backend.Configure(Compile(EngineHarness.Backend("b", 80)), [], 0);
        backend.Set.Endpoints.ShouldBeEmpty();
        first.IsRetired.ShouldBeTrue();
        backend.Replace([Endpoint("10.0.0.1:80", "10.0.0.1")], pushed: false, 0);
        backend.Set.Endpoints.ShouldHaveSingleItem().ShouldBeSameAs(first);
        (first.Id, first.Connections, first.IsRetired).ShouldBe(("10.0.0.1:80", 1, false));
        // The other is free once it is old enough, and its name is nobody's.
        _registry.Sweep(1000 * Second);
        backend.Replace([Endpoint("10.0.0.1:80", "10.0.0.1"), Endpoint("10.0.0.2:80", "10.0.0.2")], pushed: false, 2000 * Second);
        backend.Set.Endpoints[1].ConnectsTotal.ShouldBe(0);
        _registry[backend.Set.Endpoints[1].Index].ShouldBeSameAs(backend.Set.Endpoints[1]);
    }

    private static string[] Owners(BackendState backend) =>
        [
            .. Enumerable
                .Range(0, 500)
                .Select(key =>
                {
                    var endpoint = backend.Set.Acquire(BalancingPolicy.ConsistentHash, (ulong)key, 0, 0, Tried.None)!;
                    endpoint.Release();
                    return endpoint.Target.Text;
                }),
        ];

    private static ResolvedEndpoint Named(string id, string address) => Endpoint(id, address) with { Named = true };

    private static BackendSnapshot Compile(BackendConfig config) =>
        ConfigCompiler
            .Compile(
                EngineHarness.Config(9000) with
                {
                    Listeners = [EngineHarness.Listener("edge", 9000, config.Name)],
                    Backends = [config],
                },
                100
            )
            .Snapshot!.Backends[0];

    private static ResolvedEndpoint Endpoint(string id, string address) => new(id, IPAddress.Parse(address), 80, 1, Draining: false);

    private BackendState Backend(BackendConfig config, long start = 0)
    {
        var backend = new BackendState(config.Name, _registry, start);
        backend.Configure(Compile(config), [], 0);
        return backend;
    }
}
