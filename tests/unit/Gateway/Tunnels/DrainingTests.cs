using System.Text.Json;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Tunnels.Client;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>Tunnels of a gateway that takes no new connections.</summary>
public sealed class DrainingTests
{
    [Fact]
    public async Task Refusing_TunnelsThatAreOpenAreServed_NewOnesAreToldWhy()
    {
        await using var rig = await TunnelRig.StartAsync();
        using (var bore = await BoreClient.OpenAsync(rig.Server))
        {
            _ = bore.EchoAsync();
            await rig.Harness.Engine.SetModeAsync(AcceptMode.Refuse);

            using var visitor = await TunnelRig.VisitAsync(bore.Port);
            await TunnelRig.ShouldEchoAsync(visitor, "still here");
            using var late = await BoreClient.DialAsync(rig.Server, null);
            await BoreClient.SendAsync(late, "{\"Hello\":0}");
            (await BoreClient.FrameAsync(late)).ShouldBe("{\"Error\":\"this gateway is draining\"}");
        }

        await rig.NothingLeftAsync();
        await TunnelRig.ShouldBeRefusedAsync(rig.Server.Port);
    }

    [Fact]
    public async Task Refusing_ClientThatWasSentAway_IsNotTakenBack()
    {
        await using var rig = await TunnelRig.StartAsync();
        using var carrier = new Carrier();
        var options = new TunnelOptions
        {
            Host = "127.0.0.1",
            Port = rig.Server.Port,
            Locals = [],
        };
        string key;
        await using (var first = await AskAsync(null))
        {
            key = (await first.AnswerAsync(CancellationToken.None)).GetProperty("Opened").GetProperty("key").GetString()!;
            await rig.Harness.Engine.SetModeAsync(AcceptMode.Refuse);
        }

        await using var again = await AskAsync(key);
        var refused = await Should.ThrowAsync<TunnelRefusedException>(() => again.AnswerAsync(CancellationToken.None));
        refused.Message.ShouldBe("this gateway is draining");

        async Task<TunnelWire> AskAsync(string? resume)
        {
            var request = new OpenRequest { Ports = [new PortRequest { Protocol = TunnelProtocol.Tcp }], Resume = resume };
            var wire = await TunnelWire.DialAsync(options, new Dialler(options.Host, options.Port), carrier, CancellationToken.None);
            await wire.SendAsync(
                $"{{\"Open\":{JsonSerializer.Serialize(request, TunnelJson.Default.OpenRequest)}}}",
                CancellationToken.None
            );
            return wire;
        }
    }
}
