using System.Diagnostics;
using Mooring.Testing;
using Xunit.Abstractions;

namespace Mooring.Chaos.Tests;

/// <summary>Tunnels while their registry, or a gateway, is away: real processes, a real Redis.</summary>
public sealed class TunnelRegistryTests(ITestOutputHelper output)
{
    private const string Away = "{\"Error\":\"the gateways' registry is away: no new tunnels at present\"}";

    [Theory]
    [InlineData("hang")]
    [InlineData("restart")]
    [InlineData("restart, empty")]
    public async Task RedisAway_TunnelsGoOn_NewOnesAreRefused_AndAllIsRegisteredAgain(string how)
    {
        await using var fleet = await TunnelFleet.StartAsync(2, maxTunnels: 10, TimeSpan.FromSeconds(30));
        using var door = new FrontDoor(fleet);
        await using var own = new OwnTunnel("own", door.Port);
        await using var bore = new BoreTunnel("bore", fleet);
        var ports = own.Ports.Concat(bore.Ports).ToList();
        var visitors = new Visitors(fleet, ports);
        (await visitors.AllAnswerAsync(() => fleet.Up, TunnelFleet.Patience, atOnce: 2)).Missing.ShouldBeEmpty();
        var owners = await fleet.OwnersAsync();
        var numbers = ports.ConvertAll(static port => port.Number);

        if (how == "hang")
        {
            fleet.Redis.Hang();
        }
        else
        {
            if (how == "restart")
            {
                await fleet.Redis.CliAsync("SAVE");
            }

            fleet.Redis.Kill();
        }

        await Until.TrueAsync(async () => await Hello.AskAsync(fleet.Gateways[0]) == Away, TunnelFleet.Patience, "new tunnels are refused");
        await Until.TrueAsync(async () => await Hello.AskAsync(fleet.Gateways[1]) == Away, TunnelFleet.Patience, "by the other too");
        (await visitors.AllAnswerAsync(() => fleet.Up, TunnelFleet.Patience, atOnce: 2)).Missing.ShouldBeEmpty("each through each gateway");

        if (how == "hang")
        {
            fleet.Redis.Resume();
        }
        else
        {
            await fleet.Redis.StartAgainAsync();
        }

        var since = Stopwatch.GetTimestamp();
        await fleet.RegisteredAsync();
        output.WriteLine($"{how}: registered after {Stopwatch.GetElapsedTime(since).TotalSeconds:0.0} s");
        // A stranger cannot take a port while its owner has not said again that it is its: not with an empty registry either.
        var taken = await Hello.AskAsync(fleet.Gateways[0], numbers[0]);
        taken.ShouldBeOneOf("{\"Error\":\"port already in use\"}", Away);
        await Until.TrueAsync(
            async () => (await fleet.OwnersAsync()).OrderBy(static pair => pair.Key).SequenceEqual(owners.OrderBy(static pair => pair.Key)),
            TunnelFleet.Patience,
            "each owner owns what it had"
        );
        output.WriteLine($"{how}: all owned again after {Stopwatch.GetElapsedTime(since).TotalSeconds:0.0} s");
        await Until.TrueAsync(
            async () => (await Hello.AskAsync(fleet.Gateways[1])).StartsWith("{\"Hello\":", StringComparison.Ordinal),
            TunnelFleet.Patience,
            "new tunnels are opened again"
        );
        (await visitors.AllAnswerAsync(() => fleet.Up, TunnelFleet.Patience, atOnce: 2)).Missing.ShouldBeEmpty();
        ports.ConvertAll(static port => port.Number).ShouldBe(numbers);
        visitors.Strangers.ShouldBeEmpty();
    }

    [Fact]
    public async Task PausedOwner_WakesUp_AndDoesNotStealBack()
    {
        await using var fleet = await TunnelFleet.StartAsync(3, maxTunnels: 10, TimeSpan.FromSeconds(30));
        var (other, paused, third) = (fleet.Gateways[0], fleet.Gateways[1], fleet.Gateways[2]);
        other.IsHidden = third.IsHidden = true;
        using var door = new FrontDoor(fleet);
        await using var own = new OwnTunnel("own", door.Port);
        var port = own.Ports[0];
        var visitors = new Visitors(fleet, own.Ports);
        (await visitors.AllAnswerAsync(() => fleet.Up, TunnelFleet.Patience, atOnce: 1)).Missing.ShouldBeEmpty();
        var number = port.Number;
        (await fleet.OwnersAsync())[number].ShouldBe(paused.Name);

        other.IsHidden = false;
        paused.Pause();
        await Until.TrueAsync(
            async () => (await fleet.OwnersAsync()).GetValueOrDefault(number) == other.Name,
            TunnelFleet.Patience,
            "the client is elsewhere, and has its port there"
        );
        // Two gateways say by now that they have the port; visitors through a third come to the one that does.
        (await visitors.AllAnswerAsync(() => [third], TunnelFleet.Patience, atOnce: 1)).Missing.ShouldBeEmpty();
        for (var i = 0; i < 5; i++)
        {
            (await visitors.VisitAsync(port, third)).ShouldBeTrue();
        }

        paused.Resume();
        // It lets go, and forwards: each visitor through it reaches the client by the other.
        (await visitors.AllAnswerAsync(() => fleet.Up, TunnelFleet.Patience, atOnce: 1)).Missing.ShouldBeEmpty();
        await fleet.RegisteredAsync();
        for (var i = 0; i < 20; i++)
        {
            (await fleet.OwnersAsync())[number].ShouldBe(other.Name);
            (await visitors.VisitAsync(port, fleet.Gateways[i % 3])).ShouldBeTrue();
        }

        port.Number.ShouldBe(number);
    }

    [Fact]
    public async Task GatewayAndClientsDie_NothingIsLeftAfterTheTimeToLive()
    {
        await using var fleet = await TunnelFleet.StartAsync(2, maxTunnels: 10, TimeSpan.FromSeconds(5));
        var (dying, other) = (fleet.Gateways[0], fleet.Gateways[1]);
        var before = await fleet.KeysAsync();
        other.IsHidden = true;
        using var door = new FrontDoor(fleet);
        var own = new OwnTunnel("own", door.Port);
        var bore = new BoreTunnel("bore", fleet);
        var visitors = new Visitors(fleet, [.. own.Ports, .. bore.Ports]);
        (await visitors.AllAnswerAsync(() => fleet.Up, TunnelFleet.Patience, atOnce: 2)).Missing.ShouldBeEmpty();
        (await fleet.KeysAsync()).Except(before).Count().ShouldBe(2);
        dying.Kill();
        await own.DisposeAsync();
        await bore.DisposeAsync();
        await Until.TrueAsync(async () => !(await fleet.KeysAsync()).Except(before).Any(), TunnelFleet.Patience, "its keys are gone");
        await Until.TrueAsync(
            async () => await fleet.Redis.CliAsync("HKEYS", "mooring:{default/chaos}:gateways") == other.Name,
            TunnelFleet.Patience,
            "it is not registered any more"
        );
        // The other has let go of its ports.
        (await visitors.VisitAsync(own.Ports[0], other)).ShouldBeFalse();
    }
}
