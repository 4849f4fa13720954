using System.Net.Sockets;
using Mooring.Gateway.Tunnels;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>The connections to a tunnel's owner that another gateway keeps ready for its visitors.</summary>
public sealed class FleetLinkTests
{
    [Fact]
    public async Task Visitor_ThroughAnother_GoesByAConnectionThatIsReady()
    {
        await using var fleet = await FleetRig.StartAsync(2);
        var (owner, other) = (fleet[0].Engine, fleet[1].Engine.Loops[0]);
        int port;
        using (var bore = await BoreClient.OpenAsync(fleet[0].Server))
        {
            port = bore.Port;
            _ = bore.EchoAsync();
            await FleetRig.ListensAsync(fleet[1]);
            using var first = await TunnelRig.VisitAsync(port, fleet[1].Address);
            await TunnelRig.ShouldEchoAsync(first, "first");
            await SparesAsync(1);
            // Nobody is let in by that door any more.
            await owner.Loops[0].InvokeAsync(() => owner.Loops[0].Tunnels.LeavePeers(owner.Tunnels.PeerDescriptor));
            using var second = await TunnelRig.VisitAsync(port, fleet[1].Address);
            await TunnelRig.ShouldEchoAsync(second, "second");
        }

        // Nor is anything to be had there.
        await fleet.NothingLeftAsync($"tcp:{port}");
        await SparesAsync(0);

        Task SparesAsync(int count) =>
            Until.TrueAsync(
                () => other.InvokeAsync(() => other.Tunnels.Spares == count && other.Tunnels.Links == count),
                TunnelRig.Patience,
                $"{count} are ready"
            );
    }

    [Fact]
    public async Task Visitor_ThroughAnother_WhoseReadyConnectionIsNotAnswered_IsAnnouncedOnce()
    {
        await using var fleet = await FleetRig.StartAsync(2, tunnel: tunnel => tunnel with { VisitorTimeout = TunnelRig.Patience });
        var other = fleet[1].Engine.Loops[0];
        using var bore = await BoreClient.OpenAsync(fleet[0].Server);
        await FleetRig.ListensAsync(fleet[1]);
        using var first = await TunnelRig.VisitAsync(bore.Port, fleet[1].Address);
        using var served = await bore.AcceptAsync(await bore.VisitorAsync());
        await LinksAsync(1, spares: 1);
        Socket visitor;
        await using (await Standstill.OfAsync(fleet[0].Engine.Loops[0]))
        {
            visitor = await TunnelRig.VisitAsync(bore.Port, fleet[1].Address);
            await LinksAsync(2, spares: 0);
            // The one that was ready is given up; that for the visitor after it is not greeted yet.
            await LinksAsync(1, spares: 0);
        }

        using var data = await bore.AcceptAsync(await bore.VisitorAsync(), "hello");
        (await TunnelRig.ReadAsync(visitor, 5)).ShouldBe("hello");
        visitor.Dispose();

        Task LinksAsync(int count, int spares) =>
            Until.TrueAsync(
                () => other.InvokeAsync(() => (other.Tunnels.Links, other.Tunnels.Spares) == (count, spares)),
                TunnelRig.Patience,
                $"{count} that carry nothing, {spares} of them ready"
            );
    }

    [Fact]
    public async Task Visitors_ThroughAnother_ManyAtOnce_KeepAFewConnectionsReady()
    {
        await using var fleet = await FleetRig.StartAsync(2);
        var other = fleet[1].Engine.Loops[0];
        using var bore = await BoreClient.OpenAsync(fleet[0].Server);
        _ = bore.EchoAsync();
        await FleetRig.ListensAsync(fleet[1]);
        var visitors = new List<Socket>();
        await using (await Standstill.OfAsync(fleet[0].Engine.Loops[0]))
        {
            for (var i = 0; i < 20; i++)
            {
                visitors.Add(await TunnelRig.VisitAsync(bore.Port, fleet[1].Address));
            }

            await Until.TrueAsync(() => other.InvokeAsync(() => other.Tunnels.Forwards == 20), TunnelRig.Patience, "all are on their way");
        }

        // Now: they are let go of after a while, however long the visitors take.
        await Until.TrueAsync(
            () => other.InvokeAsync(() => other.Tunnels.Spares == TunnelDesk.MaxSpares),
            TunnelRig.Patience,
            "so many are ready"
        );
        foreach (var visitor in visitors)
        {
            await TunnelRig.ShouldEchoAsync(visitor, "all the same");
            visitor.Dispose();
        }

        await Until.TrueAsync(
            () => other.InvokeAsync(() => other.Tunnels.Links == other.Tunnels.Spares && other.Tunnels.Spares <= TunnelDesk.MaxSpares),
            TunnelRig.Patience,
            "no more are ready, and none on their way"
        );
    }
}
