using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Handover;
using Mooring.Gateway.Handover;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tests.Datagrams;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Handover;

/// <summary>Gateways by hand that take over UDP listeners from one another: the program itself.</summary>
public sealed class FlowTakeoverTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mooring-flows-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Takeover_OfAUdpListenerUnderTraffic_NoDatagramIsLostAndTheFormerEnds()
    {
        const int Flows = 50;
        using var server = new UdpServer();
        var (port, admin) = (Ports.Free(), EngineProbes.ClosedPort());
        await File.WriteAllTextAsync(
            Path.Combine(_directory.FullName, "gateway.json"),
            JsonSerializer.Serialize(UdpGateway.Config(port, server.Port), ContractsJson.Default.GatewayConfig)
        );
        var gateway = Start(admin);
        await gateway.EventAsync("started");
        var chatters = Enumerable.Range(0, Flows).Select(_ => new FlowChatter(port)).ToList();
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{admin}") };
        for (var upgrade = 0; upgrade < 2; upgrade++)
        {
            await Until.TrueAsync(() => server.Peers.Count >= Flows, EngineHarness.Patience, "every client has its flow");
            var next = Start(admin);
            await next.EventAsync("started");
            // Long before any session times out.
            (await gateway.ExitAsync()).ShouldBe(0, gateway.Output);
            (await next.EventAsync("taken_over")).GetProperty("connections").GetInt32().ShouldBe(Flows + upgrade);
            await Until.TrueAsync(
                async () =>
                    (await http.GetStringAsync(new Uri("/metrics", UriKind.Relative))) is var metrics
                    && metrics.Contains($"mooring_gateway_handover_connections_total{{direction=\"in\"}} {Flows + upgrade}\n")
                    && metrics.Contains($"mooring_gateway_connections{{listener=\"media\"}} {Flows + upgrade}\n"),
                EngineHarness.Patience,
                "the successor's metrics"
            );
            gateway.Dispose();
            gateway = next;
            using var newcomer = new UdpClientSocket(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, port));
            (await newcomer.AskAsync($"{upgrade}")).ShouldBe($"{upgrade}");
        }

        await Task.WhenAll(chatters.Select(chatter => chatter.EndAsync()));
        server.Peers.Count.ShouldBe(Flows + 2);
        chatters.ForEach(chatter => chatter.Dispose());
        gateway.Dispose();
    }

    [Fact]
    public async Task Takeover_TheFormerHangsBeforeItHasLeftItsUdpPorts_TheyAreReadAllTheSame()
    {
        using var server = new UdpServer();
        // The former's socket, which it reads no more, and of which it says nothing either.
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var endPoint = (IPEndPoint)socket.LocalEndPoint!;
        var path = Path.Combine(_directory.FullName, "takeover.sock");
        await using var former = new EngineHarness();
        await using var sink = new LogSink(Stream.Null);
        HandoverLink? hangs = null;
        await using var takeover = new TakeoverServer(
            path,
            former.Engine,
            new GatewayLog(sink, default, TimeProvider.System),
            () => true,
            async (link, cancel) =>
            {
                hangs = link;
                var listener = new HandoverListener
                {
                    Name = "media",
                    Protocol = ListenerProtocol.UDP,
                    Address = "127.0.0.1",
                    Port = endPoint.Port,
                };
                await HandoverSender.SendAsync(
                    link.Socket,
                    new HandoverMessage { Sequence = 1, Listeners = [listener] },
                    [socket.SafeHandle],
                    cancel
                );
                await link.ExpectAsync(LinkMessage.Ready, cancel);
                await link.SendAsync(LinkMessage.Released, default, cancel);
                await link.ExpectAsync(LinkMessage.Go, cancel);
            }
        );
        await using var next = new EngineHarness(change: options => options with { BindsListeners = true });
        await next.Engine.SetModeAsync(AcceptMode.Pause);
        using var succession = (await Succession.BeginAsync(path, next.Engine, CancellationToken.None)).ShouldNotBeNull();
        await next.ApplyAsync(UdpGateway.Config(endPoint.Port, server.Port));
        await next.Engine.SetModeAsync(AcceptMode.Accept);
        await succession.ReadyAsync(CancellationToken.None);
        await succession.GoAsync(CancellationToken.None);
        var time = new ManualTime();
        using var stop = new CancellationTokenSource();
        var taking = succession.RunAsync(next.Engine, time, stop.Token);
        using var client = new UdpClientSocket(endPoint);
        await client.SendAsync("hello"u8.ToArray());
        time.Advance(HandoverLink.StepTimeout - TimeSpan.FromSeconds(1));
        next.Engine.Connections.ShouldBe(0);

        time.Advance(TimeSpan.FromSeconds(1));

        (await client.ReceiveAsync()).ShouldBe("hello"u8.ToArray());
        taking.IsCompleted.ShouldBeFalse();
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => taking.WaitAsync(EngineHarness.Patience));
        hangs!.Dispose();
    }

    private GatewayRun Start(int admin) =>
        new(
            "--config",
            Path.Combine(_directory.FullName, "gateway.json"),
            "--bind",
            "127.0.0.1",
            "--takeover",
            Path.Combine(_directory.FullName, "takeover.sock"),
            "--admin",
            $"127.0.0.1:{admin}",
            "--access-log",
            "off"
        );
}
