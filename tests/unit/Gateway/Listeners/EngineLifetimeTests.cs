using System.Net.Sockets;
using System.Net.WebSockets;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Tests.WebSockets;
using Mooring.Gateway.Transport;
using Mooring.Testing;
using static Mooring.Gateway.Tests.Listeners.EngineProbes;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>Ends of connections by age and by the endpoint's going, and the options of their sockets.</summary>
public sealed class EngineLifetimeTests
{
    [Fact]
    public void EndsAt_ManyConnections_AreSpreadOverTheJitter()
    {
        var limits = new LifetimeLimits(100_000_000, 20);
        var ends = Enumerable.Range(0, 1000).Select(i => limits.EndsAt(100 + i, started: 5_000_000)).ToList();
        ends.ShouldAllBe(end => end > 85_000_000 && end <= 105_000_000);
        // In ten slices of the jitter, each has about its tenth.
        ends.GroupBy(end => (end - 85_000_000) / 2_000_001).Select(slice => slice.Count()).ShouldAllBe(count => count > 60 && count < 140);
        new LifetimeLimits(100_000_000, 0).EndsAt(7, 5_000_000).ShouldBe(105_000_000);
        limits.TicksLeft(7, 0, 100_000_000).ShouldBe(0u);
    }

    [Fact]
    public async Task MaxDuration_BusyTcpConnection_EndsByReset()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        await gateway.ApplyAsync(
            config with
            {
                Listeners =
                [
                    config.Listeners[0] with
                    {
                        Tcp = new TcpListenerConfig
                        {
                            IdleTimeout = TimeSpan.FromHours(1),
                            Lifetime = new LifetimeConfig { MaxDuration = TimeSpan.FromSeconds(1) },
                        },
                    },
                ],
            }
        );
        using var client = await EngineHarness.ConnectAsync(port);
        await Should.ThrowAsync<SocketException>(async () =>
        {
            using var limit = new CancellationTokenSource(EngineHarness.Patience);
            var buffer = new byte[100];
            while (true)
            {
                await client.SendAsync(buffer, limit.Token);
                await client.ReceiveAsync(buffer, limit.Token);
            }
        });
        await Until.TrueAsync(() => gateway.Records.Count == 1, EngineHarness.Patience, "it is logged");
        gateway.Records[0].Reason.ShouldBe(CloseReason.MaxDuration);
        gateway.Records[0].DurationMicroseconds.ShouldBeGreaterThanOrEqualTo(890_000);
    }

    [Fact]
    public async Task MaxDuration_WebSocket_EndsByCloseFrame()
    {
        await using var backend = await EchoBackend.StartAsync();
        await using var gateway = await ProxyGateway.StartAsync(
            new WebSocketListenerConfig { Lifetime = new LifetimeConfig { MaxDuration = TimeSpan.FromSeconds(1) } },
            "app",
            ProxyGateway.Backend("app", backend.Port)
        );
        using var client = await gateway.ConnectAsync();
        var result = await client.ReceiveAsync(new byte[10], ProxyGateway.Deadline());
        result.MessageType.ShouldBe(WebSocketMessageType.Close);
        client.CloseStatus.ShouldBe((WebSocketCloseStatus)1012);
        await client.CloseOutputAsync((WebSocketCloseStatus)1012, null, ProxyGateway.Deadline());
        await Until.TrueAsync(() => gateway.Engine.Connections == 0, EngineHarness.Patience, "none is left");
    }

    [Fact]
    public async Task DrainTimeout_EndpointRemovedOrDraining_ItsConnectionsAreClosedThen()
    {
        using var first = new TestServer();
        using var second = new TestServer();
        using var third = new TestServer();
        await using var gateway = new EngineHarness(loops: 2);
        var port = (await gateway.ListenAsync())[0];
        await gateway.ApplyAsync(
            EngineHarness.Config(port) with
            {
                Backends =
                [
                    new BackendConfig
                    {
                        Name = "relay",
                        Source = EndpointSource.Pushed,
                        DrainTimeout = TimeSpan.FromMilliseconds(500),
                    },
                ],
            }
        );
        await gateway.Engine.ApplyEndpointsAsync(Push(("pod-1", first.Port, false), ("pod-2", second.Port, false)));
        var clients = await ConnectManyAsync(port, 10);
        (await CountServedAsync(clients)).ShouldBe(10);
        await gateway.Engine.ApplyEndpointsAsync(Push(("pod-2", second.Port, true), ("pod-3", third.Port, false)));
        // Open ones go on for now, new ones go elsewhere.
        using var newer = await EngineHarness.ConnectAsync(port);
        await PingAsync(newer);
        await Until.TrueAsync(() => gateway.Engine.Connections == 1, EngineHarness.Patience, "the ten are closed");
        await PingAsync(newer);
        await Until.TrueAsync(() => gateway.Records.Count == 10, EngineHarness.Patience, "they are logged");
        gateway.Records.ShouldAllBe(record => record.Reason == CloseReason.EndpointDrained);
        gateway.Records.ShouldAllBe(record => record.DurationMicroseconds > 400_000);
        third.Accepted.ShouldBe(1);

        // Held until here: a socket that the collector finds unused resets its connection.
        clients.ForEach(static client => client.Dispose());
    }

    [Fact]
    public async Task Sockets_OptionsOfBothSides_AreSet()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        await gateway.ApplyAsync(config);
        using var byDefault = await ConnectedAsync(port);
        var (client, upstream) = await DescriptorsAsync(gateway);
        ReadOptions(client).ShouldBe((1, 120, 30, 4, 0));
        ReadOptions(upstream).Item1.ShouldBe(0);
        byDefault.Dispose();
        await gateway.NoneOpenAsync();

        await gateway.ApplyAsync(
            config with
            {
                Listeners =
                [
                    config.Listeners[0] with
                    {
                        Tcp = new TcpListenerConfig { Socket = new SocketConfig { UserTimeout = TimeSpan.FromSeconds(20) } },
                    },
                ],
                Backends =
                [
                    config.Backends[0] with
                    {
                        Socket = new SocketConfig
                        {
                            KeepAlive = new KeepAliveConfig
                            {
                                Idle = TimeSpan.FromSeconds(7),
                                Interval = TimeSpan.FromSeconds(8),
                                Probes = 9,
                            },
                            UserTimeout = TimeSpan.FromMilliseconds(1500),
                        },
                    },
                ],
            }
        );
        using var configured = await ConnectedAsync(port);
        (client, upstream) = await DescriptorsAsync(gateway);
        var options = ReadOptions(client);
        (options.Item1, options.Item5).ShouldBe((0, 20_000));
        ReadOptions(upstream).ShouldBe((1, 7, 8, 9, 1500));
    }

    private static async Task<Socket> ConnectedAsync(int port)
    {
        var client = await EngineHarness.ConnectAsync(port);
        await PingAsync(client);
        return client;
    }

    private static async Task<(int Client, int Upstream)> DescriptorsAsync(EngineHarness gateway)
    {
        var client = (await gateway.Engine.ListConnectionsAsync()).Single().Descriptor;
        return (client, await gateway.Engine.Loops[0].InvokeAsync(() => PeerOf(gateway, client)));
    }

    private static unsafe int PeerOf(EngineHarness gateway, int client) => gateway.Engine.Loops[0].Table[client]->Peer;

    private static (int KeepAlive, int Idle, int Interval, int Probes, int UserTimeout) ReadOptions(int socket) =>
        (
            Option(socket, SocketLevel.Socket, SocketOption.KeepAlive),
            Option(socket, SocketLevel.Tcp, SocketOption.TcpKeepIdle),
            Option(socket, SocketLevel.Tcp, SocketOption.TcpKeepInterval),
            Option(socket, SocketLevel.Tcp, SocketOption.TcpKeepCount),
            Option(socket, SocketLevel.Tcp, SocketOption.TcpUserTimeout)
        );

    private static unsafe int Option(int socket, int level, int name)
    {
        var value = -1;
        uint length = sizeof(int);
        Libc.GetSocketOption(socket, level, name, &value, &length).ShouldBe(0);
        return value;
    }
}
