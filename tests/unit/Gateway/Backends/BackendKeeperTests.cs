using System.Net;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Backends.Checks;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Backends;

public sealed class BackendKeeperTests
{
    [Fact]
    public async Task Leaving_WantedAgainWhileAnotherIsClosed_IsLeftAlone()
    {
        var config = new BackendConfig
        {
            Name = "b",
            Addresses = [new AddressConfig { Address = "10.0.0.1:80" }],
            DrainTimeout = TimeSpan.FromSeconds(10),
        };
        var backend = new BackendState("b", new EndpointRegistry(), 0);
        backend.Configure(
            ConfigCompiler.Compile(new GatewayConfig { Fleet = "a/b", Backends = [config] }, 100).Snapshot!.Backends[0],
            [],
            0
        );
        backend.Replace([Endpoint(1), Endpoint(2)], pushed: false, 0);
        var (overdue, other) = (backend.Set.Endpoints[0], backend.Set.Endpoints[1]);
        (overdue.LeavingSince, other.LeavingSince) = (1, EventLoop.Clock());
        overdue.TryAcquire().ShouldBeTrue();
        other.TryAcquire().ShouldBeTrue();
        var (closed, looks) = (new List<EndpointState>(), 0);
        using var stop = new CancellationTokenSource();
        var keeper = new BackendKeeper(
            () =>
            {
                Interlocked.Increment(ref looks);
                return [backend];
            },
            () => [overdue, other],
            endpoint =>
            {
                closed.Add(endpoint);
                other.LeavingSince = 0;
                return Task.CompletedTask;
            },
            new ActiveChecker(null, new Random(1)),
            new EndpointDrainer((_, _) => Task.FromResult(0), () => TimeSpan.Zero, new Random(1)),
            () => TimeSpan.Zero,
            TimeProvider.System
        );

        var running = keeper.RunAsync(stop.Token);
        await Until.TrueAsync(() => Volatile.Read(ref looks) > 3, EngineHarness.Patience, "it looks again");
        await stop.CancelAsync();
        await running;

        closed.ShouldAllBe(one => one == overdue);
        closed.ShouldNotBeEmpty();
        other.LeavingSince.ShouldBe(0);
    }

    private static ResolvedEndpoint Endpoint(int last) =>
        new($"10.0.0.{last}:80", IPAddress.Parse($"10.0.0.{last}"), 80, 1, Draining: false);
}
