using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>Unmodified bore clients on one gateway, byte by byte.</summary>
public sealed class BoreTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Hello_AnyPort_VisitorsAreServed(int loops)
    {
        await using var rig = await TunnelRig.StartAsync(loops);
        using (var bore = await BoreClient.OpenAsync(rig.Server))
        {
            bore.Port.ShouldBeInRange(rig.Range.Start, rig.Range.End);
            (await BoreClient.FrameAsync(bore.Control)).ShouldBe("\"Heartbeat\"");
            (await BoreClient.FrameAsync(bore.Control)).ShouldBe("\"Heartbeat\"");
            _ = bore.EchoAsync();
            for (var i = 0; i < 8; i++)
            {
                using var visitor = await TunnelRig.VisitAsync(bore.Port);
                await TunnelRig.ShouldEchoAsync(visitor, $"visitor {i}");
                visitor.Shutdown(SocketShutdown.Send);
                await TunnelRig.ShouldEndAsync(visitor);
            }
        }

        await rig.NothingLeftAsync();
    }

    [Fact]
    public async Task Accept_BytesBehindTheDelimiter_AreTheVisitors()
    {
        await using var rig = await TunnelRig.StartAsync(loops: 2);
        using var bore = await BoreClient.OpenAsync(rig.Server);
        using var visitor = await TunnelRig.VisitAsync(bore.Port);
        // Sent before there is anybody to read it.
        await TunnelRig.SendAsync(visitor, "from the visitor");
        var data = await bore.AcceptAsync(await bore.VisitorAsync(), early: "first words");
        (await TunnelRig.ReadAsync(visitor, 11)).ShouldBe("first words");
        (await TunnelRig.ReadAsync(data, 16)).ShouldBe("from the visitor");
        // Half a close goes through, and the other direction lives on.
        visitor.Shutdown(SocketShutdown.Send);
        await TunnelRig.ShouldEndAsync(data);
        await TunnelRig.SendAsync(data, "last words");
        data.Shutdown(SocketShutdown.Send);
        (await TunnelRig.ReadAsync(visitor, 100)).ShouldBe("last words");
    }

    [Fact]
    public async Task Bulk_BothWays_ArrivesWhole()
    {
        await using var rig = await TunnelRig.StartAsync(config: config =>
            config with
            {
                Capacity = new CapacityConfig { Tunnels = new TunnelCapacityConfig { MaxBandwidthBitsPerSecond = 0 } },
            }
        );
        using var bore = await BoreClient.OpenAsync(rig.Server);
        _ = bore.EchoAsync();
        using var visitor = await TunnelRig.VisitAsync(bore.Port);
        var sent = new byte[8 << 20];
        Random.Shared.NextBytes(sent);
        var sending = Task.Run(async () =>
        {
            for (var at = 0; at < sent.Length; )
            {
                at += await visitor.SendAsync(sent.AsMemory(at));
            }

            visitor.Shutdown(SocketShutdown.Send);
        });
        var received = new byte[sent.Length];
        for (var at = 0; at < received.Length; )
        {
            var count = await visitor.ReceiveAsync(received.AsMemory(at)).AsTask().WaitAsync(TunnelRig.Patience);
            count.ShouldBeGreaterThan(0);
            at += count;
        }

        await sending;
        received.AsSpan().SequenceEqual(sent).ShouldBeTrue();
    }

    [Fact]
    public async Task Hello_PortAskedFor_IsGiven_AndFreeAgainAfterwards()
    {
        await using var rig = await TunnelRig.StartAsync();
        int port;
        using (var first = await BoreClient.OpenAsync(rig.Server))
        {
            port = first.Port;
            using var second = await BoreClient.DialAsync(rig.Server, null);
            await BoreClient.SendAsync(second, $"{{\"Hello\":{port}}}");
            (await BoreClient.FrameAsync(second)).ShouldBe("{\"Error\":\"port already in use\"}");
            await TunnelRig.ShouldEndAsync(second);
        }

        await rig.NothingLeftAsync();
        using var again = await BoreClient.OpenAsync(rig.Server, port);
        again.Port.ShouldBe(port);
    }

    [Fact]
    public async Task Hello_PortOutsideTheRange_IsRefused()
    {
        await using var rig = await TunnelRig.StartAsync();
        using var client = await BoreClient.DialAsync(rig.Server, null);
        await BoreClient.SendAsync(client, $"{{\"Hello\":{rig.Range.End + 1}}}");
        (await BoreClient.FrameAsync(client)).ShouldBe("{\"Error\":\"client port number not in allowed range\"}");
        await TunnelRig.ShouldEndAsync(client);
        rig.Harness.Engine.Tunnels.Refused.Keys.ShouldContain("port_range");
    }

    [Fact]
    public async Task Hello_PortOfAStranger_IsRefused()
    {
        await using var rig = await TunnelRig.StartAsync();
        using var stranger = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var port = 0;
        for (var candidate = rig.Range.Start; port == 0; candidate++)
        {
            try
            {
                stranger.Bind(new IPEndPoint(IPAddress.Loopback, candidate));
                port = candidate;
            }
            catch (SocketException)
            {
                // Somebody else's; the next.
            }
        }

        stranger.Listen();
        using var client = await BoreClient.DialAsync(rig.Server, null);
        await BoreClient.SendAsync(client, $"{{\"Hello\":{port}}}");
        (await BoreClient.FrameAsync(client)).ShouldBe("{\"Error\":\"port already in use\"}");
    }

    [Fact]
    public async Task Secret_RightOne_OpensAndAccepts()
    {
        var file = TunnelRig.Secret("open sesame");
        await using var rig = await TunnelRig.StartAsync(tunnel: tunnel => tunnel with { SecretFile = file });
        using var bore = await BoreClient.OpenAsync(rig.Server, secret: "open sesame");
        _ = bore.EchoAsync();
        using var visitor = await TunnelRig.VisitAsync(bore.Port);
        await TunnelRig.ShouldEchoAsync(visitor, "hello");
        File.Delete(file);
    }

    [Fact]
    public async Task Secret_WrongOrMissing_IsRefusedInBoresWords()
    {
        var file = TunnelRig.Secret("open sesame");
        await using var rig = await TunnelRig.StartAsync(tunnel: tunnel => tunnel with { SecretFile = file });
        using var wrong = await BoreClient.DialAsync(rig.Server, "abracadabra");
        (await BoreClient.FrameAsync(wrong)).ShouldBe("{\"Error\":\"invalid secret\"}");
        await TunnelRig.ShouldEndAsync(wrong);

        using var none = await BoreClient.DialAsync(rig.Server, null);
        await BoreClient.SendAsync(none, "{\"Hello\":0}");
        (await BoreClient.FrameAsync(none)).ShouldStartWith("{\"Challenge\":");
        (await BoreClient.FrameAsync(none)).ShouldBe("{\"Error\":\"server requires secret, but no secret was provided\"}");
        await TunnelRig.ShouldEndAsync(none);

        // An id alone opens nothing either.
        using var bore = await BoreClient.OpenAsync(rig.Server, secret: "open sesame");
        using var visitor = await TunnelRig.VisitAsync(bore.Port);
        var id = await bore.VisitorAsync();
        using var thief = await BoreClient.DialAsync(rig.Server, null);
        await BoreClient.SendAsync(thief, $"{{\"Accept\":\"{id}\"}}");
        (await BoreClient.FrameAsync(thief)).ShouldStartWith("{\"Challenge\":");
        (await BoreClient.FrameAsync(thief)).ShouldStartWith("{\"Error\":");
        File.Delete(file);
    }

    public static TheoryData<string> Garbage =>
        [
            new string('x', 300),
            "{\"Hello\":0" + new string(' ', 250) + "}",
            "{\"Hello\":70000}\0",
            "{\"Hello\":-1}\0",
            "{\"Hello\":\"0\"}\0",
            "{\"Accept\":\"no uuid\"}\0",
            "{\"Open\":{\"ports\":[]}}\0",
            "{\"Open\":{\"ports\":[null]}}\0",
            "{\"Open\":" + new string(' ', 17_000),
            "\"Hello\"\0",
            "\0",
            "[]\0",
            "{\"Hello\":0}{\"Hello\":0}\0",
            "GET / HTTP/1.1\r\n\0",
        ];

    [Theory]
    [MemberData(nameof(Garbage))]
    public async Task Garbage_IsCutOff_AndHarmsNobody(string bytes)
    {
        await using var rig = await TunnelRig.StartAsync();
        using (var bore = await BoreClient.OpenAsync(rig.Server))
        {
            _ = bore.EchoAsync();
            using var client = await BoreClient.DialAsync(rig.Server, null);
            await TunnelRig.SendAsync(client, bytes);
            await TunnelRig.ShouldEndAsync(client);
            using var visitor = await TunnelRig.VisitAsync(bore.Port);
            await TunnelRig.ShouldEchoAsync(visitor, "still here");
        }

        await rig.NothingLeftAsync();
    }

    [Fact]
    public async Task Silence_IsCutOff()
    {
        await using var rig = await TunnelRig.StartAsync();
        using var client = await BoreClient.DialAsync(rig.Server, null);
        await TunnelRig.SendAsync(client, "{\"Hel");
        await TunnelRig.ShouldEndAsync(client);
        await rig.NothingLeftAsync();
    }

    [Fact]
    public async Task Accept_UnknownOrUsedId_IsClosedWithoutAWord()
    {
        await using var rig = await TunnelRig.StartAsync();
        using var bore = await BoreClient.OpenAsync(rig.Server);
        var unknown = await bore.AcceptAsync(Guid.NewGuid().ToString());
        await TunnelRig.ShouldEndAsync(unknown);
        using var visitor = await TunnelRig.VisitAsync(bore.Port);
        var id = await bore.VisitorAsync();
        var data = await bore.AcceptAsync(id);
        await TunnelRig.SendAsync(data, "x");
        (await TunnelRig.ReadAsync(visitor, 1)).ShouldBe("x");
        var second = await bore.AcceptAsync(id);
        await TunnelRig.ShouldEndAsync(second);
        // One digit off.
        using var other = await TunnelRig.VisitAsync(bore.Port);
        var near = await bore.VisitorAsync();
        var wrong = await bore.AcceptAsync(near[..^1] + (near[^1] == '0' ? '1' : '0'));
        await TunnelRig.ShouldEndAsync(wrong);
    }

    [Fact]
    public async Task Visitor_WhomNobodyFetches_IsRefusedInTime()
    {
        await using var rig = await TunnelRig.StartAsync(tunnel: tunnel => tunnel with { VisitorTimeout = TimeSpan.FromMilliseconds(200) });
        using (var bore = await BoreClient.OpenAsync(rig.Server))
        {
            using var visitor = await TunnelRig.VisitAsync(bore.Port);
            await bore.VisitorAsync();
            await TunnelRig.ShouldEndAsync(visitor);
            rig.Harness.Engine.ListenerLoads()[0].RefusedTotal.Keys.ShouldContain("tunnel_timeout");
        }

        await rig.NothingLeftAsync();
    }

    [Fact]
    public async Task ControlEnds_PortIsClosed_WhoIsServedGoesOn()
    {
        await using var rig = await TunnelRig.StartAsync();
        using var bore = await BoreClient.OpenAsync(rig.Server);
        using var served = await TunnelRig.VisitAsync(bore.Port);
        var data = await bore.AcceptAsync(await bore.VisitorAsync());
        using var waiting = await TunnelRig.VisitAsync(bore.Port);
        await bore.VisitorAsync();
        bore.Control.Dispose();
        await TunnelRig.ShouldEndAsync(waiting);
        await Until.TrueAsync(() => rig.Harness.Engine.Tunnels.Open().Count == 0, TunnelRig.Patience, "the tunnel has ended");
        await Should.ThrowAsync<SocketException>(() => TunnelRig.VisitAsync(bore.Port));
        await TunnelRig.SendAsync(served, "ping");
        (await TunnelRig.ReadAsync(data, 4)).ShouldBe("ping");
        await TunnelRig.SendAsync(data, "pong");
        (await TunnelRig.ReadAsync(served, 4)).ShouldBe("pong");
        served.Dispose();
        data.Dispose();
        await rig.NothingLeftAsync();
    }

    [Fact]
    public async Task Quotas_Hold()
    {
        var acme = TunnelRig.Secret("acme's token");
        await using var rig = await TunnelRig.StartAsync(tunnel: tunnel =>
            tunnel with
            {
                Tenants =
                [
                    new TunnelTenantConfig
                    {
                        Name = "acme",
                        TokenFile = acme,
                        MaxTunnels = 1,
                        MaxConnections = 1,
                        PortRange = new PortRangeConfig { Start = tunnel.PortRange!.Start + 50, End = tunnel.PortRange.Start + 99 },
                    },
                ],
            }
        );
        using var bore = await BoreClient.OpenAsync(rig.Server, secret: "acme's token");
        bore.Port.ShouldBeInRange(rig.Range.Start + 50, rig.Range.Start + 99);
        using var second = await BoreClient.DialAsync(rig.Server, "acme's token");
        await BoreClient.SendAsync(second, "{\"Hello\":0}");
        (await BoreClient.FrameAsync(second)).ShouldBe("{\"Error\":\"quota reached: 1 tunnels\"}");
        _ = bore.EchoAsync();
        using var visitor = await TunnelRig.VisitAsync(bore.Port);
        await TunnelRig.ShouldEchoAsync(visitor, "one");
        await TunnelRig.ShouldBeRefusedAsync(bore.Port);
        rig.Harness.Engine.ListenerLoads()[0].RefusedTotal.Keys.ShouldContain("tunnel_quota");
        rig.Harness.Engine.Tunnels.Refused["tenant_tunnels"].ShouldBe(1);
        File.Delete(acme);
    }

    [Fact]
    public async Task GatewayLimit_Holds()
    {
        await using var rig = await TunnelRig.StartAsync(config: config =>
            config with
            {
                Capacity = new CapacityConfig { Tunnels = new TunnelCapacityConfig { MaxTunnels = 2 } },
            }
        );
        using var one = await BoreClient.OpenAsync(rig.Server);
        using var two = await BoreClient.OpenAsync(rig.Server);
        using var three = await BoreClient.DialAsync(rig.Server, null);
        await BoreClient.SendAsync(three, "{\"Hello\":0}");
        (await BoreClient.FrameAsync(three)).ShouldBe("{\"Error\":\"this gateway has its limit of 2 tunnels\"}");
    }

    [Fact]
    public async Task Bandwidth_OfATunnel_IsSharedByItsVisitors()
    {
        await using var rig = await TunnelRig.StartAsync(config: config =>
            config with
            {
                Capacity = new CapacityConfig { Tunnels = new TunnelCapacityConfig { MaxBandwidthBitsPerSecond = 800_000 } },
            }
        );
        using var bore = await BoreClient.OpenAsync(rig.Server);
        _ = bore.EchoAsync();
        using var one = await TunnelRig.VisitAsync(bore.Port);
        using var two = await TunnelRig.VisitAsync(bore.Port);
        await TunnelRig.ShouldEchoAsync(one, "1");
        await TunnelRig.ShouldEchoAsync(two, "2");
        // 100 kB/s with a burst of 25 kB: more than that at once has to wait, whoever of the two sends it.
        var bytes = new byte[30_000];
        await Task.WhenAll(one.SendAsync(bytes), two.SendAsync(bytes));
        await Until.TrueAsync(
            () => rig.Harness.Engine.ListenerLoads()[0].BandwidthPausesTotal > 0,
            TunnelRig.Patience,
            "a visitor is held up"
        );
        (await TunnelRig.ReadAsync(one, bytes.Length)).Length.ShouldBe(bytes.Length);
        (await TunnelRig.ReadAsync(two, bytes.Length)).Length.ShouldBe(bytes.Length);
    }

    [Fact]
    public async Task Bandwidth_Changed_HoldsForTunnelsThatAreOpen()
    {
        await using var rig = await TunnelRig.StartAsync(config: config => WithBandwidth(config, 0));
        using var bore = await BoreClient.OpenAsync(rig.Server);
        _ = bore.EchoAsync();
        var bytes = new byte[30_000];

        await rig.Harness.ApplyAsync(WithBandwidth(rig.Harness.Engine.Snapshot!.Config, 800_000));
        using var visitor = await TunnelRig.VisitAsync(bore.Port);
        await visitor.SendAsync(bytes);
        await Until.TrueAsync(() => Pauses() > 0, TunnelRig.Patience, "a visitor who comes then is held up");
        (await TunnelRig.ReadAsync(visitor, bytes.Length)).Length.ShouldBe(bytes.Length);

        await rig.Harness.ApplyAsync(WithBandwidth(rig.Harness.Engine.Snapshot!.Config, 0));
        var before = Pauses();
        await visitor.SendAsync(bytes);
        (await TunnelRig.ReadAsync(visitor, bytes.Length)).Length.ShouldBe(bytes.Length);
        Pauses().ShouldBe(before, "and not any more, once there is no limit");

        await rig.Harness.ApplyAsync(WithBandwidth(rig.Harness.Engine.Snapshot!.Config, 8_000_000));
        await visitor.SendAsync(bytes);
        (await TunnelRig.ReadAsync(visitor, bytes.Length)).Length.ShouldBe(
            bytes.Length,
            "what it moved without a limit is not held against it"
        );

        long Pauses() => rig.Harness.Engine.ListenerLoads()[0].BandwidthPausesTotal;

        static GatewayConfig WithBandwidth(GatewayConfig config, long bits) =>
            config with
            {
                Capacity = new CapacityConfig { Tunnels = new TunnelCapacityConfig { MaxBandwidthBitsPerSecond = bits } },
            };
    }

    [Fact]
    public async Task MissingSecretFile_IsAnErrorOfTheConfig()
    {
        await using var rig = await TunnelRig.StartAsync();
        var before = rig.Harness.Engine.Snapshot!.Config;
        var after = before with
        {
            Listeners = [before.Listeners[0] with { Tunnel = before.Listeners[0].Tunnel! with { SecretFile = "/nowhere/secret" } }],
        };
        var result = await rig.Harness.Engine.ApplyConfigAsync(after);
        result.Errors.ShouldHaveSingleItem().ShouldStartWith("listeners[0].tunnel.secretFile: '/nowhere/secret' cannot be read");
    }
}
