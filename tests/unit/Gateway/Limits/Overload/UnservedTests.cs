using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Limits.Overload;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Tests.Listeners.Tls;
using Mooring.Gateway.Tests.Transport.Tls;
using Mooring.Gateway.Tests.WebSockets;
using Mooring.Gateway.WebSockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Limits.Overload;

/// <summary>Memory pressure while the memory is with clients that have no upstream: handshakes, heads in part, the Hub's.</summary>
public sealed class UnservedTests
{
    private const long Limit = 1L << 40;
    private Func<long> _usage = () => 0;

    [Fact]
    public async Task Handshakes_UnderPressure_AreShed_AndOthersStay()
    {
        await using var gateway = new TlsHarness(change: Watched);
        using var server = new TestServer();
        await gateway.ServeAsync(server.Port, gateway.ServerTls() with { HandshakeTimeout = TimeSpan.FromMinutes(1) });
        await gateway.Gateway.ApplyAsync(gateway.Config with { Overload = new OverloadConfig() });
        await using var served = await TlsStreams.ConnectAsync(gateway.Port, gateway.Authority);
        var hello = await Hellos.RealAsync("a.example.com");
        var slow = await EngineProbes.ConnectManyAsync(gateway.Port, 5);
        slow.ForEach(client => client.Send(hello));
        var weighed = await WeighedAsync(gateway.Gateway, 5);
        weighed.ShouldAllBe(one => one.Bytes >= HandshakeBudget.HandshakeBytes && one.Moved == 0);

        _usage = () => gateway.Gateway.Engine.OverloadLoad().ShedTotal >= 5 ? 0 : Limit / 100 * 95;
        await Until.TrueAsync(() => gateway.Gateway.Records.Count == 5, EngineHarness.Patience, "they are closed");
        gateway.Gateway.Records.ShouldAllBe(record => record.Reason == CloseReason.MemoryPressure);
        await TlsTransfer.EchoAsync(served, 2_000, 1_000, seed: 1);
        slow.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task HeadInPart_IsWeighed()
    {
        await using var gateway = new EngineHarness(1, Watched);
        using var server = new TestServer();
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        await gateway.ApplyAsync(config with { Listeners = [config.Listeners[0] with { Protocol = ListenerProtocol.WebSocket }] });
        using var client = await EngineHarness.ConnectAsync(port);
        await client.SendAsync(Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nX: {new string('a', 10_000)}"));
        (await WeighedAsync(gateway, 1))[0].Bytes.ShouldBeGreaterThan(10_000);
    }

    [Fact]
    public async Task HubClientThatReadsNothing_UnderPressure_IsShed()
    {
        await using var gateway = new EngineHarness(1, Watched);
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port);
        var hub = new HubConfig
        {
            Anonymous = true,
            QueueBytes = 64 << 20,
            QueueAge = TimeSpan.FromMinutes(5),
            PingInterval = TimeSpan.FromMinutes(5),
            Namespaces =
            [
                new HubNamespaceConfig
                {
                    Name = "",
                    Subscribe = HubAudience.Everyone,
                    Publish = HubAudience.Everyone,
                },
            ],
        };
        var listener = config.Listeners[0] with
        {
            Protocol = ListenerProtocol.WebSocket,
            Backend = null,
            WebSocket = new WebSocketListenerConfig { Mode = WebSocketMode.Hub, Hub = hub },
        };
        await gateway.ApplyAsync(config with { Listeners = [listener], Backends = [], Overload = new OverloadConfig() });
        using var quick = await RawClient.UpgradeAsync(port, Text("""{"id":1,"connect":{}}"""));
        using var slow = await RawClient.UpgradeAsync(port, Text("""{"id":1,"connect":{}}"""));
        await slow.SendAsync(Text("""{"id":2,"subscribe":{"channel":"a"}}"""));
        var publish = Text($$"""{"publish":{"channel":"a","data":"{{new string('a', 60_000)}}"},"id":3}""");
        await Until.TrueAsync(
            async () =>
            {
                // What it says itself comes back to it, and stays: first in the kernel, which takes 10 MiB at most, then here.
                for (var i = 0; i < 20; i++)
                {
                    await slow.SendAsync(publish);
                }

                return (await WeighAsync(gateway)).Any(one => one.Bytes > 24 << 20 && one.Moved > publish.Length);
            },
            EngineHarness.Patience,
            "more waits than the kernel will take"
        );

        _usage = () => gateway.Engine.OverloadLoad().ShedTotal > 0 ? 0 : Limit / 100 * 95;
        await Until.TrueAsync(() => gateway.Records.Count == 1, EngineHarness.Patience, "it is closed");
        gateway.Records[0].Reason.ShouldBe(CloseReason.MemoryPressure);
        gateway.Records[0].ClientPort.ShouldBe(((System.Net.IPEndPoint)slow.LocalEndPoint!).Port);
        gateway.Engine.Connections.ShouldBe(1);
    }

    private EngineOptions Watched(EngineOptions options) =>
        options with
        {
            Memory = _ => new MemoryReading(Volatile.Read(ref _usage)(), Limit),
            Upgrades = static listener => new ProxyUpgradeHandler(listener),
        };

    private static async Task<List<HeavyConnection>> WeighedAsync(EngineHarness gateway, int count)
    {
        List<HeavyConnection> weighed = [];
        await Until.TrueAsync(
            async () => (weighed = await WeighAsync(gateway)).Count == count,
            EngineHarness.Patience,
            $"{count} weigh something"
        );
        return weighed;
    }

    private static async Task<List<HeavyConnection>> WeighAsync(EngineHarness gateway) =>
        await gateway.Engine.Loops[0].InvokeAsync(gateway.Engine.Loops[0].Scale.Weigh);

    /// <summary>A text message in a frame, masked with zeros.</summary>
    private static byte[] Text(string message)
    {
        var payload = Encoding.ASCII.GetBytes(message);
        byte[] length =
            payload.Length < 126 ? [(byte)(0x80 | payload.Length)] : [0x80 | 126, (byte)(payload.Length >> 8), (byte)payload.Length];
        return [0x81, .. length, 0, 0, 0, 0, .. payload];
    }
}
