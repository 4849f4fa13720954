using System.Globalization;
using Xunit.Abstractions;

namespace Mooring.Chaos.Tests;

/// <summary>
/// One gateway of four is paused (SIGSTOP), which is worse than dead: its host acknowledges whatever is sent there, so that each connection
/// through it looks alive. As many tunnels as <see cref="TunnelChaosTests"/> has.
/// </summary>
public sealed class PausedGatewayTests(ITestOutputHelper output)
{
    private const int Full = 500;

    /// <summary>New connections of clients go to the others, or to it as well: a load balancer has not noticed yet.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task VisitorsOfAllTunnels_AreAnsweredAgain_ThroughTheOthers(bool noticed)
    {
        var count = int.Parse(Environment.GetEnvironmentVariable("MOORING_CHAOS_TUNNELS") ?? "40", CultureInfo.InvariantCulture);
        // What the full form is held to where the others get all that is new; a busy machine takes its time, and a test run must not fail by that.
        var limit = TimeSpan.FromSeconds(count >= Full && noticed ? 30 : 120);
        await using var fleet = await TunnelFleet.StartAsync(4, maxTunnels: count + 100, TimeSpan.FromSeconds(60));
        using var door = new FrontDoor(fleet);
        var clients = Enumerable.Range(0, count).Select(i => new OwnTunnel($"own-{i}", door.Port)).ToList();
        var ports = clients.SelectMany(static client => client.Ports).ToList();
        var visitors = new Visitors(fleet, ports);
        (await visitors.AllAnswerAsync(() => fleet.Up, TunnelFleet.Patience * 3, atOnce: 64)).Missing.ShouldBeEmpty();
        var paused = fleet.Gateways[1];
        var owned = (await fleet.OwnersAsync()).Values.Count(owner => owner == paused.Name);

        paused.IsUnnoticed = !noticed;
        paused.Pause();
        var (last, missing) = await visitors.AllAnswerAsync(() => [fleet.Up[Random.Shared.Next(fleet.Up.Count)]], limit, atOnce: 256);
        output.WriteLine($"{count} tunnels, {owned} of them the paused gateway's: all answer after {last.TotalSeconds:0.0} s");
        missing.Select(static port => $"{port.Name} ({port.Number})").ShouldBeEmpty();

        paused.IsUnnoticed = false;
        paused.Resume();
        (await visitors.AllAnswerAsync(() => fleet.Up, TunnelFleet.Patience * 2, atOnce: 16)).Missing.ShouldBeEmpty("through each gateway");
        ports
            .Where(static port => port.Number != port.First)
            .Select(static port => port.Name)
            .ShouldBeEmpty("each has the port that it had");
        ports.Select(static port => port.Number).ShouldBeUnique();
        visitors.Strangers.ShouldBeEmpty();
        await Task.WhenAll(clients.Select(static client => client.DisposeAsync().AsTask()));
    }
}
