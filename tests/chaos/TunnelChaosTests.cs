using System.Diagnostics;
using System.Globalization;
using Mooring.Testing;
using Xunit.Abstractions;

namespace Mooring.Chaos.Tests;

/// <summary>
/// Many tunnels over four gateways, of our client and of bore in a restart loop, while gateways are killed and Redis comes and goes. The short
/// form is for every test run; <c>make chaos</c> runs the full one (<c>MOORING_CHAOS_TUNNELS</c>).
/// </summary>
public sealed class TunnelChaosTests(ITestOutputHelper output)
{
    private const int Full = 500;
    private const int PortsPerProcess = 5;
    private const int Loaders = 6;

    [Fact]
    public async Task Tunnels_GatewaysKilledAndRedisRestarted_AllComeBackWithTheirPorts()
    {
        var count = int.Parse(Environment.GetEnvironmentVariable("MOORING_CHAOS_TUNNELS") ?? "60", CultureInfo.InvariantCulture);
        var isFull = count >= Full;
        // What the full form is held to; a busy machine takes its time, and a test run must not fail by that.
        var back = isFull ? TimeSpan.FromSeconds(30) : TimeSpan.FromSeconds(90);
        var ttl = isFull ? TimeSpan.FromSeconds(60) : TimeSpan.FromSeconds(15);
        await using var fleet = await TunnelFleet.StartAsync(4, maxTunnels: count + 100, ttl);
        var keysBefore = await fleet.KeysAsync();
        var before = fleet.Gateways.Select(static gateway => (Fds: gateway.Descriptors(), Rss: gateway.ResidentMegabytes())).ToList();
        using var door = new FrontDoor(fleet);
        var clients = Open(count, fleet, door.Port);
        var ports = clients.SelectMany(static client => client.Ports).ToList();
        var visitors = new Visitors(fleet, ports);
        using var stop = new CancellationTokenSource();
        var load = Task.CompletedTask;
        try
        {
            await ShouldAnswerAsync("opened", visitors, fleet, TunnelFleet.Patience * (isFull ? 3 : 1));
            ports.Select(static port => port.Number).ShouldBeUnique();
            load = Task.WhenAll(Enumerable.Range(0, Loaders).Select(_ => Task.Run(() => visitors.LoadAsync(stop.Token))));

            // Two gateways and the registry, which comes back with nothing.
            fleet.Gateways[0].Kill();
            fleet.Gateways[1].Kill();
            fleet.Redis.Kill();
            await fleet.Redis.StartAgainAsync();
            await ShouldAnswerAsync("two killed, Redis back empty", visitors, fleet, back);
            await fleet.Gateways[0].StartAsync();
            await fleet.Gateways[1].StartAsync();
            await fleet.RegisteredAsync();

            // The others, and the registry, which keeps its data.
            await fleet.Redis.CliAsync("SAVE");
            fleet.Redis.Kill();
            fleet.Gateways[2].Kill();
            fleet.Gateways[3].Kill();
            await Task.WhenAll(fleet.Gateways[2].StartAsync(), fleet.Gateways[3].StartAsync(), fleet.Redis.StartAgainAsync());
            await ShouldAnswerAsync("two killed and started, Redis back with its data", visitors, fleet, back);
        }
        finally
        {
            await stop.CancelAsync();
            await load;
        }

        output.WriteLine($"visitors under load: {visitors.Served} served, {visitors.Failed} failed");
        visitors.Strangers.ShouldBeEmpty();
        var peak = fleet.Gateways.Select(static gateway => (Fds: gateway.Descriptors(), Rss: gateway.ResidentMegabytes())).ToList();
        await ShouldBeConsistentAsync(fleet, visitors, ports);
        await Task.WhenAll(clients.Select(static client => client.DisposeAsync().AsTask()));
        await NothingLeftAsync(fleet, keysBefore, before, peak, ttl);
    }

    private static List<TunnelClientUnderTest> Open(int count, TunnelFleet fleet, int door)
    {
        var clients = new List<TunnelClientUnderTest>();
        var processes = count >= Full ? 20 : 2;
        for (var i = 0; i < processes; i++)
        {
            var number = i;
            clients.Add(new ProcessTunnel([.. Enumerable.Range(0, PortsPerProcess).Select(port => $"process-{number}-{port}")], door));
        }

        for (var i = processes; i < count; i++)
        {
            clients.Add(i % 5 < 2 ? new BoreTunnel($"bore-{i}", fleet) : new OwnTunnel($"own-{i}", door));
        }

        return clients;
    }

    private async Task ShouldAnswerAsync(string what, Visitors visitors, TunnelFleet fleet, TimeSpan limit)
    {
        // Many at a time: a visitor of a client that is gone waits for it, and must not keep the others from being looked at.
        var (last, missing) = await visitors.AllAnswerAsync(() => [fleet.Up[Random.Shared.Next(fleet.Up.Count)]], limit, atOnce: 256);
        output.WriteLine($"{what}: all answer after {last.TotalSeconds:0.0} s");
        missing.Select(static port => $"{port.Name} ({port.Number}, first {port.First})").ShouldBeEmpty(what);
    }

    /// <summary>No port is anybody else's than the clients believe: by the registry, and by whoever answers there through each gateway.</summary>
    private async Task ShouldBeConsistentAsync(TunnelFleet fleet, Visitors visitors, IReadOnlyList<PublicPort> ports)
    {
        ports.Select(static port => port.Number).ShouldBeUnique();
        ports
            .Where(static port => port.Number != port.First)
            .Select(static port => $"{port.Name}: {port.First}, now {port.Number}")
            .ShouldBeEmpty();
        // A claim whose answer was lost is taken back by whoever made it.
        await Until.TrueAsync(
            async () => (await fleet.OwnersAsync()).Keys.Order().SequenceEqual(ports.Select(static port => port.Number).Order()),
            TunnelFleet.Patience,
            "the registry has each port, and no other"
        );
        var (last, missing) = await visitors.AllAnswerAsync(() => fleet.Up, TunnelFleet.Patience, atOnce: 16);
        output.WriteLine($"each port through each gateway: {last.TotalSeconds:0.0} s");
        missing.Select(static port => port.Name).ShouldBeEmpty("each port answers through each gateway");
    }

    private async Task NothingLeftAsync(
        TunnelFleet fleet,
        string[] keysBefore,
        List<(int Fds, long Rss)> before,
        List<(int Fds, long Rss)> peak,
        TimeSpan ttl
    )
    {
        // What a gateway owned that was killed ends by its time to live.
        var since = Stopwatch.GetTimestamp();
        string[] left = [];
        string[] first = [.. (await fleet.KeysAsync()).Except(keysBefore)];
        output.WriteLine($"{first.Length} keys are left at first: {string.Join(' ', first.Take(5))}");
        await Until.TrueAsync(
            async () =>
            {
                left = [.. (await fleet.KeysAsync()).Except(keysBefore)];
                return left.Length == 0;
            },
            ttl + TunnelFleet.Patience,
            "no key is left"
        );
        output.WriteLine($"no key left after {Stopwatch.GetElapsedTime(since).TotalSeconds:0.0} s");
        for (var i = 0; i < fleet.Gateways.Count; i++)
        {
            var gateway = fleet.Gateways[i];
            // Connections that gateways keep ready for each other are let go of after 20 s.
            try
            {
                await Until.TrueAsync(() => gateway.Descriptors() <= before[i].Fds + 2, TunnelFleet.Patience, "they are closed");
            }
            catch (TimeoutException)
            {
                Assert.Fail(
                    $"{gateway.Name} had {before[i].Fds} descriptors, and has {gateway.Descriptors()}: {gateway.DescribeDescriptors()}"
                );
            }

            output.WriteLine(
                $"{gateway.Name}: descriptors {before[i].Fds} before, {peak[i].Fds} with all tunnels, {gateway.Descriptors()} after; RSS {before[i].Rss}, {peak[i].Rss}, {gateway.ResidentMegabytes()} MiB"
            );
            gateway.ResidentMegabytes().ShouldBeLessThan(before[i].Rss + 150);
        }
    }
}
