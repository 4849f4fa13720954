using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels.Client;
using Mooring.Gateway.Tunnels.Protocol;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>Visitors that name a tunnel, at whichever gateway they come.</summary>
public sealed class FleetNameTests
{
    [Fact]
    public async Task Names_OnASharedPort_ThroughAnyGateway()
    {
        await using var fleet = await StartAsync(2, WithVisitors);
        using var service = new Listeners.TestServer();
        await using var client = await ShopAsync(fleet, service);
        foreach (var gateway in fleet.Gateways)
        {
            using var visitor = await TunnelRig.VisitAsync(gateway.Rig.VisitorsPort);
            await TunnelRig.ShouldEchoAsync(visitor, "GET / HTTP/1.1\r\nHost: shop.tunnels.example:8080\r\n\r\n");
            using var nobody = await TunnelRig.VisitAsync(gateway.Rig.VisitorsPort);
            await TunnelRig.SendAsync(nobody, "GET / HTTP/1.1\r\nHost: other.tunnels.example\r\n\r\n");
            (await TunnelRig.ReadAsync(nobody, 12)).ShouldBe("HTTP/1.1 404");
        }
    }

    /// <summary>What a visitor says while its tunnel's owner is looked for waits; from the owner's answer on nothing does.</summary>
    [Fact]
    public async Task Name_OfAnother_VisitorThatSpokeMeanwhile_IsNotStuck()
    {
        await using var fleet = await StartAsync(2, WithVisitors);
        using var service = new Listeners.TestServer();
        await using var client = await ShopAsync(fleet, service);
        using var visitor = await TunnelRig.VisitAsync(fleet[1].Rig.VisitorsPort);
        const string Head = "GET / HTTP/1.1\r\nHost: shop.tunnels.example\r\n\r\n";
        var other = fleet[1].Engine.Loops[0];
        await using (await Standstill.OfAsync(fleet[0].Engine.Loops[0]))
        {
            await TunnelRig.SendAsync(visitor, Head);
            await Until.TrueAsync(() => other.InvokeAsync(() => other.Tunnels.Forwards == 1), TunnelRig.Patience, "it waits");
            await TunnelRig.SendAsync(visitor, "and more");
            await Until.TrueAsync(() => other.InvokeAsync(() => IsPaused(other)), TunnelRig.Patience, "it was heard");
        }

        (await TunnelRig.ReadAsync(visitor, Head.Length + 8)).ShouldBe(Head + "and more");
        (await other.InvokeAsync(other.Scale.Weigh)).ShouldBeEmpty();
    }

    private static unsafe bool IsPaused(Gateway.Listeners.RelayLoop loop) =>
        loop.Table.ClientsOf(loop.Owner).Any(client => loop.Table[client]->Has(ChannelFlags.ReadPaused));

    [Fact]
    public async Task Names_RegistryAway_AreFoundWhereTheyWere_AndOthersAreNotSaidToBeNobodys()
    {
        await using var fleet = await StartAsync(2, WithImpatientVisitors);
        var registry = new Registry.AbsentRegistry(fleet.Registry);
        fleet[1].Engine.Tunnels.Source = () => fleet[1].View(registry);
        using var service = new Listeners.TestServer();
        await using var client = await ShopAsync(fleet, service);
        const string Shop = "GET / HTTP/1.1\r\nHost: shop.tunnels.example\r\n\r\n";
        using (var before = await TunnelRig.VisitAsync(fleet[1].Rig.VisitorsPort))
        {
            await TunnelRig.ShouldEchoAsync(before, Shop);
        }

        registry.IsAway = true;
        using var visitor = await TunnelRig.VisitAsync(fleet[1].Rig.VisitorsPort);
        await TunnelRig.ShouldEchoAsync(visitor, Shop);
        // Nobody can say that there is no such tunnel.
        using var unknown = await TunnelRig.VisitAsync(fleet[1].Rig.VisitorsPort);
        await TunnelRig.SendAsync(unknown, "GET / HTTP/1.1\r\nHost: other.tunnels.example\r\n\r\n");
        (await TunnelRig.ReadAsync(unknown, 12)).ShouldBe("HTTP/1.1 503");
        registry.IsAway = false;
        using var nobody = await TunnelRig.VisitAsync(fleet[1].Rig.VisitorsPort);
        await TunnelRig.SendAsync(nobody, "GET / HTTP/1.1\r\nHost: other.tunnels.example\r\n\r\n");
        (await TunnelRig.ReadAsync(nobody, 12)).ShouldBe("HTTP/1.1 404");
    }

    [Fact]
    public async Task Name_OfAGatewayThatCannotBeReachedYet_IsNotSaidToBeNobodys()
    {
        await using var fleet = await StartAsync(1, WithImpatientVisitors);
        // It does not listen for others yet.
        var starting = new GatewayRecord
        {
            Name = "starting",
            State = GatewayState.Serving,
            Capacity = 1,
        };
        var registered = await fleet.Registry.RegisterAsync(starting, FleetGateway.Ttl, replace: true);
        var claimed = await fleet.Registry.ClaimAsync(
            new OwnedThing("name:shop.tunnels.example"),
            new GatewayId("starting", registered.Generation),
            "",
            FleetGateway.Ttl,
            force: false
        );
        claimed.Result.ShouldBe(ClaimResult.Owned);
        using var visitor = await TunnelRig.VisitAsync(fleet[0].Rig.VisitorsPort);
        await TunnelRig.SendAsync(visitor, "GET / HTTP/1.1\r\nHost: shop.tunnels.example\r\n\r\n");
        (await TunnelRig.ReadAsync(visitor, 12)).ShouldBe("HTTP/1.1 503");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Name_WhoseClientIsLost_IsAnswered(int gateway)
    {
        await using var fleet = await FleetRig.StartAsync(
            2,
            tunnel: tunnel => tunnel with { Domain = "tunnels.example", VisitorTimeout = TimeSpan.FromSeconds(1) },
            config: WithVisitors
        );
        using var visitor = await VisitLostAsync(fleet, gateway);
        (await TunnelRig.ReadAsync(visitor, 12)).ShouldBe("HTTP/1.1 503");
    }

    [Theory]
    [InlineData(0, TunnelState.TimedOut, "404")]
    [InlineData(1, TunnelState.TimedOut, "404")]
    [InlineData(0, TunnelState.Moved, "503")]
    public async Task Name_WhoseTunnelEndsMeanwhile_IsAnswered(int gateway, object state, string status)
    {
        await using var fleet = await FleetRig.StartAsync(
            2,
            tunnel: tunnel => tunnel with { Domain = "tunnels.example", VisitorTimeout = TunnelRig.Patience },
            config: WithVisitors
        );
        using var visitor = await VisitLostAsync(fleet, gateway);
        var (loop, session) = (fleet[0].Engine.Loops[0], fleet[0].Engine.Tunnels.Open()[0]);
        await Until.TrueAsync(() => loop.InvokeAsync(() => loop.Tunnels.WaitingVisitors == 1), TunnelRig.Patience, "it waits");
        loop.Post(() => loop.Tunnels.End(session, (TunnelState)state, "the client did not come back"));
        (await TunnelRig.ReadAsync(visitor, 12)).ShouldBe($"HTTP/1.1 {status}");
    }

    /// <summary>A visitor of a tunnel whose client is gone and may come back.</summary>
    private static async Task<System.Net.Sockets.Socket> VisitLostAsync(FleetRig fleet, int gateway)
    {
        await using var client = await OwnClient.StartAsync(
            fleet[0].Server,
            [new LocalPort(TunnelProtocol.Name, "127.0.0.1", 1, 0, "shop")]
        );
        client.Cut();
        await Until.TrueAsync(
            () => fleet[0].Engine.Tunnels.Open() is [{ State: TunnelState.Detached }],
            TunnelRig.Patience,
            "the tunnel waits for its client"
        );
        var visitor = await TunnelRig.VisitAsync(fleet[gateway].Rig.VisitorsPort);
        await TunnelRig.SendAsync(visitor, "GET / HTTP/1.1\r\nHost: shop.tunnels.example\r\n\r\n");
        return visitor;
    }

    private static Task<FleetRig> StartAsync(int gateways, Func<GatewayConfig, GatewayConfig> config) =>
        FleetRig.StartAsync(gateways, tunnel: tunnel => tunnel with { Domain = "tunnels.example" }, config: config);

    /// <summary>A client at the first gateway whose tunnel has the name shop.</summary>
    private static Task<OwnClient> ShopAsync(FleetRig fleet, TestServer service) =>
        OwnClient.StartAsync(fleet[0].Server, [new LocalPort(TunnelProtocol.Name, "127.0.0.1", service.Port, 0, "shop")]);

    private static GatewayConfig WithVisitors(GatewayConfig config) =>
        config with
        {
            Listeners = [.. config.Listeners, TunnelRig.Visitors(config)],
        };

    private static GatewayConfig WithImpatientVisitors(GatewayConfig config) =>
        config with
        {
            Listeners =
            [
                .. config.Listeners,
                TunnelRig.Visitors(config) with
                {
                    Tunnel = new TunnelListenerConfig { VisitorsOf = config.Listeners[0].Name, VisitorTimeout = TimeSpan.FromSeconds(1) },
                },
            ],
        };
}
