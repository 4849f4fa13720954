using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Tests.Transport.Tls;
using Mooring.Testing;
using static Mooring.Gateway.Tests.Listeners.EngineProbes;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>A backend that was taken out of the spec, as the operator keeps it in the config: by its name alone.</summary>
public sealed class EngineLeavingTests
{
    private static readonly BackendConfig Leaving = new()
    {
        Name = "relay",
        Source = EndpointSource.Pushed,
        DrainTimeout = TimeSpan.FromMinutes(5),
    };

    [Fact]
    public async Task Waiters_GetNoPlaceAndAreRefusedInTime()
    {
        using var server = new TestServer();
        using var next = new TestServer();
        await using var gateway = new EngineHarness();
        var port = (await gateway.ListenAsync())[0];
        var backend = Leaving with
        {
            MaxConnectionsPerEndpoint = 1,
            Queue = new QueueConfig { Timeout = TimeSpan.FromSeconds(2) },
        };
        await gateway.ApplyAsync(EngineHarness.Config(port) with { Backends = [backend] });
        await gateway.Engine.ApplyEndpointsAsync(Push(("pod-1", server.Port, false)));
        using var holder = await EngineHarness.ConnectAsync(port);
        await PingAsync(holder);
        using var waiter = await TryConnectAsync(port);
        await Until.TrueAsync(() => gateway.Engine.BackendLoads()[0].Queue!.WaitedTotal == 1, EngineHarness.Patience, "one waits");

        await gateway.ApplyAsync(Moved(port, next.Port));

        Connections(gateway).ShouldBe(1);
        await PingAsync(holder);
        using var late = await EngineHarness.ConnectAsync(port);
        await PingAsync(late);
        next.Accepted.ShouldBe(1);
        // Its place comes free: it is nobody's any more.
        holder.Dispose();
        await Until.TrueAsync(() => Connections(gateway) == 0, EngineHarness.Patience, "the place is free");
        (await CountServedAsync([waiter])).ShouldBe(0);
        server.Accepted.ShouldBe(1);
        gateway.Engine.ListenerLoads()[0].RefusedTotal.ShouldBe(new Dictionary<string, long> { ["queue_timeout"] = 1 });
    }

    [Theory]
    // The first byte of a TLS record with a handshake, and of a PROXY header.
    [InlineData(true, 0x16)]
    [InlineData(false, 0x0d)]
    public async Task ConnectUnderWay_IsSpokenToAsItWasBegun(bool tls, byte first)
    {
        // A full backlog: the connect stands once there is room, and the SYN comes again.
        using var busy = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        busy.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        busy.Listen(1);
        var busyPort = ((IPEndPoint)busy.LocalEndPoint!).Port;
        using var fill1 = await EngineHarness.ConnectAsync(busyPort);
        using var fill2 = await EngineHarness.ConnectAsync(busyPort);
        using var next = new TestServer();
        using var authority = new TestAuthority();
        await using var gateway = new EngineHarness();
        var port = (await gateway.ListenAsync())[0];
        var backend = Leaving with
        {
            ConnectTimeout = TimeSpan.FromMinutes(1),
            Tls = tls ? new BackendTlsConfig { CaFile = authority.CaFile } : null,
            ProxyProtocol = tls ? null : new BackendProxyProtocolConfig(),
        };
        await gateway.ApplyAsync(EngineHarness.Config(port) with { Backends = [backend] });
        await gateway.Engine.ApplyEndpointsAsync(Push(("pod-1", busyPort, false)));
        using var client = await EngineHarness.ConnectAsync(port);
        await client.SendAsync("secret"u8.ToArray());
        await Until.TrueAsync(() => Connections(gateway) == 1, EngineHarness.Patience, "the connect is under way");

        await gateway.ApplyAsync(Moved(port, next.Port));
        await gateway.Engine.ReloadCertificatesAsync();

        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        (await busy.AcceptAsync(limit.Token)).Dispose();
        (await busy.AcceptAsync(limit.Token)).Dispose();
        using var accepted = await busy.AcceptAsync(limit.Token);
        var bytes = new byte[100];
        (await accepted.ReceiveAsync(bytes, limit.Token)).ShouldBeGreaterThan(0);
        bytes[0].ShouldBe(first);
    }

    [Fact]
    public async Task PutBack_ServesAgain()
    {
        using var server = new TestServer();
        using var next = new TestServer();
        await using var gateway = new EngineHarness();
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port) with { Backends = [Leaving] };
        await gateway.ApplyAsync(config);
        await gateway.Engine.ApplyEndpointsAsync(Push(("pod-1", server.Port, false)));
        await gateway.ApplyAsync(Moved(port, next.Port));

        await gateway.ApplyAsync(config);

        using var client = await EngineHarness.ConnectAsync(port);
        await PingAsync(client);
        server.Accepted.ShouldBe(1);
    }

    /// <summary>The listener leads elsewhere, and the backend is there by its name alone.</summary>
    private static GatewayConfig Moved(int port, int next) =>
        EngineHarness.Config(port) with
        {
            Listeners = [EngineHarness.Listener("edge", port, "next")],
            Backends = [EngineHarness.Backend("next", next), Leaving],
        };

    private static int Connections(EngineHarness gateway) =>
        gateway.Engine.BackendLoads().Single(static load => load.Name == "relay").Endpoints.Single().Connections;
}
