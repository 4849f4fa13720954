using System.Net.Sockets;
using Mooring.Gateway.Handover;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Handover;

/// <summary>Two ends of a link, and what moves connections over it.</summary>
internal static class HandoverPair
{
    /// <summary>A link's two ends.</summary>
    public static async Task<(HandoverLink Giver, HandoverLink Taker)> ConnectAsync(TimeSpan? ackTimeout = null)
    {
        var path = Path.Combine(Path.GetTempPath(), $"mooring-{Guid.NewGuid():N}.sock");
        using var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        server.Bind(new UnixDomainSocketEndPoint(path));
        server.Listen();
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(path));
        var taker = new HandoverLink(await server.AcceptAsync());
        File.Delete(path);
        return (new HandoverLink(client) { AckTimeout = ackTimeout ?? EngineHarness.Patience }, taker);
    }

    /// <summary>Moves every connection from one engine to the other, however many passes that takes.</summary>
    public static async Task MoveAllAsync(GatewayEngine from, GatewayEngine to)
    {
        var (giving, taking) = await ConnectAsync();
        using var _ = taking;
        var expected = from.Connections + to.Connections;
        var taken = HandoverTaker.RunAsync(taking, to, CancellationToken.None);
        var giver = new HandoverGiver(from);
        List<HandoverLink> links = [giving];
        await Until.TrueAsync(
            async () =>
            {
                await giver.PassAsync(links, CancellationToken.None);
                return from.Connections == 0;
            },
            EngineHarness.Patience,
            "every connection has left"
        );
        links.Count.ShouldBe(1);
        giving.Dispose();
        (await taken.WaitAsync(EngineHarness.Patience)).ShouldBe((int)giver.Given);
        to.Connections.ShouldBeLessThanOrEqualTo(expected);
    }
}
