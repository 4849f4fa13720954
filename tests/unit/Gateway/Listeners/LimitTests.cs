using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.WebSockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners;

public sealed class LimitTests
{
    [Fact]
    public async Task ReservedPercent_KeepsThatShareFree()
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        await harness.ApplyAsync(
            EngineHarness.Config(port, server.Port) with
            {
                Capacity = new CapacityConfig { MaxConnections = 10, ReservedPercent = 30 },
            }
        );

        var clients = await EngineProbes.ConnectManyAsync(port, 20);

        (await EngineProbes.CountServedAsync(clients)).ShouldBe(7);
        Refused(harness, "capacity").ShouldBe(13);
        harness.Engine.Snapshot!.Capacity.ShouldBe(10);
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task PerPrefix_SetByReload_CountsWhatIsOpenAlready()
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness(loops: 2);
        var port = (await harness.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        await harness.ApplyAsync(config);
        var first = await EngineProbes.ConnectManyAsync(port, 3);
        (await EngineProbes.CountServedAsync(first)).ShouldBe(3);

        await harness.ApplyAsync(config with { Capacity = new CapacityConfig { PerPrefix = new PrefixLimitConfig { Connections = 4 } } });
        var more = await EngineProbes.ConnectManyAsync(port, 3);
        (await EngineProbes.CountServedAsync(more)).ShouldBe(1);
        Refused(harness, "per_prefix").ShouldBe(2);

        // Other networks, and none: what is open is given back to the right table each time.
        await harness.ApplyAsync(
            config with
            {
                Capacity = new CapacityConfig
                {
                    PerPrefix = new PrefixLimitConfig { Connections = 5, Ipv4Bits = 16 },
                },
            }
        );
        using var fifth = await EngineProbes.TryConnectAsync(port);
        (await EngineProbes.CountServedAsync([fifth])).ShouldBe(1);
        first.ForEach(client => client.Dispose());
        more.ForEach(client => client.Dispose());
        fifth.Dispose();
        await harness.NoneOpenAsync();
        (await EngineProbes.CountServedAsync(await EngineProbes.ConnectManyAsync(port, 5))).ShouldBe(5);
        await harness.ApplyAsync(config);
        (await EngineProbes.CountServedAsync(await EngineProbes.ConnectManyAsync(port, 5))).ShouldBe(5);
    }

    [Fact]
    public async Task Rates_OfListenerAndAddress_RefuseWhatIsTooMuch()
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        // So slow that no token comes back while this runs.
        var limits = new ListenerLimitsConfig
        {
            NewConnections = new RateConfig { PerSecond = 1, Burst = 1000 },
        };
        await harness.ApplyAsync(config with { Listeners = [config.Listeners[0] with { Limits = limits }], Capacity = Rate(1, 3) });
        var clients = await EngineProbes.ConnectManyAsync(port, 20);
        (await EngineProbes.CountServedAsync(clients)).ShouldBeInRange(3, 10);
        Refused(harness, "address_rate").ShouldBeInRange(10, 17);

        limits = new ListenerLimitsConfig
        {
            NewConnections = new RateConfig { PerSecond = 1, Burst = 2 },
        };
        await harness.ApplyAsync(config with { Listeners = [config.Listeners[0] with { Limits = limits }] });
        var others = await EngineProbes.ConnectManyAsync(port, 20);
        (await EngineProbes.CountServedAsync(others)).ShouldBeLessThan(10);
        Refused(harness, "listener_rate").ShouldBeGreaterThan(10);
        clients.ForEach(client => client.Dispose());
        others.ForEach(client => client.Dispose());
        await harness.NoneOpenAsync();

        static CapacityConfig Rate(int perSecond, int burst) =>
            new()
            {
                NewPerAddress = new RateConfig { PerSecond = perSecond, Burst = burst },
            };
    }

    [Fact]
    public async Task Rates_RefusedByTheListeners_TakesNothingOfTheAddress()
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        var capacity = new CapacityConfig
        {
            NewPerAddress = new RateConfig { PerSecond = 1, Burst = 10 },
        };
        var limits = new ListenerLimitsConfig
        {
            NewConnections = new RateConfig { PerSecond = 1, Burst = 1 },
        };
        await harness.ApplyAsync(config with { Listeners = [config.Listeners[0] with { Limits = limits }], Capacity = capacity });

        var clients = await EngineProbes.ConnectManyAsync(port, 40);
        await EngineProbes.CountServedAsync(clients);

        Refused(harness, "listener_rate").ShouldBeGreaterThan(30);
        Refused(harness, "address_rate").ShouldBe(0);
        clients.ForEach(client => client.Dispose());
    }

    [Theory]
    [InlineData(RefusalAnswer.Close, "")]
    [InlineData(RefusalAnswer.Message, "full, sorry\n")]
    public async Task Refuse_Tcp_GivesTheAnswerThatIsConfigured(RefusalAnswer refuse, string answer)
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        var limits = new ListenerLimitsConfig { Refuse = refuse, Message = refuse == RefusalAnswer.Message ? "full, sorry\n" : "" };
        await harness.ApplyAsync(config with { Listeners = [config.Listeners[0] with { Limits = limits, MaxConnections = 1 }] });
        using var first = await EngineHarness.ConnectAsync(port);
        (await EngineProbes.CountServedAsync([first])).ShouldBe(1);

        using var second = await EngineHarness.ConnectAsync(port);

        (await ProxyProtocolTests.ReadAsync(second, 100)).ShouldBe(answer);
        Refused(harness, "listener_capacity").ShouldBe(1);
        harness.Engine.Connections.ShouldBe(1);
    }

    [Fact]
    public async Task Refuse_FloodThatReadsNoAnswer_KeepsABoundedNumberOfSockets()
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        var limits = new ListenerLimitsConfig { Refuse = RefusalAnswer.Message, Message = "no" };
        await harness.ApplyAsync(config with { Listeners = [config.Listeners[0] with { Limits = limits, MaxConnections = 1 }] });
        var clients = await EngineProbes.ConnectManyAsync(port, 400);
        await Until.TrueAsync(() => Refused(harness, "listener_capacity") == 399, EngineHarness.Patience, "all but one are refused");

        harness.Engine.Loops[0].Refuser.Lingering.ShouldBeInRange(0, Refuser.MaxLingering);

        await Until.TrueAsync(() => harness.Engine.Loops[0].Refuser.Lingering == 0, EngineHarness.Patience, "none lingers");
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Refuse_WebSocket_IsAnsweredInHttp()
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness(change: o => o with { Upgrades = listener => new ProxyUpgradeHandler(listener) });
        var port = (await harness.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        var listener = config.Listeners[0] with
        {
            Protocol = ListenerProtocol.WebSocket,
            Limits = new ListenerLimitsConfig { Refuse = RefusalAnswer.Message },
        };
        await harness.ApplyAsync(
            config with
            {
                Listeners = [listener],
                Capacity = new CapacityConfig { PerAddress = 1 },
            }
        );
        using var first = await EngineHarness.ConnectAsync(port);
        await Until.TrueAsync(() => harness.Engine.Connections == 1, EngineHarness.Patience, "the first is in");
        using var second = await EngineHarness.ConnectAsync(port);
        await second.SendAsync("GET / HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray());
        (await ProxyProtocolTests.ReadAsync(second, 4000)).ShouldStartWith("HTTP/1.1 429 Too Many Requests\r\n");

        await harness.ApplyAsync(config with { Listeners = [listener with { MaxConnections = 1 }] });
        using var third = await EngineHarness.ConnectAsync(port);
        (await ProxyProtocolTests.ReadAsync(third, 4000)).ShouldStartWith("HTTP/1.1 503 Service Unavailable\r\n");
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public async Task Bandwidth_LargeTransfer_KeepsTheRateAndLosesNothing(bool perConnection, bool download)
    {
        const int Rate = 1_000_000;
        var data = RandomNumberGenerator.GetBytes(1_200_000);
        var received = new TaskCompletionSource<byte[]>();
        using var server = new TestServer(async socket =>
        {
            if (download)
            {
                await SendAsync(socket, data);
                socket.Shutdown(SocketShutdown.Send);
            }
            else
            {
                received.TrySetResult(await ReadToEndAsync(socket));
            }
        });
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        var bandwidth = download ? new BandwidthConfig { SendBytesPerSecond = Rate } : new BandwidthConfig { ReceiveBytesPerSecond = Rate };
        var limits = perConnection
            ? new ListenerLimitsConfig { ConnectionBandwidth = bandwidth }
            : new ListenerLimitsConfig { Bandwidth = bandwidth };
        await harness.ApplyAsync(config with { Listeners = [config.Listeners[0] with { Limits = limits }] });
        using var client = await EngineHarness.ConnectAsync(port);
        var time = Stopwatch.StartNew();
        byte[] got;
        if (download)
        {
            got = await ReadToEndAsync(client);
        }
        else
        {
            await SendAsync(client, data);
            client.Shutdown(SocketShutdown.Send);
            got = await received.Task.WaitAsync(EngineHarness.Patience);
        }

        got.ShouldBe(data);
        // 1.2 MB less the burst of a quarter of a second: never faster than that, on any machine.
        time.Elapsed.TotalSeconds.ShouldBeGreaterThan(0.85);
        client.Dispose();
        await harness.NoneOpenAsync();
        harness.Engine.Loops.Sum(loop => loop.Shaper.Count).ShouldBe(0);
    }

    [Fact]
    public async Task Bandwidth_SetByReload_HoldsForOpenConnectionsAndIsLifted()
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        await harness.ApplyAsync(config);
        using var client = await EngineHarness.ConnectAsync(port);
        (await EngineProbes.CountServedAsync([client])).ShouldBe(1);
        var limits = new ListenerLimitsConfig { ConnectionBandwidth = new BandwidthConfig { SendBytesPerSecond = 1_000 } };
        await harness.ApplyAsync(config with { Listeners = [config.Listeners[0] with { Limits = limits }] });
        harness.Engine.Loops[0].Shaper.Count.ShouldBe(1);
        // Minutes at this rate.
        var data = RandomNumberGenerator.GetBytes(300_000);
        var sending = SendAsync(client, data);
        await Until.TrueAsync(() => Pauses(harness) > 0, EngineHarness.Patience, "reading is held up");

        await harness.ApplyAsync(config);

        var echoed = new byte[data.Length];
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        for (var count = 0; count < echoed.Length; )
        {
            count += await client.ReceiveAsync(echoed.AsMemory(count), limit.Token);
        }

        await sending;
        echoed.ShouldBe(data);
    }

    [Fact]
    public async Task Bandwidth_OfAnotherProtocolsListenerOfTheName_HoldsForNoneFromBefore()
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        await harness.ApplyAsync(config);
        using var client = await EngineHarness.ConnectAsync(port);
        (await EngineProbes.CountServedAsync([client])).ShouldBe(1);
        var tunnels = new ListenerConfig
        {
            Name = config.Listeners[0].Name,
            Protocol = ListenerProtocol.Tunnel,
            Port = port,
            Tunnel = new TunnelListenerConfig
            {
                PortRange = new PortRangeConfig { Start = 20_000, End = 20_001 },
            },
            Limits = new ListenerLimitsConfig { ConnectionBandwidth = new BandwidthConfig { SendBytesPerSecond = 1_000 } },
        };

        await harness.ApplyAsync(config with { Listeners = [tunnels] });

        harness.Engine.Loops[0].Shaper.Count.ShouldBe(0);
        (await EngineProbes.CountServedAsync([client])).ShouldBe(1);
    }

    [Fact]
    public async Task Bandwidth_OfTheListener_IsSharedByItsConnections()
    {
        var data = RandomNumberGenerator.GetBytes(300_000);
        using var server = new TestServer(async socket =>
        {
            await SendAsync(socket, data);
            socket.Shutdown(SocketShutdown.Send);
        });
        await using var harness = new EngineHarness(loops: 2);
        var port = (await harness.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        var limits = new ListenerLimitsConfig { Bandwidth = new BandwidthConfig { SendBytesPerSecond = 1_000_000 } };
        await harness.ApplyAsync(config with { Listeners = [config.Listeners[0] with { Limits = limits }] });
        var time = Stopwatch.StartNew();

        var clients = await EngineProbes.ConnectManyAsync(port, 4);
        var got = await Task.WhenAll(clients.Select(ReadToEndAsync));

        got.ShouldAllBe(bytes => bytes.SequenceEqual(data));
        time.Elapsed.TotalSeconds.ShouldBeGreaterThan(0.8);
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Bandwidth_OfAListenerOnManyLoops_IsNoMoreForTheirNumber()
    {
        var data = RandomNumberGenerator.GetBytes(60_000);
        using var server = new TestServer(async socket =>
        {
            await SendAsync(socket, data);
            socket.Shutdown(SocketShutdown.Send);
        });
        await using var harness = new EngineHarness(loops: 16);
        var port = (await harness.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        var limits = new ListenerLimitsConfig { Bandwidth = new BandwidthConfig { SendBytesPerSecond = 1_000_000 } };
        await harness.ApplyAsync(config with { Listeners = [config.Listeners[0] with { Limits = limits }] });
        var time = Stopwatch.StartNew();

        var clients = await EngineProbes.ConnectManyAsync(port, 32);
        var got = await Task.WhenAll(clients.Select(ReadToEndAsync));

        got.ShouldAllBe(bytes => bytes.SequenceEqual(data));
        // 1.92 MB less the burst of a quarter of a second.
        time.Elapsed.TotalSeconds.ShouldBeGreaterThan(1.6);
        clients.ForEach(client => client.Dispose());
    }

    private static unsafe long Pauses(EngineHarness harness) => harness.Engine.Loops.Sum(loop => loop.Counters[0]->Pauses);

    private static long Refused(EngineHarness harness, string reason) =>
        harness.Engine.ListenerLoads().Single().RefusedTotal.GetValueOrDefault(reason);

    private static async Task SendAsync(Socket socket, byte[] data)
    {
        for (var sent = 0; sent < data.Length; )
        {
            sent += await socket.SendAsync(data.AsMemory(sent));
        }
    }

    private static async Task<byte[]> ReadToEndAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        using var result = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (await socket.ReceiveAsync(buffer, limit.Token) is > 0 and var count)
        {
            result.Write(buffer, 0, count);
        }

        return result.ToArray();
    }
}
