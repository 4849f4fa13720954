using System.Net.WebSockets;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Limits.Identities;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Tests.Registry;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.WebSockets;

public sealed partial class ProxyFeatureTests
{
    [Fact]
    public async Task PerUser_PerDevice_OneTooMany_Is429_AndEndedOnesFreeTheirPlaces()
    {
        _gateway.Capacity = new CapacityConfig { PerUser = 3, PerDevice = 2 };
        await ApplyAsync(Identified());
        using var first = await UserAsync("ann", "phone");
        using var second = await UserAsync("ann", "phone");
        (await AskAsync("X-User: ann\r\nX-Device: phone\r\n")).ShouldStartWith("HTTP/1.1 429 ");
        using var third = await UserAsync("ann", "laptop");
        (await AskAsync("X-User: ann\r\nX-Device: tablet\r\n")).ShouldContain("the user has too many connections");
        using var other = await UserAsync("bob", "tv");
        using var nobody = await _gateway.ConnectAsync();
        Refused("per_user").ShouldBe(1);
        Refused("per_device").ShouldBe(1);

        await third.CloseAsync(WebSocketCloseStatus.NormalClosure, null, ProxyGateway.Deadline());
        await Until.TrueAsync(() => Task.FromResult(_gateway.Engine.Identities.Count == 4), Patience, "the place is free");
        using var again = await UserAsync("ann", "tablet");
    }

    [Fact]
    public async Task PerUser_AcrossGateways_IsTheFleetsLimit()
    {
        await using var other = await ProxyGateway.StartAsync(
            new WebSocketListenerConfig(),
            "app",
            ProxyGateway.Backend("app", _backend.Port)
        );
        await using var registry = new MemoryRegistry(TimeProvider.System);
        await using var here = new FleetIdentities(registry, _gateway.Engine.Identities, "here", TimeProvider.System);
        await using var there = new FleetIdentities(registry, other.Engine.Identities, "there", TimeProvider.System);
        _gateway.Capacity = other.Capacity = new CapacityConfig { PerUser = 2, PerDevice = 5 };
        await ApplyAsync(Identified());
        await other.ApplyAsync(Identified(), "app", ProxyGateway.Backend("app", _backend.Port));

        using var first = await UserAsync("ann", "phone");
        using var second = await other.ConnectAsync("/", options => options.SetRequestHeader("X-User", "ann"));
        (await AskAsync("X-User: ann\r\n")).ShouldStartWith("HTTP/1.1 429 ");
        (await other.AskAsync($"GET / HTTP/1.1\r\n{Requests.Upgrade}X-User: ann\r\n\r\n")).ShouldStartWith("HTTP/1.1 429 ");

        await second.CloseAsync(WebSocketCloseStatus.NormalClosure, null, ProxyGateway.Deadline());
        await Until.TrueAsync(
            async () =>
            {
                try
                {
                    (await UserAsync("ann", "laptop")).Dispose();
                    return true;
                }
                catch (WebSocketException)
                {
                    return false;
                }
            },
            Patience,
            "the place that ended there is free here"
        );
    }

    [Fact]
    public async Task PerUser_WhoLeavesWhileTheRegistryIsAway_IsCountedNoMoreOnceItIsBack()
    {
        await using var memory = new MemoryRegistry(TimeProvider.System);
        await using var registry = new AbsentRegistry(memory);
        var table = new IdentityTable();
        await using var here = new FleetIdentities(registry, table, "here", TimeProvider.System);
        table.TryAcquire(7, 0);
        here.Changed(7);
        await Until.TrueAsync(async () => !await HasRoomAsync(), Patience, "the others know of the user");
        registry.IsAway = true;
        table.Release(7);
        await Until.TrueAsync(() => registry.Refused > 0, Patience, "nobody could be told that it has left");
        registry.IsAway = false;
        await Until.TrueAsync(HasRoomAsync, FleetIdentities.Ttl / 4, "the others know that it has left");

        async Task<bool> HasRoomAsync() =>
            (await memory.CountAsync("there", [new IdentityPlace(7, 1, 1)], TimeSpan.FromMilliseconds(1)))[0];
    }

    [Fact]
    public async Task PerUser_RegistryDoesNotAnswer_OwnCountDecides()
    {
        _gateway.Engine.Identities.Fleet = new SilentFleet();
        _gateway.Capacity = new CapacityConfig { PerUser = 1 };
        await ApplyAsync(Identified());

        using var first = await UserAsync("ann", "phone");
        (await AskAsync("X-User: ann\r\n")).ShouldStartWith("HTTP/1.1 429 ");
    }

    private sealed class SilentFleet : IFleetCount
    {
        public void Ask(IReadOnlyList<IdentityPlace> places, Action<int> answer) { }

        public void Changed(ulong key) { }
    }
}
