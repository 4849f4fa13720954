using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Tests.Transport.Tls;
using Mooring.Gateway.Tunnels.Client;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>The client of <c>gateway tunnel</c> on a listener with TLS: control and data connections.</summary>
public sealed class TunnelTlsTests : IDisposable
{
    private readonly TestAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Theory]
    [InlineData(false, 0)]
    [InlineData(false, 2)]
    [InlineData(true, 1)]
    public async Task SeveralPortsAndUdp(bool mutual, int pool)
    {
        await using var rig = await StartAsync(mutual);
        using var service = new Listeners.TestServer();
        using var other = new Listeners.TestServer();
        using var datagrams = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        datagrams.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _ = FleetTunnelTests.EchoDatagramsAsync(datagrams);
        await using (
            var client = await OwnClient.StartAsync(
                rig.Server,
                [
                    new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", service.Port, 0, null),
                    new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", other.Port, 0, null),
                    new LocalPort(TunnelProtocol.Udp, "127.0.0.1", ((IPEndPoint)datagrams.LocalEndPoint!).Port, 0, null),
                ],
                options => Trusting(options, mutual) with { Pool = pool }
            )
        )
        {
            for (var i = 0; i < 4; i++)
            {
                using var visitor = await TunnelRig.VisitAsync(client.Ports[i % 2]);
                await TunnelRig.ShouldEchoAsync(visitor, $"visitor {i}");
                visitor.Shutdown(SocketShutdown.Send);
                await TunnelRig.ShouldEndAsync(visitor);
            }

            await ShouldEchoMuchAsync(client.Ports[0]);
            using var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            await udp.ConnectAsync(new IPEndPoint(IPAddress.Loopback, client.Ports[2]));
            await FleetTunnelTests.ShouldEchoDatagramAsync(udp, "a datagram");
            rig.Harness.Engine.ListenerLoads()[0]
                .Tls!.HandshakesByCipher.Sum(static cipher => cipher.HandshakesTotal)
                .ShouldBeGreaterThan(5L, "control and data connections speak TLS");

            // Lost and back: the same ports, by TLS again.
            var ports = client.Ports;
            await client.MoveAsync(rig.Server);
            client.Ports.ShouldBe(ports);
            using var late = await TunnelRig.VisitAsync(ports[1]);
            await TunnelRig.ShouldEchoAsync(late, "after the way back");
        }

        await rig.NothingLeftAsync();
    }

    [Theory]
    [InlineData("other CA", "certificate")]
    [InlineData("other name", "RemoteCertificateNameMismatch")]
    [InlineData("no TLS", "does it want TLS?")]
    [InlineData("no certificate", "own certificate")]
    [InlineData("certificate of another CA", "own certificate")]
    public async Task Refused_SaysWhy(string wrong, string reason)
    {
        using var stranger = new TestAuthority("Another CA");
        await using var rig = await StartAsync(mutual: wrong.Contains("certificate", StringComparison.Ordinal));
        var files = stranger.Issue("client", "client.example.com");
        var options = new TunnelOptions
        {
            Host = "127.0.0.1",
            Port = rig.Server.Port,
            Locals = [new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", 1, 0, null)],
            Once = true,
        };
        options = wrong switch
        {
            "other CA" => Trusting(options, false) with { CaFile = stranger.CaFile },
            "other name" => Trusting(options, false) with { ServerName = "other.example.com" },
            "no TLS" => options,
            "certificate of another CA" => Trusting(options, false) with { OwnCertificate = (files.CertificateFile, files.KeyFile) },
            _ => Trusting(options, false),
        };
        var (code, events) = await RunAsync(options);
        code.ShouldBe(1);
        events.ShouldContain(line => line.GetProperty("event").GetString() == "lost", string.Join(' ', events));
        events.Single(line => line.GetProperty("event").GetString() == "lost").GetProperty("reason").GetString()!.ShouldContain(reason);
        rig.Harness.Engine.Tunnels.Open().ShouldBeEmpty();
        await rig.NothingLeftAsync();
    }

    [Fact]
    public async Task TlsClient_OfAListenerWithout_SaysSo()
    {
        await using var rig = await TunnelRig.StartAsync();
        var options = new TunnelOptions
        {
            Host = "127.0.0.1",
            Port = rig.Server.Port,
            Locals = [new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", 1, 0, null)],
            Once = true,
        };
        var (code, events) = await RunAsync(Trusting(options, false));
        code.ShouldBe(1);
        events.Last().GetProperty("reason").GetString()!.ShouldContain("does it speak TLS?");
    }

    [Fact]
    public async Task BadFiles_AreErrorsInWords()
    {
        await using var rig = await StartAsync(mutual: false);
        var empty = Path.Combine(_authority.Folder, "empty.pem");
        await File.WriteAllTextAsync(empty, "");
        var options = new TunnelOptions
        {
            Host = "127.0.0.1",
            Port = rig.Server.Port,
            Locals = [new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", 1, 0, null)],
            Once = true,
        };
        foreach (
            var bad in new[]
            {
                Trusting(options, false) with
                {
                    CaFile = empty,
                },
                Trusting(options, false) with
                {
                    OwnCertificate = (empty, empty),
                },
            }
        )
        {
            var (code, events) = await RunAsync(bad);
            code.ShouldBe(1);
            events.Last().GetProperty("reason").GetString()!.ShouldContain(empty);
        }
    }

    private static async Task<(int Code, List<JsonElement> Events)> RunAsync(TunnelOptions options)
    {
        var text = new StringWriter();
        using var stop = new CancellationTokenSource(TunnelRig.Patience);
        var code = await new TunnelClient(options, new TunnelOutput(text, json: true, TimeProvider.System), TimeProvider.System).RunAsync(
            stop.Token
        );
        var lines = text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return (
            code,
            [
                .. lines.Select(static line =>
                {
                    using var json = JsonDocument.Parse(line);
                    return json.RootElement.Clone();
                }),
            ]
        );
    }

    private static async Task ShouldEchoMuchAsync(int port)
    {
        using var visitor = await TunnelRig.VisitAsync(port);
        var sent = new byte[1 << 20];
        Random.Shared.NextBytes(sent);
        var sending = Task.Run(async () =>
        {
            for (var at = 0; at < sent.Length; )
            {
                at += await visitor.SendAsync(sent.AsMemory(at));
            }
        });
        var received = new byte[sent.Length];
        for (var at = 0; at < received.Length; )
        {
            var count = await visitor.ReceiveAsync(received.AsMemory(at)).AsTask().WaitAsync(TunnelRig.Patience);
            count.ShouldBeGreaterThan(0);
            at += count;
        }

        await sending;
        received.ShouldBe(sent);
    }

    private Task<TunnelRig> StartAsync(bool mutual) =>
        TunnelRig.StartAsync(
            loops: 2,
            // A goodbye may be lost on its way through the relay.
            tunnel: static tunnel => tunnel with { Udp = true, Grace = TimeSpan.FromSeconds(5) },
            config: config =>
                config with
                {
                    Capacity = new CapacityConfig { Tunnels = new TunnelCapacityConfig { MaxBandwidthBitsPerSecond = 0 } },
                    Listeners =
                    [
                        config.Listeners[0] with
                        {
                            Tls = new TlsListenerConfig
                            {
                                Certificates = [_authority.Issue("gateway", "gateway.example.com", "127.0.0.1")],
                                ClientCertificates = mutual
                                    ? new ClientCertificateConfig { Name = "clients", CaFile = _authority.CaFile }
                                    : null,
                            },
                        },
                    ],
                }
        );

    private TunnelOptions Trusting(TunnelOptions options, bool mutual)
    {
        var files = _authority.Issue("client", "client.example.com");
        return options with
        {
            Tls = true,
            CaFile = _authority.CaFile,
            OwnCertificate = mutual ? (files.CertificateFile, files.KeyFile) : null,
        };
    }
}
