using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Limits.Overload;
using Mooring.Gateway.Tests.Transport.Tls;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners.Tls;

/// <summary>Clients that begin a handshake and do not go on with it: what they hold is counted in <c>SSL</c> objects, of which each is some 48 KiB.</summary>
public sealed class TlsFloodTests
{
    private const long Limit = 1L << 30;

    [Fact]
    public async Task ByTheThousands_WithoutAWholeHello_HoldNoSsl_AndOthersAreServed()
    {
        const int Clients = 2000;
        await using var gateway = new TlsHarness();
        using var server = new TestServer();
        await gateway.ServeAsync(server.Port, gateway.ServerTls() with { HandshakeTimeout = TimeSpan.FromMinutes(1) });
        var hello = await Hellos.RealAsync("a.example.com");
        var slow = new List<Socket>(Clients);
        for (var i = 0; i < Clients; i++)
        {
            var client = await EngineHarness.ConnectAsync(gateway.Port);
            slow.Add(client);
            client.Send(hello.AsSpan(0, i % 2 == 0 ? 9 : hello.Length - 1));
        }

        await Until.TrueAsync(() => gateway.Gateway.Engine.Connections == Clients, EngineHarness.Patience, "all are in");
        await Until.TrueAsync(() => Gauges(gateway) == (0, Clients), EngineHarness.Patience, "all wait");
        // Two, one after the other: by then each of the others was looked at.
        for (var i = 0; i < 2; i++)
        {
            await using var client = await TlsTransfer.ConnectAsync(gateway, tls: true);
            await TlsTransfer.EchoAsync(client, 2_000, 1_000, seed: i);
        }

        Line(gateway).Open.ShouldBe(0);
        Line(gateway).Waiting.ShouldBe(0);
        gateway.Gateway.Engine.Connections.ShouldBeGreaterThanOrEqualTo(Clients);

        // The last byte is what was missing.
        slow[1].Send(hello.AsSpan(hello.Length - 1));
        await Until.TrueAsync(() => Line(gateway).Open == 1, EngineHarness.Patience, "a handshake is under way");
        await Until.TrueAsync(() => Gauges(gateway) == (1, Clients - 1), EngineHarness.Patience, "which is told");
        slow.ForEach(client => client.Dispose());
        await gateway.Gateway.NoneOpenAsync();
        Line(gateway).Open.ShouldBe(0);
        Gauges(gateway).ShouldBe((0, 0));
    }

    [Fact]
    public async Task MoreThanTheBudget_WaitTheirTurn_FirstComeFirstServed()
    {
        const int Clients = 60;
        // No room at all: the least that there is.
        await using var gateway = new TlsHarness(change: options =>
            options with
            {
                Memory = static _ => new MemoryReading(Limit / 100 * 90, Limit),
            }
        );
        using var server = new TestServer();
        await gateway.ServeAsync(server.Port, gateway.ServerTls() with { HandshakeTimeout = TimeSpan.FromMinutes(1) });
        await gateway.Gateway.ApplyAsync(gateway.Config with { Overload = new OverloadConfig() });
        await Until.TrueAsync(() => gateway.Gateway.Engine.OverloadLoad().MemoryBytes > 0, EngineHarness.Patience, "a first look");
        var hello = await Hellos.RealAsync("a.example.com");
        var slow = new List<Socket>(Clients);
        for (var i = 0; i < Clients; i++)
        {
            var client = await EngineHarness.ConnectAsync(gateway.Port);
            slow.Add(client);
            await client.SendAsync(hello);
        }

        var least = HandshakeBudget.Least;
        await Until.TrueAsync(
            () => (Line(gateway).Open, Line(gateway).Waiting) == (least, Clients - least),
            EngineHarness.Patience,
            "the others wait"
        );
        await Until.TrueAsync(() => Gauges(gateway) == (least, Clients - least), EngineHarness.Patience, "which is told");
        var handshake = TlsStreams.ConnectAsync(gateway.Port, gateway.Authority);
        await Until.TrueAsync(() => Line(gateway).Waiting == Clients - least + 1, EngineHarness.Patience, "whoever comes waits too");
        Line(gateway).Open.ShouldBe(least);

        // Those that wait go: one in the line, and then all that were before it.
        slow[^1].Dispose();
        slow.RemoveAt(Clients - 1);
        await Until.TrueAsync(() => Line(gateway).Waiting == Clients - least, EngineHarness.Patience, "it has left the line");
        handshake.IsCompleted.ShouldBeFalse();
        slow.ForEach(client => client.Dispose());
        await using (var client = await handshake)
        {
            await TlsTransfer.EchoAsync(client, 2_000, 1_000, seed: 1);
            Gauges(gateway).Waiting.ShouldBe(0);
        }

        await gateway.Gateway.NoneOpenAsync();
        Gauges(gateway).ShouldBe((0, 0));
        (Line(gateway).Open, Line(gateway).Waiting).ShouldBe((0, 0));
    }

    [Fact]
    public async Task ListenerPassesThroughNow_WhoWaitedOrHadBegun_HoldsNoPlace()
    {
        await using var gateway = new TlsHarness(change: options =>
            options with
            {
                Memory = static _ => new MemoryReading(Limit / 100 * 90, Limit),
            }
        );
        using var server = new TestServer();
        await gateway.ServeAsync(server.Port, gateway.ServerTls() with { HandshakeTimeout = TimeSpan.FromMinutes(1) });
        var config = gateway.Config with { Overload = new OverloadConfig() };
        await gateway.Gateway.ApplyAsync(config);
        await Until.TrueAsync(() => gateway.Gateway.Engine.OverloadLoad().MemoryBytes > 0, EngineHarness.Patience, "a first look");
        var hello = await Hellos.RealAsync("a.example.com");
        var begun = await EngineProbes.ConnectManyAsync(gateway.Port, HandshakeBudget.Least);
        begun.ForEach(client => client.Send(hello));
        await Until.TrueAsync(() => Line(gateway).Open == begun.Count, EngineHarness.Patience, "as many as may be");
        var waiting = await EngineProbes.ConnectManyAsync(gateway.Port, 4);
        waiting.ForEach(client => client.Send(hello));
        await Until.TrueAsync(() => Line(gateway).Waiting == waiting.Count, EngineHarness.Patience, "the others wait");

        var route = new ServerNameRouteConfig { ServerNames = ["a.example.com"], Backend = "relay" };
        var passthrough = new TlsListenerConfig { Mode = TlsMode.Passthrough, Routes = [route] };
        await gateway.Gateway.ApplyAsync(config with { Listeners = [config.Listeners[0] with { Backend = null, Tls = passthrough }] });
        // Of one that is in the middle of a handshake this is no first word.
        begun[0].Send(hello);
        begun[^1].Dispose();
        await Until.TrueAsync(() => server.Accepted == waiting.Count, EngineHarness.Patience, "those who waited are passed through");
        begun.Concat(waiting).ToList().ForEach(client => client.Dispose());
        await gateway.Gateway.NoneOpenAsync();
        (Line(gateway).Open, Line(gateway).Waiting).ShouldBe((0, 0));
        Gauges(gateway).ShouldBe((0, 0));
        server.Accepted.ShouldBe(waiting.Count);
    }

    [Fact]
    public async Task TimeInTheLine_IsOfTheHandshake()
    {
        const int Clients = HandshakeBudget.Least + 4;
        await using var gateway = new TlsHarness(change: options =>
            options with
            {
                Memory = static _ => new MemoryReading(Limit / 100 * 90, Limit),
            }
        );
        using var server = new TestServer();
        await gateway.ServeAsync(server.Port, gateway.ServerTls() with { HandshakeTimeout = TimeSpan.FromSeconds(1) });
        await gateway.Gateway.ApplyAsync(gateway.Config with { Overload = new OverloadConfig() });
        var hello = await Hellos.RealAsync("a.example.com");
        var slow = await EngineProbes.ConnectManyAsync(gateway.Port, Clients);
        slow.ForEach(client => client.Send(hello));
        await Until.TrueAsync(() => gateway.Refused(RefusalReason.TlsTimeout) == Clients, EngineHarness.Patience, "all are dropped");
        await gateway.Gateway.NoneOpenAsync();
        (Line(gateway).Open, Line(gateway).Waiting).ShouldBe((0, 0));
        slow.ForEach(client => client.Dispose());
    }

    /// <summary>As the load report has them.</summary>
    private static (int Open, int Waiting) Gauges(TlsHarness gateway) =>
        gateway.Listener is { } load ? (load.OpenHandshakes, load.WaitingHandshakes) : (0, 0);

    private static Gateway.Listeners.HandshakeLine Line(TlsHarness gateway) => gateway.Gateway.Engine.Loops[0].TlsAcceptor.Line;
}
