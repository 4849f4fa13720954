using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Handover;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Serving;
using Mooring.Gateway.Tests.Listeners;

namespace Mooring.Gateway.Tests.Serving;

public sealed class HandoverClientTests
{
    [Fact]
    public async Task RunAsync_SocketsComeBeforeEndpoints_ClientsWaitAndNobodyIsRefused()
    {
        using var deadline = new CancellationTokenSource(EngineHarness.Patience);
        using var server = new TestServer();
        using var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listening.Listen(16);
        var port = ((IPEndPoint)listening.LocalEndPoint!).Port;
        var path = Path.Combine(Path.GetTempPath(), $"mooring-{Guid.NewGuid():N}.sock");
        using var owner = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        owner.Bind(new UnixDomainSocketEndPoint(path));
        owner.Listen();
        await using var gateway = new EngineHarness();
        using var stop = new CancellationTokenSource();
        var running = HandoverClient.RunAsync(path, gateway.Engine, TextWriter.Null, TimeProvider.System, stop.Token);
        using var peer = await owner.AcceptAsync(deadline.Token);
        await HandoverSender.SendAsync(
            peer,
            new HandoverMessage
            {
                Sequence = 1,
                Listeners =
                [
                    new HandoverListener
                    {
                        Name = "edge",
                        Protocol = ListenerProtocol.TCP,
                        Address = "127.0.0.1",
                        Port = port,
                    },
                ],
            },
            [listening.SafeHandle],
            deadline.Token
        );

        using var client = await EngineHarness.ConnectAsync(port);
        await gateway.ApplyAsync(
            EngineHarness.Config(port) with
            {
                Backends = [new BackendConfig { Name = "relay", Source = EndpointSource.Pushed }],
            }
        );
        gateway.Engine.WaitingBackends.ShouldBe(["relay"]);
        gateway.Engine.WaitingListeners.ShouldBe(["edge"]);
        await gateway.Engine.ApplyEndpointsAsync(
            new EndpointsMessage
            {
                Backend = "relay",
                Endpoints =
                [
                    new EndpointInfo
                    {
                        Id = "a",
                        Address = "127.0.0.1",
                        Port = server.Port,
                    },
                ],
            }
        );
        gateway.Engine.WaitingBackends.ShouldBeEmpty();
        await TcpRelayTests.ExchangeAsync(client, 100, 100, 1);
        gateway.Engine.ListenerLoads()[0].RefusedTotal.ShouldBeEmpty();

        await stop.CancelAsync();
        await running;
        File.Delete(path);
    }
}
