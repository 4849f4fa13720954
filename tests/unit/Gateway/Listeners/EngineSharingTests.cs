using System.Net.Sockets;
using Mooring.Gateway.Listeners;
using static Mooring.Gateway.Tests.Listeners.EngineProbes;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>Listening sockets that are shared, taken over or let go.</summary>
public sealed class EngineSharingTests
{
    [Fact]
    public async Task Accept_SocketShutDownByItsOwner_DoesNotHoldUpTheLoop()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var ports = await gateway.ListenAsync(2);
        await gateway.ApplyAsync(
            EngineHarness.Config(ports[0], server.Port) with
            {
                Listeners = [EngineHarness.Listener("one", ports[0]), EngineHarness.Listener("two", ports[1])],
            }
        );
        gateway.Owned[0].Shutdown(SocketShutdown.Both);
        using var client = await EngineHarness.ConnectAsync(ports[1]);
        await TcpRelayTests.ExchangeAsync(client, 1000, 1000, 1);
    }

    [Fact]
    public async Task Bind_PortTaken_NamesListenerAndPortAndOpensNone()
    {
        using var taken = new TestServer();
        await using var gateway = new EngineHarness(change: options => options with { BindsListeners = true });
        var free = ClosedPort();
        var config = EngineHarness.Config(free, taken.Port);
        var result = await gateway.Engine.ApplyConfigAsync(
            config with
            {
                Listeners = [EngineHarness.Listener("a", free), EngineHarness.Listener("b", taken.Port)],
            }
        );
        result
            .Errors.ShouldHaveSingleItem()
            .ShouldBe($"listeners[1].port: listener 'b' cannot listen on port {taken.Port}: Address already in use");
        await Should.ThrowAsync<SocketException>(() => EngineHarness.ConnectAsync(free));

        (await gateway.Engine.ApplyConfigAsync(config)).Accepted.ShouldBeTrue();
        (await CountServedAsync(await ConnectManyAsync(free, 1))).ShouldBe(1);
    }

    [Fact]
    public async Task Handover_SocketMissingFromTheNextSet_IsLetGoButStaysOpenElsewhere()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = await gateway.ServeAsync(server.Port);
        gateway.Engine.WaitingListeners.ShouldBeEmpty();
        await gateway.HandOverAsync([]);
        gateway.Engine.WaitingListeners.ShouldBe(["edge"]);

        // The owner's queue takes the connection; whoever gets the socket next serves it.
        using var client = await EngineHarness.ConnectAsync(port);
        await client.SendAsync(new byte[5]);
        await gateway.HandOverAsync(gateway.Owned);
        (await client.ReceiveAsync(new byte[5])).ShouldBe(5);
    }

    [Fact]
    public async Task Pause_OneOfTwoEngines_LeavesTheConnectionsToTheOther()
    {
        using var server = new TestServer();
        await using var one = new EngineHarness();
        await using var two = new EngineHarness();
        var port = await one.ServeAsync(server.Port);
        await two.HandOverAsync(one.Owned);
        await two.ApplyAsync(EngineHarness.Config(port, server.Port));
        await one.Engine.SetModeAsync(AcceptMode.Pause);
        var clients = await ConnectManyAsync(port, 20);
        (await CountServedAsync(clients)).ShouldBe(20);
        (one.Engine.Connections, two.Engine.Connections).ShouldBe((0, 20));

        await one.Engine.SetModeAsync(AcceptMode.Accept);
        await two.Engine.SetModeAsync(AcceptMode.Pause);
        var others = await ConnectManyAsync(port, 5);
        (await CountServedAsync(others)).ShouldBe(5);
        one.Engine.Connections.ShouldBe(5);
        clients.Concat(others).ToList().ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Shared_OneClientAtATime_IsSpreadOverBothEngines()
    {
        using var server = new TestServer();
        await using var one = new EngineHarness();
        await using var two = new EngineHarness();
        var port = await one.ServeAsync(server.Port);
        await two.HandOverAsync(one.Owned);
        await two.ApplyAsync(EngineHarness.Config(port, server.Port));
        var clients = new List<Socket>();
        for (var i = 0; i < 40; i++)
        {
            clients.AddRange(await ConnectManyAsync(port, 1));
            (await CountServedAsync(clients.TakeLast(1))).ShouldBe(1);
        }

        // The kernel alone would give all of them to the one that waited first.
        one.Engine.Connections.ShouldBeInRange(10, 30);
        two.Engine.Connections.ShouldBe(40 - one.Engine.Connections);
        clients.ForEach(client => client.Dispose());
    }
}
