using System.Diagnostics;
using Mooring.Testing;

namespace Mooring.Chaos.Tests;

/// <summary>A gateway with tunnels is drained: real processes, a real Redis.</summary>
public sealed class TunnelDrainTests
{
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(15);

    [Fact]
    public async Task Drain_ClientsComeAgainElsewhereAtThePace_VisitorsStay()
    {
        const int Tunnels = 30;
        const int Pace = 20;
        await using var fleet = await TunnelFleet.StartAsync(
            2,
            maxTunnels: 100,
            Ttl,
            $$"""{"lameDuck": "200ms", "deadline": "120s", "closesPerSecond": {{Pace}}}"""
        );
        var (old, other) = (fleet.Gateways[0], fleet.Gateways[1]);
        other.IsHidden = true;
        using var door = new FrontDoor(fleet);
        var clients = Enumerable
            .Range(0, Tunnels)
            .Select(i => i % 3 == 0 ? (TunnelClientUnderTest)new BoreTunnel($"bore-{i}", fleet) : new OwnTunnel($"own-{i}", door.Port))
            .ToList();
        var ports = clients.SelectMany(static client => client.Ports).ToList();
        var visitors = new Visitors(fleet, ports);
        (await visitors.AllAnswerAsync(() => fleet.Up, TunnelFleet.Patience, atOnce: 8)).Missing.ShouldBeEmpty();
        (await fleet.OwnersAsync()).Values.ShouldAllBe(owner => owner == old.Name);
        var before = ports.ToDictionary(static port => port, static port => (port.Number, Opens: port.Opened.Count));
        // Of our client and of bore's, through the owner and through the other.
        using var held = await HeldVisitor.ComeAsync(ports[0], old);
        using var heldToo = await HeldVisitor.ComeAsync(ports[1], old);
        using var through = await HeldVisitor.ComeAsync(ports[1], other);
        other.IsHidden = false;

        old.Terminate();
        await Until.TrueAsync(
            async () => (await fleet.OwnersAsync()) is { Count: Tunnels } owners && owners.Values.All(owner => owner == other.Name),
            TunnelFleet.Patience,
            "all are elsewhere"
        );
        (await visitors.AllAnswerAsync(() => fleet.Up, TunnelFleet.Patience, atOnce: 8)).Missing.ShouldBeEmpty();
        ports.ShouldAllBe(port => port.Number == before[port].Number, "each has the port that it had");
        var back = ports.Select(port => port.Opened.Skip(before[port].Opens).First()).Order().ToList();
        Stopwatch
            .GetElapsedTime(back[0], back[^1])
            .ShouldBeGreaterThan(TimeSpan.FromSeconds((double)Tunnels / Pace / 2), "sent away one by one");
        foreach (var visitor in new[] { held, heldToo, through })
        {
            await visitor.ShouldBeAnsweredAsync();
            old.HasExited.ShouldBeFalse("it has visitors still");
            visitor.Dispose();
        }

        (await old.ExitAsync()).ShouldBe(0);
        (await visitors.AllAnswerAsync(() => fleet.Up, TunnelFleet.Patience, atOnce: 8)).Missing.ShouldBeEmpty();
        visitors.Strangers.ShouldBeEmpty();
        await Task.WhenAll(clients.Select(static client => client.DisposeAsync().AsTask()));
    }

    [Fact]
    public async Task Drain_VisitorBeyondTheDeadline_IsCutOff()
    {
        await using var fleet = await TunnelFleet.StartAsync(1, maxTunnels: 10, Ttl, """{"lameDuck": "100ms", "deadline": "2s"}""");
        using var door = new FrontDoor(fleet);
        await using var client = new OwnTunnel("own", door.Port);
        var visitors = new Visitors(fleet, client.Ports);
        (await visitors.AllAnswerAsync(() => fleet.Up, TunnelFleet.Patience, atOnce: 1)).Missing.ShouldBeEmpty();
        using var held = await HeldVisitor.ComeAsync(client.Ports[0], fleet.Gateways[0]);
        fleet.Gateways[0].Terminate();
        await held.ShouldEndAsync();
        (await fleet.Gateways[0].ExitAsync()).ShouldBe(1, "it has cut somebody off, and says so");
        (await fleet.KeysAsync()).ShouldNotContain(
            static key => key.Contains(":tunnel:", StringComparison.Ordinal),
            "it has given back what it owned"
        );
    }
}
