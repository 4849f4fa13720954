using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Sessions;
using Mooring.Gateway.Tests.WebSockets;
using Mooring.Gateway.Tests.WebSockets.Messages;
using Mooring.Gateway.WebSockets.Deflate;
using Mooring.Gateway.WebSockets.Framing;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub.Listening;

/// <summary>permessage-deflate between a Hub on real sockets and clients that look at each frame.</summary>
public sealed class HubCompressionTests : IAsyncLifetime
{
    private const string Offer = "permessage-deflate; client_max_window_bits";
    private static readonly string Text = string.Join(' ', Enumerable.Range(0, 400).Select(static i => $"word{i % 40} ☃"));
    private ProxyGateway _gateway = null!;

    public async Task InitializeAsync() => _gateway = await ProxyGateway.StartAsync(Listener(new HubCompressionConfig()), backend: null);

    public async Task DisposeAsync() => await _gateway.DisposeAsync();

    [Theory]
    [InlineData(Offer, "permessage-deflate; server_no_context_takeover; client_no_context_takeover")]
    [InlineData(
        "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=10; server_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10"
    )]
    [InlineData("permessage-deflate; server_max_window_bits=8", null)]
    [InlineData("permessage-deflate; server_max_window_bits=16", null)]
    [InlineData("x-webkit-deflate-frame", null)]
    [InlineData(null, null)]
    public async Task Offer_ThatCanBeMet_IsTaken_OthersAreDeclinedAndTheClientIsServed(string? offer, string? expected)
    {
        using var client = await Client.OpenAsync(_gateway.Port, offer);

        client.Extensions.ShouldBe(expected);
        (await client.AskAsync("""{"id":1,"connect":{}}""")).ShouldContain("\"client\":");
    }

    [Fact]
    public async Task Listener_WithoutCompression_OffersNone()
    {
        await _gateway.ApplyAsync(Listener(null), backend: null);
        using var client = await Client.OpenAsync(_gateway.Port, Offer);

        client.Extensions.ShouldBeNull();
        await client.ConnectAsync();
        await client.SendAsync(0xC1, "x"u8.ToArray());
        (await client.ReadAsync()).Payload[..2].ShouldBe([0x03, 0xEA], "1002: compression was not negotiated");
    }

    [Fact]
    public async Task Publication_ForClientsOfDifferentAgreements_IsOneMessageForAll_CompressedOnceForEachWindow()
    {
        const string Small = "permessage-deflate; server_max_window_bits=9; client_no_context_takeover";
        string?[] offers = [null, Offer, Offer, Small, null];
        var clients = new List<Client>();
        try
        {
            foreach (var (i, offer) in offers.Index())
            {
                var client = await Client.OpenAsync(_gateway.Port, offer, i == 4 ? "centrifuge-protobuf" : "centrifuge-json");
                clients.Add(client);
                if (i < 4)
                {
                    await client.ConnectAsync();
                    await client.AskAsync("""{"id":2,"subscribe":{"channel":"chat:a"}}""");
                }
            }

            foreach (var data in new[] { Text, "short" })
            {
                await clients[0]
                    .SendAsync(0x81, Encoding.UTF8.GetBytes($$$"""{"id":3,"publish":{"channel":"chat:a","data":"{{{data}}}"}}"""));
                var frames = new List<(byte First, byte[] Payload, string Text)>();
                foreach (var client in clients[..4])
                {
                    (byte First, byte[] Payload, string Text) frame;
                    do
                    {
                        frame = await client.ReadAsync();
                    } while (!frame.Text.Contains("\"push\"", StringComparison.Ordinal));

                    frames.Add(frame);
                }

                frames.Select(static frame => frame.Text).Distinct().ShouldHaveSingleItem();
                JsonDocument
                    .Parse(frames[0].Text)
                    .RootElement.GetProperty("push")
                    .GetProperty("pub")
                    .GetProperty("data")
                    .GetString()
                    .ShouldBe(data);
                byte[] firsts = data == Text ? [0x81, 0xC1, 0xC1, 0xC1] : [0x81, 0x81, 0x81, 0x81];
                frames.Select(static frame => frame.First).ShouldBe(firsts);
                if (data == Text)
                {
                    frames[1].Payload.ShouldBe(frames[2].Payload);
                    frames[3].Payload.ShouldNotBe(frames[1].Payload);
                    frames[1].Payload.Length.ShouldBeLessThan(frames[0].Payload.Length / 4);
                }
            }

            var load = _gateway.Engine.HubLoads()[0].Compression;
            load.SentBefore.ShouldBeGreaterThan(3L * Text.Length);
            load.SentAfter.ShouldBeLessThan(load.SentBefore / 4);
            load.SentAfter.ShouldBeGreaterThan(0);
            load.ReceivedAfter.ShouldBe(0);
        }
        finally
        {
            clients.ForEach(static client => client.Dispose());
        }
    }

    [Fact]
    public async Task Commands_ThatComeCompressed_InPartsAndWithAPingAmong_AreHandled_AndNothingIsKeptOfThem()
    {
        using var deflater = new Deflater(6, 15);
        using var client = await Client.OpenAsync(_gateway.Port, Offer);
        await client.ConnectAsync();
        for (var round = 0; round < 3; round++)
        {
            var command = Encoding.UTF8.GetBytes($$$"""{"id":{{{round + 2}}},"publish":{"channel":"chat:b","data":"{{{Text}}}"}}""");
            var sent = deflater.Deflate(command, keepContext: false).ToArray();
            var half = sent.Length / 2;
            await client.SendAsync(0x41, sent[..half]);
            await client.SendAsync(0x89, [1, 2, 3]);
            await client.SendAsync(0x80, sent[half..]);

            var pong = await client.ReadAsync();
            (pong.First, Convert.ToHexString(pong.Payload)).ShouldBe(((byte)0x8A, "010203"));
            (await client.ReadAsync()).Text.ShouldBe($$$"""{"id":{{{round + 2}}},"publish":{}}""");
        }

        var load = _gateway.Engine.HubLoads()[0].Compression;
        load.ReceivedBefore.ShouldBeGreaterThan(3L * Text.Length);
        load.ReceivedAfter.ShouldBeLessThan(load.ReceivedBefore / 4);
        var session = _gateway.Engine.Hubs[0].Value.Loops.SelectMany(static loop => loop.Sessions).ShouldHaveSingleItem();
        await Until.TrueAsync(() => Task.FromResult(session.Incoming is null), TimeSpan.FromSeconds(30), "an idle session keeps nothing");
        session.WindowBits.ShouldBe((byte)15);

        // A long reply comes compressed too: two publications of the history.
        var history = await client.AskAsync("""{"id":9,"history":{"channel":"chat:b","limit":2}}""");
        history.ShouldContain(Text);
        client.LastFirst.ShouldBe((byte)0xC1);
    }

    [Fact]
    public async Task WhatWasMissed_AndJobs_ComeCompressed()
    {
        using var client = await Client.OpenAsync(_gateway.Port, Offer);
        await client.ConnectAsync();
        var first = JsonDocument.Parse(await client.AskAsync("""{"id":2,"subscribe":{"channel":"chat:e"}}"""));
        var epoch = first.RootElement.GetProperty("subscribe").GetProperty("epoch").GetString();
        await client.AskAsync("""{"id":3,"unsubscribe":{"channel":"chat:e"}}""");
        (await client.AskAsync($$$"""{"id":4,"publish":{"channel":"chat:e","data":"{{{Text}}}"}}""")).ShouldContain("\"publish\"");

        var recovered = await client.AskAsync(
            $$$"""{"id":5,"subscribe":{"channel":"chat:e","recover":true,"offset":0,"epoch":"{{{epoch}}}"}}"""
        );
        recovered.ShouldContain("\"recovered\":true");
        recovered.ShouldContain(Text);
        client.LastFirst.ShouldBe((byte)0xC1);

        await client.AskAsync($$$"""{"id":6,"publish":{"channel":"jobs:a","data":"{{{Text}}}"}}""");
        await client.SendAsync(0x81, """{"id":7,"subscribe":{"channel":"jobs:a"}}"""u8.ToArray());
        while (!(await client.ReadAsync()).Text.Contains("\"attempt\"", StringComparison.Ordinal)) { }

        client.LastFirst.ShouldBe((byte)0xC1);
    }

    /// <summary>Compressing it would hold the loop up for everybody else.</summary>
    [Fact]
    public async Task WhatWasMissed_MoreThanAMebibyte_ComesAsItIs()
    {
        var listener = Listener(new HubCompressionConfig());
        await _gateway.ApplyAsync(listener with { Hub = listener.Hub! with { MaxMessageBytes = 400_000 } }, backend: null);
        using var client = await Client.OpenAsync(_gateway.Port, Offer);
        await client.ConnectAsync();
        var first = JsonDocument.Parse(await client.AskAsync("""{"id":2,"subscribe":{"channel":"chat:f"}}"""));
        var epoch = first.RootElement.GetProperty("subscribe").GetProperty("epoch").GetString();
        await client.AskAsync("""{"id":3,"unsubscribe":{"channel":"chat:f"}}""");
        for (var i = 0; i < 4; i++)
        {
            (await client.AskAsync($$$"""{"id":4,"publish":{"channel":"chat:f","data":"{{{new string('x', 300_000)}}}"}}""")).ShouldContain(
                "\"publish\""
            );
        }

        var recovered = await client.AskAsync(
            $$$"""{"id":5,"subscribe":{"channel":"chat:f","recover":true,"offset":0,"epoch":"{{{epoch}}}"}}"""
        );
        recovered.Length.ShouldBeGreaterThan(1_200_000);
        client.LastFirst.ShouldBe((byte)0x81);
    }

    [Fact]
    public async Task Bomb_IsClosedWith1009_AndOthersAreServed()
    {
        using var other = await Client.OpenAsync(_gateway.Port, Offer);
        await other.ConnectAsync();
        using var deflater = new Deflater(9, 15);
        var bomb = deflater.Deflate(new byte[32 * 1024 * 1024], keepContext: false).ToArray();
        bomb.Length.ShouldBeLessThan(64 * 1024);
        using var client = await Client.OpenAsync(_gateway.Port, Offer);
        await client.ConnectAsync();

        await client.SendAsync(0xC1, bomb);

        var close = await client.ReadAsync();
        close.First.ShouldBe((byte)0x88);
        close.Payload[..2].ShouldBe([0x03, 0xF1]);
        (await other.AskAsync("""{"id":2,"subscribe":{"channel":"chat:c"}}""")).ShouldContain("\"subscribe\"");
    }

    [Fact]
    public async Task Reload_WithoutCompression_ClientsThatHaveItGoOn()
    {
        using var deflater = new Deflater(6, 15);
        using var client = await Client.OpenAsync(_gateway.Port, Offer);
        await client.ConnectAsync();
        await client.AskAsync("""{"id":2,"subscribe":{"channel":"chat:d"}}""");

        await _gateway.ApplyAsync(Listener(null), backend: null);
        var command = Encoding.UTF8.GetBytes($$$"""{"id":3,"publish":{"channel":"chat:d","data":"{{{Text}}}"}}""");
        await client.SendAsync(0xC1, deflater.Deflate(command, keepContext: false).ToArray());

        var push = await client.ReadAsync();
        while (!push.Text.Contains("\"push\"", StringComparison.Ordinal))
        {
            push = await client.ReadAsync();
        }

        push.First.ShouldBe((byte)0x81);
        push.Text.ShouldContain(Text);
    }

    [Theory]
    [InlineData("POST /connection/http_stream HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n{\"connect\":{},\"id\":1}")]
    [InlineData("POST /emulation HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")]
    [InlineData("GET /connection/sse?cf_connect=%7B%7D HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n")]
    public async Task OtherTransports_AreRefusedClearly(string request)
    {
        var answer = await _gateway.AskAsync(request);

        answer.ShouldStartWith("HTTP/1.1 404 ");
        answer.ShouldContain("SSE, HTTP streaming and emulation are not served");
    }

    /// <summary>What a client costs that has nothing under way, with compression or without: the object alone.</summary>
    [Fact]
    public void Session_IsNoLargerForIt()
    {
        var sessions = new HubSession[100];
        Fill(sessions);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Fill(sessions);

        ((GC.GetAllocatedBytesForCurrentThread() - before) / sessions.Length).ShouldBeLessThanOrEqualTo(184);

        static void Fill(HubSession[] all)
        {
            for (var i = 0; i < all.Length; i++)
            {
                all[i] = new HubSession(null!, HubCodec.Json, i, 0, 15);
            }
        }
    }

    private static WebSocketListenerConfig Listener(HubCompressionConfig? compression) =>
        new()
        {
            Mode = WebSocketMode.Hub,
            Hub = new HubConfig
            {
                Anonymous = true,
                Compression = compression,
                Namespaces =
                [
                    new HubNamespaceConfig
                    {
                        Name = "chat",
                        Subscribe = HubAudience.Everyone,
                        Publish = HubAudience.Everyone,
                        ReadHistory = HubAudience.Everyone,
                        History = new HubHistoryConfig { Size = 5, Ttl = TimeSpan.FromMinutes(5) },
                    },
                    new HubNamespaceConfig
                    {
                        Name = "jobs",
                        Subscribe = HubAudience.Everyone,
                        Publish = HubAudience.Everyone,
                        Queue = new HubQueueConfig(),
                    },
                ],
            },
        };

    /// <summary>A WebSocket client that shows each frame as it came.</summary>
    private sealed class Client : IDisposable
    {
        private readonly TcpClient _tcp = new();
        private readonly Inflater _inflater = new();
        private byte[] _rest = [];

        /// <summary>Of the upgrade's answer.</summary>
        public string? Extensions { get; private set; }

        /// <summary>First byte of the last frame.</summary>
        public byte LastFirst { get; private set; }

        public static async Task<Client> OpenAsync(int port, string? offer, string protocol = "centrifuge-json")
        {
            var client = new Client();
            await client._tcp.ConnectAsync(IPAddress.Loopback, port, ProxyGateway.Deadline());
            var extensions = offer is null ? "" : $"Sec-WebSocket-Extensions: {offer}\r\n";
            var request = $"GET / HTTP/1.1\r\n{Requests.Upgrade}Sec-WebSocket-Protocol: {protocol}\r\n{extensions}\r\n";
            await client._tcp.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request), ProxyGateway.Deadline());
            int end;
            while ((end = client._rest.AsSpan().IndexOf("\r\n\r\n"u8)) < 0)
            {
                await client.MoreAsync();
            }

            var lines = Encoding.ASCII.GetString(client._rest, 0, end).Split("\r\n");
            client._rest = client._rest[(end + 4)..];
            lines[0].ShouldBe("HTTP/1.1 101 Switching Protocols");
            client.Extensions = lines
                .SingleOrDefault(static line => line.StartsWith("Sec-WebSocket-Extensions: ", StringComparison.Ordinal))
                ?[26..];
            return client;
        }

        public async Task ConnectAsync() => (await AskAsync("""{"id":1,"connect":{}}""")).ShouldContain("\"client\":");

        public async Task<string> AskAsync(string command)
        {
            await SendAsync(0x81, Encoding.UTF8.GetBytes(command));
            return (await ReadAsync()).Text;
        }

        public async Task SendAsync(byte first, byte[] payload) =>
            await _tcp.GetStream().WriteAsync(ClientFrames.Frame(first, payload), ProxyGateway.Deadline());

        public async Task<(byte First, byte[] Payload, string Text)> ReadAsync()
        {
            FrameHeader header;
            while (!FrameHeader.TryRead(_rest, out header) || _rest.Length < header.Size + header.PayloadLength)
            {
                await MoreAsync();
            }

            var end = header.Size + (int)header.PayloadLength;
            var payload = _rest[header.Size..end];
            _rest = _rest[end..];
            LastFirst = header.First;
            return (header.First, payload, Encoding.UTF8.GetString((header.First & 0x40) == 0 ? payload : Inflate(payload)));
        }

        public void Dispose()
        {
            _tcp.Dispose();
            _inflater.Dispose();
        }

        private byte[] Inflate(byte[] payload)
        {
            _inflater.Inflate(payload, 1 << 20, keepContext: false, out var inflated).ShouldBe(InflateResult.Done);
            return inflated.ToArray();
        }

        private async Task MoreAsync()
        {
            var buffer = new byte[64 * 1024];
            var count = await _tcp.GetStream().ReadAsync(buffer, ProxyGateway.Deadline());
            count.ShouldBeGreaterThan(0);
            _rest = [.. _rest, .. buffer[..count]];
        }
    }
}
