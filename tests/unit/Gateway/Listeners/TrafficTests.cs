using System.Net.Sockets;
using Mooring.Contracts.Stream;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>What the engine says of its traffic, by listener and by backend.</summary>
public sealed class TrafficTests
{
    [Fact]
    public async Task EndedConnections_AreInEveryCountOfListenerAndBackend()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness(loops: 2);
        var port = await gateway.ServeAsync(server.Port);
        for (var i = 0; i < 10; i++)
        {
            using var client = await EngineHarness.ConnectAsync(port);
            await client.SendAsync(new byte[100]);
            await client.ReceiveAsync(new byte[1]);
        }

        await gateway.NoneOpenAsync();
        var listener = gateway.Engine.ListenerLoads().ShouldHaveSingleItem();
        var backend = gateway.Engine.BackendLoads().ShouldHaveSingleItem();
        backend.ReceivedBytesTotal.ShouldBe(listener.SentBytesTotal);
        backend.SentBytesTotal.ShouldBe(1000);
        listener.ReceivedBytesTotal.ShouldBe(1000);
        foreach (var traffic in new[] { listener.Traffic, backend.Traffic })
        {
            traffic.ClosedTotal.Values.Sum().ShouldBe(10);
            traffic.Connect.Counts.Sum().ShouldBe(10);
            traffic.FirstByte.Counts.Sum().ShouldBe(10);
            traffic.Session.Counts.Sum().ShouldBe(10);
            traffic.Session.SumSeconds.ShouldBeGreaterThanOrEqualTo(traffic.FirstByte.SumSeconds);
        }
    }

    [Fact]
    public async Task SilentBackend_HasAConnectTimeAndNoFirstByte()
    {
        using var server = new TestServer(socket => socket.ReceiveAsync(new byte[1]));
        await using var gateway = new EngineHarness();
        using (var client = await EngineHarness.ConnectAsync(await gateway.ServeAsync(server.Port)))
        {
            await client.SendAsync("x"u8.ToArray());
            (await client.ReceiveAsync(new byte[1])).ShouldBe(0);
        }

        await gateway.NoneOpenAsync();
        var traffic = gateway.Engine.ListenerLoads()[0].Traffic;
        traffic.Connect.Counts.Sum().ShouldBe(1);
        traffic.Connect.Counts.Count.ShouldBe(DurationLoad.LatencyBounds.Count + 1);
        traffic.FirstByte.Counts.ShouldBeEmpty();
    }

    [Fact]
    public async Task RefusedByTheBackend_IsAnErrorOfTheListener()
    {
        await using var gateway = new EngineHarness();
        int closed;
        using (var server = new TestServer())
        {
            closed = server.Port;
        }

        var port = await gateway.ServeAsync(closed);
        try
        {
            using var client = await EngineHarness.ConnectAsync(port);
        }
        catch (SocketException)
        {
            // The reset can overtake the connect's own end.
        }

        await Until.TrueAsync(
            () => gateway.Engine.ListenerLoads()[0].Traffic.ClosedTotal.GetValueOrDefault("connect_failed") == 1,
            EngineHarness.Patience,
            "the failure is counted"
        );
    }

    [Fact]
    public async Task Reload_KeepsABackendsTotals_AndGivesANewOneItsOwn()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = await gateway.ServeAsync(server.Port);
        using (var client = await EngineHarness.ConnectAsync(port))
        {
            await client.SendAsync(new byte[10]);
            await client.ReceiveAsync(new byte[10]);
        }

        await gateway.NoneOpenAsync();
        var config = EngineHarness.Config(port, server.Port);
        await gateway.ApplyAsync(config with { Backends = [.. config.Backends, EngineHarness.Backend("other", server.Port)] });

        gateway.Engine.BackendLoads().Select(load => (load.Name, load.SentBytesTotal)).ShouldBe([("relay", 10), ("other", 0)]);
    }
}
