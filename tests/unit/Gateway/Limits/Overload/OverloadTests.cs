using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Bench;
using Mooring.Gateway.Limits.Overload;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Tests.WebSockets;
using Mooring.Gateway.WebSockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Limits.Overload;

/// <summary>Memory pressure, with the memory that connections really hold as the usage.</summary>
public sealed class OverloadTests
{
    private const int Stuck = 8;
    private const long Limit = 1L << 40;

    [Fact]
    public async Task Pressure_ClosesTheHeavyAndStuckUntilItIsOver_AndServesTheOthers()
    {
        // The first byte says what the client is: one that only sends is never read.
        using var server = new TestServer(async socket =>
        {
            var first = new byte[1];
            if (await socket.ReceiveAsync(first) == 1 && first[0] == 1)
            {
                await socket.SendAsync(first);
                await TestServer.EchoAsync(socket);
            }

            await Task.Delay(Timeout.Infinite);
        });
        await using var gateway = Gateway();
        var port = (await gateway.ListenAsync())[0];
        await gateway.ApplyAsync(Watched(port, server.Port));
        var idle = await EngineProbes.ConnectManyAsync(port, 20);
        (await EngineProbes.CountServedAsync(idle)).ShouldBe(20);
        var stuck = new List<Socket>();
        using var end = new CancellationTokenSource();
        for (var i = 0; i < Stuck; i++)
        {
            var client = await EngineHarness.ConnectAsync(port);
            stuck.Add(client);
            _ = FloodAsync(client, end.Token);
        }

        var (weights, ports) = await SettledAsync(gateway, stuck);
        var each = Limit / 100 * 95 / Stuck;

        // 95 % of the limit, of which each that is closed gives its part back: two of eight make it 71 %, one 83 %.
        gateway.Engine.OverloadLoad().Problem.ShouldBeNull();
        var open = gateway.Engine.Connections;
        _usage = () => each * (gateway.Engine.Connections - open + Stuck);
        await Until.TrueAsync(() => gateway.Engine.OverloadLoad().ShedTotal > 0, EngineHarness.Patience, "something is shed");
        await Until.TrueAsync(() => gateway.Engine.OverloadLoad().Problem is null, EngineHarness.Patience, "the pressure is over");

        var shed = (int)gateway.Engine.OverloadLoad().ShedTotal;
        (open - gateway.Engine.Connections).ShouldBe(shed);
        shed.ShouldBeInRange(1, Stuck);
        await Until.TrueAsync(() => gateway.Records.Count >= shed, EngineHarness.Patience, "they are in the access log");
        foreach (var record in gateway.Records)
        {
            record.Reason.ShouldBe(CloseReason.MemoryPressure);
            ports.ShouldContain((int)record.ClientPort);
        }

        weights.ShouldAllBe(bytes => bytes >= ShedPlanner.LeastBytes);
        (await EngineProbes.CountServedAsync(idle)).ShouldBe(20);
        await end.CancelAsync();
        stuck.ForEach(client => client.Dispose());
        idle.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Pressure_AtTheLast_PausesAcceptingAndRefusesNobody()
    {
        using var server = new TestServer();
        await using var gateway = Gateway();
        var port = (await gateway.ListenAsync())[0];
        await gateway.ApplyAsync(Watched(port, server.Port));
        using var before = await EngineHarness.ConnectAsync(port);
        await EngineProbes.PingAsync(before);
        _usage = () => Limit / 100 * 95;
        await Until.TrueAsync(() => gateway.Engine.OverloadLoad().MemoryBytes > 0, EngineHarness.Patience, "a first look");
        using var admitted = await EngineHarness.ConnectAsync(port);
        await EngineProbes.PingAsync(admitted);
        _usage = () => Limit / 100 * 99;
        await Until.TrueAsync(() => gateway.Engine.OverloadLoad().MemoryPausesTotal == 1, EngineHarness.Patience, "accepting pauses");
        gateway.Engine.OverloadLoad().Problem.ShouldBe($"uses 99 % of its {Limit >> 20} MiB of memory, and accepts nothing");

        var waiting = await EngineProbes.ConnectManyAsync(port, 20);
        waiting.ForEach(client => client.Send([1]));
        await EngineProbes.PingAsync(before);
        gateway.Engine.Connections.ShouldBe(2);

        _usage = () => Limit / 100 * 89;
        foreach (var client in waiting)
        {
            using var limit = new CancellationTokenSource(EngineHarness.Patience);
            (await client.ReceiveAsync(new byte[1], limit.Token)).ShouldBe(1);
            client.Dispose();
        }

        gateway.Engine.ListenerLoads().Single().RefusedTotal.Values.Sum().ShouldBe(0);
        gateway.Engine.OverloadLoad().ShedTotal.ShouldBe(0);
    }

    [Fact]
    public async Task Pressure_WebSocketThatTakesFrames_IsClosedWith1013()
    {
        // Upgrades, and reads no more: what the client sends stays where it is.
        using var server = new TestServer(async socket =>
        {
            using var buffer = new EchoBuffer();
            (await EchoHandshake.AcceptAsync(socket, buffer, CancellationToken.None)).ShouldBeTrue();
            await Task.Delay(Timeout.Infinite);
        });
        await using var gateway = Gateway();
        var port = (await gateway.ListenAsync())[0];
        var config = Watched(port, server.Port);
        await gateway.ApplyAsync(config with { Listeners = [config.Listeners[0] with { Protocol = ListenerProtocol.WebSocket }] });
        // The head of a frame of a tebibyte, of which the flood is the beginning.
        using var client = await RawClient.UpgradeAsync(port, [0x82, 0xFF, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        using var end = new CancellationTokenSource();
        _ = FloodAsync(client, end.Token);
        await SettledAsync(gateway, [client]);

        _usage = () => gateway.Engine.OverloadLoad().ShedTotal > 0 ? 0 : Limit / 100 * 95;
        var frame = await RawClient.ReadExactlyAsync(client, 4);

        frame[0].ShouldBe((byte)0x88);
        ((frame[2] << 8) | frame[3]).ShouldBe(1013);
        await Until.TrueAsync(() => gateway.Engine.OverloadLoad().ShedTotal == 1, EngineHarness.Patience, "it is counted");
        await end.CancelAsync();
    }

    private Func<long> _usage = () => 0;

    private EngineHarness Gateway() =>
        new(
            2,
            options =>
                options with
                {
                    Memory = _ => new MemoryReading(Volatile.Read(ref _usage)(), Limit),
                    Upgrades = static listener => new ProxyUpgradeHandler(listener),
                }
        );

    private static GatewayConfig Watched(int port, int server) =>
        EngineHarness.Config(port, server) with
        {
            Overload = new OverloadConfig(),
        };

    private static async Task FloodAsync(Socket client, CancellationToken end)
    {
        try
        {
            while (true)
            {
                await client.SendAsync(new byte[64 * 1024], end);
            }
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Shed, or over.
        }
    }

    /// <summary>Waits until every flood stands still, and says what each holds.</summary>
    private static async Task<(List<long> Weights, List<int> Ports)> SettledAsync(EngineHarness gateway, List<Socket> stuck)
    {
        List<HeavyConnection> last = [];
        await Until.TrueAsync(
            async () =>
            {
                var lists = await Task.WhenAll(gateway.Engine.Loops.Select(loop => loop.InvokeAsync(loop.Scale.Weigh)));
                var now = lists.SelectMany(list => list).OrderBy(one => one.Started).ToList();
                var still = now.Count == stuck.Count && now.Select(one => one.Moved).SequenceEqual(last.Select(one => one.Moved));
                last = now;
                return still;
            },
            EngineHarness.Patience,
            "the floods stand still"
        );
        return ([.. last.Select(one => one.Bytes)], [.. stuck.Select(client => ((System.Net.IPEndPoint)client.LocalEndPoint!).Port)]);
    }
}
