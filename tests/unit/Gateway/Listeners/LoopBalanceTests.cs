using System.Net.Sockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners;

public sealed class LoopBalanceTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Connections_OpenedInABurst_AreSpreadEvenly(int loops)
    {
        const int Clients = 300;
        using var server = new TestServer();
        await using var gateway = new EngineHarness(loops);
        var port = await gateway.ServeAsync(server.Port);
        var clients = await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => EngineHarness.ConnectAsync(port)));
        await Until.TrueAsync(() => gateway.Engine.Connections == Clients, EngineHarness.Patience, "all are admitted");

        var open = gateway.Engine.Loops.Select(loop => loop.Balance.Open).ToArray();
        open.Sum().ShouldBe(Clients);
        // Slack on both sides, a 32nd, and what was under way between two looks.
        (open.Max() - open.Min()).ShouldBeLessThanOrEqualTo(20);

        // Given ones work like any other.
        foreach (var client in clients)
        {
            await client.SendAsync("x"u8.ToArray());
            (await client.ReceiveAsync(new byte[1]).WaitAsync(EngineHarness.Patience)).ShouldBe(1);
            client.Dispose();
        }

        await gateway.NoneOpenAsync();
        gateway.Engine.Loops.Sum(loop => loop.Balance.Open).ShouldBe(0);
    }

    [Fact]
    public async Task Refused_AreNotCounted()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness(loops: 2);
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        await gateway.ApplyAsync(config with { Capacity = config.Capacity with { MaxConnections = 10, ReservedPercent = 0 } });
        var clients = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => TryConnectAsync(port)));
        await Until.TrueAsync(
            () => gateway.Engine.ListenerLoads()[0].RefusedTotal.GetValueOrDefault("capacity") == 40,
            EngineHarness.Patience,
            "the rest is refused"
        );

        gateway.Engine.Loops.Sum(loop => loop.Balance.Open).ShouldBe(10);
        foreach (var client in clients)
        {
            client?.Dispose();
        }
    }

    private static async Task<Socket?> TryConnectAsync(int port)
    {
        try
        {
            return await EngineHarness.ConnectAsync(port);
        }
        catch (SocketException)
        {
            // The refusal's reset can overtake the connect's own end.
            return null;
        }
    }
}
