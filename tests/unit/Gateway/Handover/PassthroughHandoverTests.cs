using Mooring.Contracts.Configuration;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Tests.Transport.Tls;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Handover;

/// <summary>Connections of TLS that is passed through, handed over.</summary>
public sealed class PassthroughHandoverTests
{
    [Theory]
    [InlineData("b.example.com")]
    [InlineData(null)]
    public async Task Move_ServerNameGoesAlong_AndIsLoggedByTheLast(string? name)
    {
        using var server = new TestServer();
        await using var one = new EngineHarness();
        await using var two = new EngineHarness();
        await using var three = new EngineHarness();
        var port = (await one.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        config = config with { Listeners = [config.Listeners[0] with { Tls = new TlsListenerConfig { Mode = TlsMode.Passthrough } }] };
        foreach (var engine in new[] { one, two, three })
        {
            await engine.ApplyAsync(config);
        }

        var hello = Hellos.Whole(name);
        using (var client = await EngineHarness.ConnectAsync(port))
        {
            await client.SendAsync(hello);
            await EchoedAsync(client, hello);
            one.Engine.ListenerLoads()[0].Tls.ShouldBeNull("no handshake is open, waiting or done here");
            await HandoverPair.MoveAllAsync(one.Engine, two.Engine);
            await HandoverPair.MoveAllAsync(two.Engine, three.Engine);
            await client.SendAsync(new byte[10]);
            await EchoedAsync(client, new byte[10]);
        }

        await Until.TrueAsync(() => three.Records.Count == 1, EngineHarness.Patience, "it is logged");
        three.Records[0].Tls.ShouldBe(name is null ? null : new(name));
        one.Records.ShouldBeEmpty();
        two.Records.ShouldBeEmpty();
    }

    private static async Task EchoedAsync(System.Net.Sockets.Socket client, byte[] expected)
    {
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        await using var stream = new System.Net.Sockets.NetworkStream(client);
        var echo = new byte[expected.Length];
        await stream.ReadExactlyAsync(echo, limit.Token);
        echo.ShouldBe(expected);
    }
}
