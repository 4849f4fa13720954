using System.Net;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>Whose limits hold for what other gateways bring: those of the visitor's own listener.</summary>
public sealed class PeerLimitTests
{
    [Fact]
    public async Task FullListener_DoesNotKeepOutVisitorsOfAnother()
    {
        await using var fleet = await FleetRig.StartAsync(2, config: static config => WithOther(config, max: 1));
        var owner = fleet[0].Engine;
        int port;
        using (await BoreClient.OpenAsync(new IPEndPoint(IPAddress.Loopback, fleet[0].Rig.VisitorsPort)))
        using (var bore = await BoreClient.OpenAsync(fleet[0].Server))
        {
            (Of(owner, "other").Index, Of(owner, "other").Connections.InUse).ShouldBe(((ushort)0, 1), "the first listener is full");
            port = bore.Port;
            _ = bore.EchoAsync(through: fleet[1].Server);
            await FleetRig.ListensAsync(fleet[1]);
            using var visitor = await TunnelRig.VisitAsync(port, fleet[1].Address);
            await TunnelRig.ShouldEchoAsync(visitor, "hello");
            Of(owner, "other").Connections.InUse.ShouldBe(1);
            Of(owner, "bore").Connections.InUse.ShouldBe(2, "the client and the visitor");
        }

        await fleet.NothingLeftAsync($"tcp:{port}");
        (Accepted("other"), Accepted("bore")).ShouldBe((1, 2), "each is counted where it is one of those who came");
        foreach (var name in new[] { "other", "bore" })
        {
            await Until.TrueAsync(() => Closed(name) == Accepted(name), TunnelRig.Patience, "whoever came has gone");
        }

        foreach (var gateway in fleet.Gateways)
        {
            new[] { "other", "bore" }.Select(name => Of(gateway.Engine, name).Connections.InUse).ShouldBe([0, 0]);
        }

        long Accepted(string name) => owner.ListenerLoads().Single(load => load.Name == name).AcceptedTotal;
        long Closed(string name) => owner.ListenerLoads().Single(load => load.Name == name).Traffic.ClosedTotal.Values.Sum();
    }

    [Fact]
    public async Task Listener_RefusesVisitorsOverItsLimit_WhoeverBringsThem()
    {
        await using var fleet = await FleetRig.StartAsync(2, config: static config => WithMax(config, 1));
        using var bore = await BoreClient.OpenAsync(fleet[0].Server);
        await FleetRig.ListensAsync(fleet[1]);
        using var visitor = await TunnelRig.VisitAsync(bore.Port, fleet[1].Address);
        var listener = Of(fleet[0].Engine, "bore");
        await Until.TrueAsync(
            () => listener.Refused(RefusalReason.ListenerCapacity) > 0,
            TunnelRig.Patience,
            "it is told that the client has the listener's only place"
        );
        listener.Connections.InUse.ShouldBe(1);
    }

    private static ListenerState Of(GatewayEngine engine, string listener) =>
        engine.Loops[0].Engine.Listeners.Single(state => state.Name == listener);

    private static GatewayConfig WithMax(GatewayConfig config, int max) =>
        config with
        {
            Listeners = [config.Listeners[0] with { MaxConnections = max }],
        };

    /// <summary>Another Tunnel listener before the one that is there.</summary>
    private static GatewayConfig WithOther(GatewayConfig config, int max) =>
        config with
        {
            Listeners =
            [
                config.Listeners[0] with
                {
                    Name = "other",
                    Port = 0,
                    MaxConnections = max,
                    Tunnel = new TunnelListenerConfig
                    {
                        PortRange = new PortRangeConfig { Start = 11_000, End = 11_199 },
                    },
                },
                .. config.Listeners,
            ],
        };
}
