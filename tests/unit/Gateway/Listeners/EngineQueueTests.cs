using System.Net.Sockets;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Tests.Listeners.Tls;
using Mooring.Gateway.Tests.Transport.Tls;
using Mooring.Testing;
using static Mooring.Gateway.Tests.Listeners.EngineProbes;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>Connections that wait for a place at a backend that is full.</summary>
public sealed class EngineQueueTests
{
    [Fact]
    public async Task Queue_PlacesComeFree_WaitersAreServedInOrder()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness(loops: 2);
        var port = await ServeAsync(gateway, server.Port, new QueueConfig { MaxLength = 10, Timeout = TimeSpan.FromMinutes(1) });
        using var holder = await EngineHarness.ConnectAsync(port);
        await PingAsync(holder);
        var waiting = new List<Socket>();
        for (var i = 0; i < 5; i++)
        {
            waiting.Add(await EngineHarness.ConnectAsync(port));
            var length = i + 1;
            await Until.TrueAsync(() => Queue(gateway).Length == length, EngineHarness.Patience, $"{length} wait");
        }

        holder.Dispose();
        for (var i = 0; i < 5; i++)
        {
            await PingAsync(waiting[i]);
            gateway.Engine.BackendLoads()[0].Endpoints[0].Connections.ShouldBe(1);
            Queue(gateway).Length.ShouldBe(4 - i);
            waiting[i].Dispose();
        }

        await gateway.NoneOpenAsync();
        Queue(gateway)
            .ShouldBe(
                new QueueLoad
                {
                    Length = 0,
                    WaitedTotal = 5,
                    ServedTotal = 5,
                }
            );
        gateway.Engine.BackendLoads()[0].Endpoints[0].Connections.ShouldBe(0);
    }

    [Fact]
    public async Task Queue_FullOrTooSlow_IsRefusedAndCounted()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = await ServeAsync(gateway, server.Port, new QueueConfig { MaxLength = 1, Timeout = TimeSpan.FromMilliseconds(300) });
        using var holder = await EngineHarness.ConnectAsync(port);
        await PingAsync(holder);
        using var waiter = await TryConnectAsync(port);
        await Until.TrueAsync(() => Queue(gateway) is { WaitedTotal: 1 }, EngineHarness.Patience, "one waits");
        await IsResetAsync(port);
        (await CountServedAsync([waiter])).ShouldBe(0);
        var refused = gateway.Engine.ListenerLoads()[0].RefusedTotal;
        (refused.GetValueOrDefault("queue_timeout") + refused.GetValueOrDefault("queue_full")).ShouldBe(2);
        refused["queue_timeout"].ShouldBeGreaterThan(0);
        Queue(gateway).Length.ShouldBe(0);
        await PingAsync(holder);
    }

    [Theory]
    [InlineData(RefusalAnswer.Message, "busy, sorry\n")]
    [InlineData(RefusalAnswer.Close, "")]
    public async Task Queue_Full_ClientGetsTheAnswerThatIsConfigured(RefusalAnswer refuse, string answer)
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var limits = new ListenerLimitsConfig { Refuse = refuse, Message = answer };
        var port = await ServeAsync(gateway, server.Port, new QueueConfig { MaxLength = 1, Timeout = TimeSpan.FromMinutes(1) }, limits);
        using var holder = await EngineHarness.ConnectAsync(port);
        await PingAsync(holder);
        using var waiter = await EngineHarness.ConnectAsync(port);
        await Until.TrueAsync(() => Queue(gateway) is { Length: 1 }, EngineHarness.Patience, "one waits");

        using var third = await EngineHarness.ConnectAsync(port);
        if (refuse == RefusalAnswer.Message)
        {
            // It speaks too, before or after, which must not become a reset that loses the answer.
            await third.SendAsync("hello"u8.ToArray());
        }

        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        var got = new MemoryStream();
        var buffer = new byte[256];
        while (await third.ReceiveAsync(buffer, limit.Token) is > 0 and var count)
        {
            got.Write(buffer, 0, count);
        }

        Encoding.ASCII.GetString(got.ToArray()).ShouldBe(answer);
        gateway.Engine.ListenerLoads()[0].RefusedTotal["queue_full"].ShouldBe(1);
        await PingAsync(holder);
    }

    [Fact]
    public async Task Queue_WaiterLeaves_ItsPlaceGoesToTheNextOne()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = await ServeAsync(gateway, server.Port, new QueueConfig { Timeout = TimeSpan.FromMinutes(1) });
        using var holder = await EngineHarness.ConnectAsync(port);
        await PingAsync(holder);
        using var first = await EngineHarness.ConnectAsync(port);
        await Until.TrueAsync(() => Queue(gateway).Length == 1, EngineHarness.Patience, "the first waits");
        using var second = await EngineHarness.ConnectAsync(port);
        await Until.TrueAsync(() => Queue(gateway).Length == 2, EngineHarness.Patience, "the second waits");
        first.LingerState = new LingerOption(true, 0);
        first.Dispose();
        holder.Dispose();
        await TcpRelayTests.ExchangeAsync(second, 1000, 1000, 1);
        server.Accepted.ShouldBe(2);
    }

    /// <summary>Without that a line would be full of those who have gone.</summary>
    [Fact]
    public async Task Queue_WaiterIsReset_IsOutOfTheLineAtOnce()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = await ServeAsync(gateway, server.Port, new QueueConfig { MaxLength = 1, Timeout = TimeSpan.FromMinutes(1) });
        using var holder = await EngineHarness.ConnectAsync(port);
        await PingAsync(holder);
        using var first = await EngineHarness.ConnectAsync(port);
        await first.SendAsync("hello"u8.ToArray());
        await Until.TrueAsync(() => Queue(gateway).Length == 1, EngineHarness.Patience, "the first waits");
        first.LingerState = new LingerOption(true, 0);
        first.Dispose();
        await Until.TrueAsync(() => Queue(gateway) is { Length: 0, LeftTotal: 1 }, EngineHarness.Patience, "the first is gone");
        await Until.TrueAsync(
            () => gateway.Records.Any(record => record.Reason == Gateway.Listeners.CloseReason.ClientReset),
            EngineHarness.Patience,
            "it is logged"
        );

        using var second = await EngineHarness.ConnectAsync(port);
        await Until.TrueAsync(() => Queue(gateway).Length == 1, EngineHarness.Patience, "the second waits");
        await PingAsync(holder);
        holder.Dispose();
        await TcpRelayTests.ExchangeAsync(second, 1000, 1000, 1);
        server.Accepted.ShouldBe(2);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Queue_WaiterEndsItsSendingSide_IsServedUnlessThatCountsAsLeaving(bool abortOnClose)
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var queue = new QueueConfig { Timeout = TimeSpan.FromMinutes(1), AbortOnClose = abortOnClose };
        var port = await ServeAsync(gateway, server.Port, queue);
        using var holder = await EngineHarness.ConnectAsync(port);
        await PingAsync(holder);
        using var waiter = await EngineHarness.ConnectAsync(port);
        await waiter.SendAsync("hello"u8.ToArray());
        await Until.TrueAsync(() => Queue(gateway).Length == 1, EngineHarness.Patience, "it waits");
        waiter.Shutdown(SocketShutdown.Send);
        if (abortOnClose)
        {
            await Until.TrueAsync(() => Queue(gateway) is { Length: 0, LeftTotal: 1 }, EngineHarness.Patience, "it is gone");
            gateway.Engine.ListenerLoads()[0].RefusedTotal.ShouldBeEmpty();
        }

        // Behind it, so that it has been looked at.
        using var next = await EngineHarness.ConnectAsync(port);
        await Until.TrueAsync(() => Queue(gateway).WaitedTotal == 2, EngineHarness.Patience, "the next one waits");
        Queue(gateway).Length.ShouldBe(abortOnClose ? 1 : 2);
        holder.Dispose();
        if (!abortOnClose)
        {
            using var limit = new CancellationTokenSource(EngineHarness.Patience);
            var answer = new byte[5];
            (await waiter.ReceiveAsync(answer, limit.Token)).ShouldBe(5);
            Encoding.ASCII.GetString(answer).ShouldBe("hello");
            (await waiter.ReceiveAsync(answer, limit.Token)).ShouldBe(0);
        }

        await PingAsync(next);
        server.Accepted.ShouldBe(abortOnClose ? 2 : 3);
    }

    /// <summary>Watched from before it waits, as whoever had a handshake is.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Queue_WaiterOverTls_LeavesAsWell(bool reset)
    {
        using var server = new TestServer();
        await using var gateway = new TlsHarness();
        await gateway.ServeAsync(server.Port, gateway.ServerTls());
        var queue = new QueueConfig { Timeout = TimeSpan.FromMinutes(1), AbortOnClose = true };
        await gateway.Gateway.ApplyAsync(
            gateway.Config with
            {
                Backends = [gateway.Config.Backends[0] with { MaxConnectionsPerEndpoint = 1, Queue = queue }],
            }
        );
        await using var holder = await TlsTransfer.ConnectAsync(gateway, tls: true);
        await TlsTransfer.PingAsync(holder);
        using var socket = await EngineHarness.ConnectAsync(gateway.Port);
        await using var waiter = await TlsStreams.OverAsync(new NetworkStream(socket), gateway.Authority);
        await waiter.WriteAsync("hello"u8.ToArray());
        await Until.TrueAsync(() => Queue(gateway.Gateway).Length == 1, EngineHarness.Patience, "it waits");
        if (reset)
        {
            socket.LingerState = new LingerOption(true, 0);
            socket.Dispose();
        }
        else
        {
            socket.Shutdown(SocketShutdown.Send);
        }

        await Until.TrueAsync(() => Queue(gateway.Gateway) is { Length: 0, LeftTotal: 1 }, EngineHarness.Patience, "it is gone");
        await TlsTransfer.PingAsync(holder);
    }

    [Fact]
    public async Task Queue_ManyClientsOnFewPlaces_AllAreServed()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness(loops: 2);
        var port = await ServeAsync(
            gateway,
            server.Port,
            new QueueConfig { MaxLength = 1000, Timeout = TimeSpan.FromMinutes(1) },
            places: 3
        );
        await Task.WhenAll(
            Enumerable
                .Range(0, 100)
                .Select(async i =>
                {
                    using var client = await EngineHarness.ConnectAsync(port);
                    await TcpRelayTests.ExchangeAsync(client, 2000, 500, i);
                    gateway.Engine.BackendLoads()[0].Endpoints[0].Connections.ShouldBeLessThanOrEqualTo(3);
                })
        );
        await gateway.NoneOpenAsync();
        gateway.Engine.ListenerLoads()[0].RefusedTotal.ShouldBeEmpty();
        Queue(gateway).Length.ShouldBe(0);
    }

    [Fact]
    public async Task Queue_GatewayLetsGoOfWaiters_NothingIsLeft()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = await ServeAsync(gateway, server.Port, new QueueConfig { Timeout = TimeSpan.FromMinutes(1) });
        using var holder = await EngineHarness.ConnectAsync(port);
        await PingAsync(holder);
        using var waiter = await EngineHarness.ConnectAsync(port);
        await Until.TrueAsync(() => Queue(gateway).Length == 1, EngineHarness.Patience, "one waits");
        var open = await gateway.Engine.ListConnectionsAsync();
        (await gateway.Engine.CloseAsync(open, new(Gateway.Listeners.CloseReason.Drained, null))).ShouldBe(2);
        await gateway.NoneOpenAsync();
        Queue(gateway).ShouldSatisfyAllConditions(queue => queue.Length.ShouldBe(0), queue => queue.WaitedTotal.ShouldBe(1));
        gateway.Engine.BackendLoads()[0].Endpoints[0].Connections.ShouldBe(0);
    }

    private static QueueLoad Queue(EngineHarness gateway) => gateway.Engine.BackendLoads()[0].Queue!;

    private static async Task<int> ServeAsync(
        EngineHarness gateway,
        int backend,
        QueueConfig queue,
        ListenerLimitsConfig? limits = null,
        int places = 1
    )
    {
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, backend);
        await gateway.ApplyAsync(
            config with
            {
                Backends = [config.Backends[0] with { MaxConnectionsPerEndpoint = places, Queue = queue }],
                Listeners = [config.Listeners[0] with { Limits = limits ?? new ListenerLimitsConfig() }],
            }
        );
        return port;
    }
}
