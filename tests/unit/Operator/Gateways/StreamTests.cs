using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Net.WebSockets;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Tests.Gateways;

public sealed class StreamTests
{
    [Fact]
    public async Task Join_NewGateway_GetsConfigThenEndpointsThenDirective()
    {
        await using var stream = await StreamFixture.StartAsync();
        stream.Hub.Direct(StreamFixture.Fleet, "g0", Cordon(1, 1)).ShouldBeTrue();
        var hash = stream.Hub.SetDesired(StreamFixture.Fleet, StreamFixture.Desired(5, ("relay", 1)));
        using var gateway = await stream.JoinAsync("g0");
        var config = await stream.ReceiveAsync<ConfigMessage>(gateway);
        config.Hash.ShouldBe(hash);
        config.Config.Capacity.PerAddress.ShouldBe(5);
        (await stream.ReceiveAsync<EndpointsMessage>(gateway)).Endpoints.Single().Port.ShouldBe(1);
        (await stream.ReceiveAsync<DirectiveMessage>(gateway)).Kind.ShouldBe(DirectiveKind.Cordon);
    }

    [Fact]
    public async Task Join_GatewayThatHasTheConfig_CountsAsAckedAndIsNotToldAgain()
    {
        await using var stream = await StreamFixture.StartAsync();
        var hash = stream.Hub.SetDesired(StreamFixture.Fleet, StreamFixture.Desired(5, ("relay", 1)));
        using var gateway = await stream.JoinAsync("g0", hash);
        await stream.ReceiveAsync<EndpointsMessage>(gateway);
        stream.Hub.View(StreamFixture.Fleet).AckedSummary.ShouldBe("1/1");
    }

    [Fact]
    public async Task SetDesired_OneBackendChanged_PushesOnlyThat()
    {
        await using var stream = await StreamFixture.StartAsync();
        stream.Hub.SetDesired(StreamFixture.Fleet, StreamFixture.Desired(5, ("a", 1), ("b", 2)));
        using var gateway = await stream.JoinAsync("g0");
        await stream.ReceiveAsync<ConfigMessage>(gateway);
        await stream.ReceiveAsync<EndpointsMessage>(gateway);
        await stream.ReceiveAsync<EndpointsMessage>(gateway);
        stream.Hub.SetDesired(StreamFixture.Fleet, StreamFixture.Desired(5, ("a", 1), ("b", 2)));
        stream.Hub.SetDesired(StreamFixture.Fleet, StreamFixture.Desired(5, ("a", 1), ("b", 3)));
        stream.Hub.Direct(StreamFixture.Fleet, "g0", Cordon(1, 1));
        var endpoints = await stream.ReceiveAsync<EndpointsMessage>(gateway);
        endpoints.Backend.ShouldBe("b");
        endpoints.Endpoints.Single().Port.ShouldBe(3);
        await stream.ReceiveAsync<DirectiveMessage>(gateway);
    }

    [Fact]
    public async Task Receive_Flood_IsReadNoFasterThanThePace()
    {
        await using var stream = await StreamFixture.StartAsync(new StreamOptions { MessageBurst = 5, MessagesPerSecond = 1 });
        var changes = new ConcurrentQueue<GatewayChange>();
        stream.Hub.Changed += (_, change) => changes.Enqueue(change);
        using var gateway = await stream.JoinAsync("g0");
        var watch = System.Diagnostics.Stopwatch.StartNew();
        for (var i = 0; i < 200; i++)
        {
            await stream.SendAsync(gateway, new AckMessage { Hash = $"h{i}", Accepted = i % 2 == 0 });
        }

        await stream.UntilAsync(view => changes.Count(static change => change == GatewayChange.Acked) >= 6);
        changes.Count(static change => change == GatewayChange.Acked).ShouldBeLessThan(7 + (int)watch.Elapsed.TotalSeconds);
    }

    [Fact]
    public async Task Note_AcksAndReports_ShowInTheView()
    {
        await using var stream = await StreamFixture.StartAsync();
        var changes = new ConcurrentQueue<GatewayChange>();
        stream.Hub.Changed += (_, change) => changes.Enqueue(change);
        var hash = stream.Hub.SetDesired(StreamFixture.Fleet, StreamFixture.Desired(5));
        using var first = await stream.JoinAsync("g0");
        using var second = await stream.JoinAsync("g1");
        await stream.SendAsync(first, new AckMessage { Hash = hash, Accepted = true });
        await stream.SendAsync(first, Report(GatewayState.Serving, 30, 100));
        await stream.SendAsync(
            second,
            new AckMessage
            {
                Hash = hash,
                Accepted = false,
                Errors = ["listeners[0].port: taken"],
            }
        );
        await stream.SendAsync(second, Report(GatewayState.Draining, 12, 100));
        await stream.UntilAsync(static view => view.Connections == 42 && view.Gateways[1].RefusedHash is not null);
        var view = stream.Hub.View(StreamFixture.Fleet);
        view.AckedSummary.ShouldBe("1/2");
        view.Capacity.ShouldBe(100, "a draining gateway takes none");
        view.Gateways[1].ConfigErrors.ShouldBe(["listeners[0].port: taken"]);

        changes.Clear();
        await stream.SendAsync(first, Report(GatewayState.Serving, 31, 100));
        await stream.UntilAsync(static view => view.Connections == 43);
        await stream.SendAsync(first, Report(GatewayState.Cordoned, 31, 100));
        await stream.UntilAsync(static view => view.Gateways[0].State == GatewayState.Cordoned);
        first.Abort();
        await stream.UntilAsync(static view => view.Gateways.Count == 1);
        while (changes.Count < 3)
        {
            await Task.Delay(10, stream.Deadline);
        }

        changes.ShouldBe([GatewayChange.Figures, GatewayChange.State, GatewayChange.Disconnected]);
    }

    [Fact]
    public async Task Direct_LowerOrEqualNumber_IsRefusedAndTheLastComesBackAfterAReconnect()
    {
        await using var stream = await StreamFixture.StartAsync();
        var gateway = await stream.JoinAsync("g0");
        stream.Hub.Direct(StreamFixture.Fleet, "g0", Cordon(2, 5)).ShouldBeTrue();
        (await stream.ReceiveAsync<DirectiveMessage>(gateway)).Sequence.ShouldBe(5);
        stream.Hub.Direct(StreamFixture.Fleet, "g0", Cordon(2, 5)).ShouldBeFalse();
        stream.Hub.Direct(StreamFixture.Fleet, "g0", Cordon(1, 9)).ShouldBeFalse();
        await stream.UntilAsync(static view => view.Gateways is [{ DirectiveTaken: false }]);
        await stream.SendAsync(gateway, Report(GatewayState.Cordoned, 0, 1) with { DirectiveEpoch = 2, DirectiveSequence = 5 });
        await stream.UntilAsync(static view => view.Gateways[0].DirectiveTaken);
        gateway.Abort();
        await stream.UntilAsync(static view => view.Gateways.Count == 0);
        using var again = await stream.JoinAsync("g0");
        (await stream.ReceiveAsync<DirectiveMessage>(again)).Sequence.ShouldBe(5);
        stream.Hub.Direct(StreamFixture.Fleet, "g0", Cordon(3, 0)).ShouldBeTrue();
        (await stream.ReceiveAsync<DirectiveMessage>(again)).Epoch.ShouldBe(3);
    }

    [Fact]
    public async Task Join_SameName_ReplacesTheOlderStream()
    {
        await using var stream = await StreamFixture.StartAsync();
        using var older = await stream.JoinAsync("g0");
        await stream.UntilAsync(static view => view.Gateways.Count == 1);
        using var newer = await stream.JoinAsync("g0");
        (await stream.ClosedAsync(older)).ShouldBe("replaced by a newer stream of the same name");
        await stream.SendAsync(newer, Report(GatewayState.Serving, 3, 9));
        await stream.UntilAsync(static view => view.Gateways.Count == 1 && view.Connections == 3);
        stream.Hub.Count.ShouldBe(1);
        using var other = await stream.JoinAsync("g1");
        await stream.UntilAsync(static view => view.Gateways.Count == 2);
        stream.Hub.Count.ShouldBe(2);
        newer.Abort();
        await stream.UntilAsync(static view => view.Gateways.Count == 1);
        stream.Hub.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Session_Silent_IsDropped()
    {
        await using var stream = await StreamFixture.StartAsync(new StreamOptions { SilenceTimeout = TimeSpan.FromMilliseconds(300) });
        using var gateway = await stream.JoinAsync("g0");
        (await stream.ClosedAsync(gateway) ?? "").ShouldContain("silent");
        await stream.UntilAsync(static view => view.Gateways.Count == 0);
    }

    [Fact]
    public async Task Session_DoesNotRead_IsDroppedAndHoldsNoQueue()
    {
        await using var stream = await StreamFixture.StartAsync(new StreamOptions { SendTimeout = TimeSpan.FromMilliseconds(500) });
        using var gateway = await stream.JoinAsync("g0");
        await stream.UntilAsync(static view => view.Gateways.Count == 1);
        var sequence = 0;
        var bulk = new FleetDesired
        {
            Config = new GatewayConfig
            {
                Fleet = StreamFixture.Fleet,
                Backends = [.. Enumerable.Range(0, 10_000).Select(static i => new BackendConfig { Name = $"b{i}" })],
            },
        };
        while (stream.Hub.Count > 0)
        {
            var config = bulk.Config with { Capacity = new CapacityConfig { PerAddress = ++sequence } };
            stream.Hub.SetDesired(StreamFixture.Fleet, bulk with { Config = config });
            await Task.Delay(50, stream.Deadline);
        }
    }

    [Theory]
    [InlineData("""{"type":"report","state":"Serving","connections":1,"capacity":1}""", "no hello")]
    [InlineData("""{"type":"hello","fleet":"edge","gateway":"g","version":"1"}""", "$.fleet")]
    [InlineData("""{"type":"hello","fleet":"a/b","gateway":"","version":"1"}""", "$.gateway")]
    [InlineData("""{"type":"hello","fleet":"a/b","version":"1"}""", "gateway")]
    [InlineData("nonsense", "invalid JSON")]
    [InlineData("[]", "not an object")]
    public async Task Handshake_BadHello_IsRefusedWithTheField(string text, string expected)
    {
        await using var stream = await StreamFixture.StartAsync();
        using var gateway = await stream.DialAsync();
        await stream.SendAsync(gateway, text);
        (await stream.ClosedAsync(gateway) ?? "").ShouldContain(expected);
        stream.Hub.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Handshake_NoHello_EndsInTime()
    {
        await using var stream = await StreamFixture.StartAsync(new StreamOptions { HandshakeTimeout = TimeSpan.FromMilliseconds(300) });
        using var gateway = await stream.DialAsync();
        await Should.ThrowAsync<Exception>(async () =>
        {
            await stream.ClosedAsync(gateway);
            throw new WebSocketException("closed in order");
        });
        stream.Deadline.IsCancellationRequested.ShouldBeFalse();
    }

    [Fact]
    public async Task Handshake_NotAuthentic_IsRefused()
    {
        await using var stream = await StreamFixture.StartAsync(refusal: "the token is not of this pod");
        using var gateway = await stream.JoinAsync("g0");
        (await stream.ClosedAsync(gateway) ?? "").ShouldBe("default/edge g0: the token is not of this pod");
    }

    [Fact]
    public async Task Handshake_TooMany_IsAnswered503()
    {
        await using var stream = await StreamFixture.StartAsync(new StreamOptions { MaxStreams = 1 });
        using var first = await stream.JoinAsync("g0");
        await stream.UntilAsync(static view => view.Gateways.Count == 1);
        (await Should.ThrowAsync<WebSocketException>(stream.DialAsync())).Message.ShouldContain("503");
    }

    [Fact]
    public async Task Handshake_SaysHowLongSilenceIsBorne()
    {
        await using var stream = await StreamFixture.StartAsync(new StreamOptions { SilenceTimeout = TimeSpan.FromSeconds(42) });
        using var gateway = await stream.DialAsync();
        gateway.HttpResponseHeaders.ShouldNotBeNull()[StreamLimits.SilenceHeader].ShouldBe(["42"]);
    }

    [Fact]
    public async Task Handshake_TheKernelWatchesTheLink()
    {
        await using var stream = await StreamFixture.StartAsync();
        using var gateway = await stream.DialAsync();

        var link = stream.Links.ShouldHaveSingleItem();
        ((int)link.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)!).ShouldNotBe(0);
        ((int)link.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime)!).ShouldBe(10);
    }

    [Fact]
    public async Task Handshake_OtherSubprotocol_IsAnswered400()
    {
        await using var stream = await StreamFixture.StartAsync();
        (await Should.ThrowAsync<WebSocketException>(stream.DialAsync("chat"))).Message.ShouldContain("400");
    }

    [Theory]
    [InlineData("""{"type":"report","state":"Serving","connections":-1,"capacity":1}""", "$.connections: negative")]
    [InlineData("""{"type":"report","state":"Serving","connections":1,"capacity":1,"listeners":[null]}""", "$.listeners[0]: null")]
    [InlineData("""{"type":"report","state":"Serving","connections":1,"capacity":1,"backends":null}""", "$.backends: null")]
    [InlineData("""{"type":"report","state":"Serving","connections":1,"capacity":1,"problems":null}""", "$.problems: null")]
    [InlineData("""{"type":"report","state":"Serving","connections":1,"capacity":1,"problems":["a",null]}""", "$.problems[1]: null")]
    [InlineData(
        """{"type":"report","state":"Serving","connections":1,"capacity":1,"cpuSeconds":1e999}""",
        "$.cpuSeconds: not a finite number"
    )]
    [InlineData("""{"type":"report","state":"Serving","connections":1,"capacity":1,"tunnels":{"open":-1}}""", "$.tunnels.open: negative")]
    [InlineData(
        """{"type":"report","state":"Serving","connections":1,"capacity":1,"tunnels":{"tunnels":[null]}}""",
        "$.tunnels.tunnels[0]: null"
    )]
    [InlineData(
        """{"type":"report","state":"Serving","connections":1,"capacity":1,"tunnels":{"tenants":[null]}}""",
        "$.tunnels.tenants[0]: null"
    )]
    [InlineData(
        """{"type":"report","state":"Serving","connections":1,"capacity":1,"tunnels":{"tenants":[{"listener":"a","tenant":"b","visitors":-1}]}}""",
        "$.tunnels.tenants[0].visitors: negative"
    )]
    [InlineData(
        """{"type":"report","state":"Serving","connections":1,"capacity":1,"tunnels":{"tunnels":[{"name":"a","listener":"b","tenant":"","client":"c","ports":[null]}]}}""",
        "$.tunnels.tunnels[0].ports[0]: null"
    )]
    [InlineData(
        """{"type":"report","state":"Serving","connections":1,"capacity":1,"tunnels":{"tunnels":[{"name":"a","listener":"b","tenant":"","client":"c","history":[null]}]}}""",
        "$.tunnels.tunnels[0].history[0]: null"
    )]
    [InlineData(
        """{"type":"report","state":"Serving","connections":1,"capacity":1,"tunnels":{"states":{"Connected":-1}}}""",
        "$.tunnels.states.Connected: negative"
    )]
    [InlineData(
        """{"type":"report","state":"Serving","connections":1,"capacity":1,"listeners":[{"name":"a","traffic":{"sentBitsPerSecond":1e999}}]}""",
        "$.listeners[0].traffic.sentBitsPerSecond: not a finite number"
    )]
    [InlineData("""{"type":"ack","hash":null,"accepted":true}""", "hash")]
    [InlineData(
        """{"type":"report","state":"Serving","connections":1,"capacity":1,"listeners":[{"name":"a","refusedTotal":{"x":-1}}]}""",
        "$.listeners[0].refusedTotal.x: negative"
    )]
    [InlineData(
        """{"type":"report","state":"Serving","connections":1,"capacity":1,"backends":[{"name":"a","traffic":{"connect":{"counts":[1,-1]}}}]}""",
        "$.backends[0].traffic.connect.counts[1]: negative"
    )]
    [InlineData(
        """{"type":"report","state":"Serving","connections":1,"capacity":1,"listeners":[{"name":"a","traffic":null}]}""",
        "traffic"
    )]
    [InlineData(
        """{"type":"report","state":"Serving","connections":1,"capacity":1,"listeners":[{"name":"a","traffic":{"closedTotal":{"x":-1}}}]}""",
        "$.listeners[0].traffic.closedTotal.x: negative"
    )]
    public async Task Session_BadMessage_EndsTheStream(string text, string expected)
    {
        await using var stream = await StreamFixture.StartAsync();
        using var gateway = await stream.JoinAsync("g0");
        await stream.SendAsync(gateway, text);
        (await stream.ClosedAsync(gateway) ?? "").ShouldContain(expected);
    }

    [Fact]
    public async Task Session_UnknownKind_IsSkipped()
    {
        await using var stream = await StreamFixture.StartAsync();
        using var gateway = await stream.JoinAsync("g0");
        await stream.SendAsync(gateway, """{"type":"weather","rain":true}""");
        await stream.SendAsync(gateway, Report(GatewayState.Serving, 3, 9));
        await stream.UntilAsync(static view => view.Connections == 3);
    }

    [Fact]
    public async Task Session_MessageTooLong_EndsTheStream()
    {
        await using var stream = await StreamFixture.StartAsync();
        using var gateway = await stream.JoinAsync("g0");
        await stream.UntilAsync(static view => view.Gateways.Count == 1);
        var part = new byte[1024 * 1024];
        await Should.ThrowAsync<WebSocketException>(async () =>
        {
            while (true)
            {
                await gateway.SendAsync(part, WebSocketMessageType.Text, endOfMessage: false, stream.Deadline);
            }
        });
        await stream.UntilAsync(static view => view.Gateways.Count == 0);
    }

    [Fact]
    public async Task Outbox_ManyPuts_OnlyTheNewestOfEachKindIsTaken()
    {
        var outbox = new Outbox();
        for (byte i = 0; i < 100; i++)
        {
            outbox.PutDirective(new[] { i });
            outbox.PutEndpoints("a", new[] { i });
            outbox.PutEndpoints("gone", new[] { i });
            outbox.PutConfig(new[] { i });
        }

        outbox.DropEndpoints("gone");
        for (var i = 0; i < 3; i++)
        {
            (await outbox.TakeAsync(CancellationToken.None)).ToArray().ShouldBe([99]);
        }

        using var cancel = new CancellationTokenSource();
        var next = outbox.TakeAsync(cancel.Token);
        next.IsCompleted.ShouldBeFalse();
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(next);
    }

    private static DirectiveMessage Cordon(long epoch, long sequence) =>
        new()
        {
            Kind = DirectiveKind.Cordon,
            Epoch = epoch,
            Sequence = sequence,
        };

    private static ReportMessage Report(GatewayState state, int connections, int capacity) =>
        new()
        {
            State = state,
            Connections = connections,
            Capacity = capacity,
        };
}
