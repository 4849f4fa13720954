using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Tests.Transport.Tls;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners.Tls;

/// <summary>Bytes through TLS: on the client's side, on the backend's, and on both.</summary>
public sealed class TlsRelayTests
{
    public static TheoryData<bool, bool, int, int> Transfers()
    {
        var data = new TheoryData<bool, bool, int, int>();
        foreach (var (client, backend) in ((bool, bool)[])[(true, false), (false, true), (true, true)])
        {
            data.Add(client, backend, 1, 1);
            data.Add(client, backend, 3_000, 1);
            data.Add(client, backend, 100_000, 16_384);
            data.Add(client, backend, 12_345_678, 300_000);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Transfers))]
    public async Task Echo_AnySizeInAnyPieces_ComesBackWhole(bool clientTls, bool backendTls, int bytes, int piece)
    {
        await using var gateway = new TlsHarness(loops: 2);
        using var server = backendTls ? TlsStreams.Echo(gateway.BackendPair()) : new TestServer();
        await gateway.ServeAsync(server.Port, clientTls ? gateway.ServerTls() : null, backendTls ? gateway.ClientTls() : null);
        await using (var client = await TlsTransfer.ConnectAsync(gateway, clientTls))
        {
            await TlsTransfer.EchoAsync(client, bytes, piece, seed: bytes);
        }

        await gateway.Gateway.NoneOpenAsync();
        await Until.TrueAsync(() => gateway.Gateway.Records.Count == 1, EngineHarness.Patience, "the connection is logged");
        gateway.Gateway.Records[0].Received.ShouldBe(bytes);
        gateway.Gateway.Records[0].Sent.ShouldBe(bytes);
        gateway.Gateway.Records[0].Reason.ShouldBe(CloseReason.ClientClosed);
    }

    [Fact]
    public async Task Echo_ManyAtOnceOnTwoLoops_AreNotMixedUp()
    {
        await using var gateway = new TlsHarness(loops: 2);
        using var server = TlsStreams.Echo(gateway.BackendPair());
        await gateway.ServeAsync(server.Port, gateway.ServerTls(), gateway.ClientTls());
        var random = new Random(2);
        var sizes = Enumerable.Range(0, 40).Select(_ => (int)Math.Pow(10, random.NextDouble() * 6)).ToArray();
        await Task.WhenAll(
            sizes.Select(
                async (size, i) =>
                {
                    await using var client = await TlsTransfer.ConnectAsync(gateway, tls: true);
                    await TlsTransfer.EchoAsync(client, size, 50_000, seed: i);
                }
            )
        );
        await gateway.Gateway.NoneOpenAsync();
        (gateway.Listener!.FullHandshakesTotal + gateway.Listener.ResumedHandshakesTotal).ShouldBe(sizes.Length);
        (gateway.Backend!.FullHandshakesTotal + gateway.Backend.ResumedHandshakesTotal).ShouldBe(sizes.Length);
    }

    [Fact]
    public async Task Handshake_OneByteAtATime_IsServed()
    {
        await using var gateway = new TlsHarness();
        using var server = new TestServer();
        await gateway.ServeAsync(server.Port, gateway.ServerTls());
        var socket = await EngineHarness.ConnectAsync(gateway.Port);
        await using var client = await TlsStreams.OverAsync(new DribbleStream(socket), gateway.Authority);
        await TlsTransfer.EchoAsync(client, 2_000, 1_000, seed: 1);
    }

    [Fact]
    public async Task ClientEndsWithCloseNotify_BackendStillAnswers()
    {
        await using var gateway = new TlsHarness();
        using var server = new TestServer(async socket =>
        {
            var buffer = new byte[100];
            var total = 0;
            while (await socket.ReceiveAsync(buffer) is > 0 and var count)
            {
                total += count;
            }

            // Only once the client's end was seen.
            await socket.SendAsync(new byte[total * 2]);
        });
        await gateway.ServeAsync(server.Port, gateway.ServerTls());
        await using var client = await TlsTransfer.ConnectAsync(gateway, tls: true);
        await client.WriteAsync(new byte[21]);
        await TlsTransfer.EndAsync(client);
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        (await TlsTransfer.HashAsync(client, limit.Token)).Length.ShouldBe(42);
        await gateway.Gateway.NoneOpenAsync();
    }

    [Fact]
    public async Task ClientEndsWithoutCloseNotify_BackendGetsAllOfIt_AndAnswers()
    {
        const int Bytes = 1_000_000;
        var read = new TaskCompletionSource();
        await using var gateway = new TlsHarness();
        using var server = new TestServer(async socket =>
        {
            // Only once the client has ended: what fills the sockets between must not be lost.
            await read.Task;
            var buffer = new byte[64 * 1024];
            var total = 0;
            while (await socket.ReceiveAsync(buffer) is > 0 and var count)
            {
                total += count;
            }

            await socket.SendAsync(BitConverter.GetBytes(total));
        });
        await gateway.ServeAsync(server.Port, gateway.ServerTls());
        using var socket = await EngineHarness.ConnectAsync(gateway.Port);
        await using var client = await TlsStreams.OverAsync(new NetworkStream(socket), gateway.Authority);
        await client.WriteAsync(new byte[Bytes]);
        socket.Shutdown(SocketShutdown.Send);
        read.SetResult();

        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        var answer = new byte[sizeof(int)];
        await client.ReadExactlyAsync(answer, limit.Token);
        BitConverter.ToInt32(answer).ShouldBe(Bytes);
        (await client.ReadAsync(new byte[1], limit.Token)).ShouldBe(0);
        await gateway.Gateway.NoneOpenAsync();
        await Until.TrueAsync(() => gateway.Gateway.Records.Count == 1, EngineHarness.Patience, "it is logged");
        gateway.Gateway.Records[0].Reason.ShouldBe(CloseReason.ClientTruncated);
        gateway.Gateway.Records[0].Received.ShouldBe(Bytes);
        gateway.Gateway.Engine.ListenerLoads()[0].Traffic.ClosedTotal["client_truncated"].ShouldBe(1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ClientIsReset_TheBackendIsToo(bool tls)
    {
        var ended = new TaskCompletionSource<SocketError>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var gateway = new TlsHarness();
        using var server = new TestServer(async socket =>
        {
            try
            {
                while (await socket.ReceiveAsync(new byte[100]) > 0) { }

                ended.TrySetResult(SocketError.Success);
            }
            catch (SocketException error)
            {
                ended.TrySetResult(error.SocketErrorCode);
            }
        });
        await gateway.ServeAsync(server.Port, tls ? gateway.ServerTls() : null);
        var socket = await EngineHarness.ConnectAsync(gateway.Port);
        Stream stream = new NetworkStream(socket);
        await using var client = tls ? await TlsStreams.OverAsync(stream, gateway.Authority) : stream;
        await client.WriteAsync(new byte[21]);
        await Until.TrueAsync(
            () => gateway.Gateway.Engine.ListenerLoads()[0].ReceivedBytesTotal == 21,
            EngineHarness.Patience,
            "the bytes are there"
        );
        socket.LingerState = new LingerOption(true, 0);
        socket.Dispose();
        (await ended.Task.WaitAsync(EngineHarness.Patience)).ShouldBe(SocketError.ConnectionReset);
    }

    /// <summary>Many clients just close once they were told the end, and are no truncation.</summary>
    [Fact]
    public async Task BackendEndsFirst_ClientThenClosesWithoutCloseNotify_IsAnOrdinaryEnd()
    {
        await using var gateway = new TlsHarness();
        using var server = new TestServer(async socket =>
        {
            (await socket.ReceiveAsync(new byte[100])).ShouldBe(1);
            await socket.SendAsync(new byte[] { 1, 2, 3 });
            socket.Shutdown(SocketShutdown.Send);
            while (await socket.ReceiveAsync(new byte[100]) > 0) { }
        });
        await gateway.ServeAsync(server.Port, gateway.ServerTls());
        using var socket = await EngineHarness.ConnectAsync(gateway.Port);
        await using var client = await TlsStreams.OverAsync(new NetworkStream(socket), gateway.Authority);
        await client.WriteAsync(new byte[1]);
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        (await TlsTransfer.HashAsync(client, limit.Token)).Length.ShouldBe(3);
        socket.Shutdown(SocketShutdown.Send);
        await Until.TrueAsync(() => gateway.Gateway.Records.Count == 1, EngineHarness.Patience, "it is logged");
        gateway.Gateway.Records[0].Reason.ShouldBe(CloseReason.BackendClosed);
    }

    [Fact]
    public async Task BackendEndsWithoutCloseNotify_PlainClientGetsAllOfIt_AndItIsCounted()
    {
        await using var gateway = new TlsHarness();
        using var server = CutAfterEcho(gateway, cut: true);
        await gateway.ServeAsync(server.Port, null, gateway.ClientTls());
        await using var client = await TlsTransfer.ConnectAsync(gateway, tls: false);
        await client.WriteAsync(new byte[500]);
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        (await TlsTransfer.HashAsync(client, limit.Token)).Length.ShouldBe(500);
        await TlsTransfer.EndAsync(client);
        await Until.TrueAsync(() => gateway.Gateway.Records.Count == 1, EngineHarness.Patience, "it is logged");
        gateway.Gateway.Records[0].Reason.ShouldBe(CloseReason.BackendTruncated);
    }

    [Fact]
    public async Task AnswerOfABackendThatReadsNoFurther_ReachesTheClient()
    {
        var refuses = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var refused = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var gateway = new TlsHarness();
        var pair = gateway.BackendPair();
        using var server = new TestServer(async socket =>
        {
            await using var stream = new SslStream(new NetworkStream(socket, ownsSocket: false));
            await stream.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = pair.Certificate });
            await stream.ReadExactlyAsync(new byte[1]);
            await refuses.Task;
            await stream.WriteAsync("too much"u8.ToArray());
            // With bytes unread: RST is right behind the answer.
            socket.Dispose();
            refused.SetResult();
        });
        await gateway.ServeAsync(server.Port, null, gateway.ClientTls());
        using var client = await EngineHarness.ConnectAsync(gateway.Port);
        var flood = TcpRelayTests.FloodAsync(client);
        await TcpRelayTests.StandsStillAsync(() => gateway.Gateway.Engine.ListenerLoads()[0].ReceivedBytesTotal);
        using (await HeldLoop.BeginAsync(gateway.Gateway.Engine.Loops[0]))
        {
            refuses.SetResult();
            await refused.Task.WaitAsync(EngineHarness.Patience);
        }

        (await TcpRelayTests.ReadWhatComesAsync(client)).ShouldBe("too much"u8.ToArray());
        await flood;
        await gateway.Gateway.NoneOpenAsync();
    }

    /// <summary>Over TLS: takes 500 bytes, gives them back, and ends with close_notify or without.</summary>
    internal static TestServer CutAfterEcho(TlsHarness gateway, bool cut)
    {
        var pair = gateway.BackendPair();
        return new TestServer(async socket =>
        {
            await using var stream = new SslStream(new NetworkStream(socket, ownsSocket: false));
            await stream.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = pair.Certificate });
            var buffer = new byte[500];
            await stream.ReadExactlyAsync(buffer);
            await stream.WriteAsync(buffer);
            if (!cut)
            {
                await stream.ShutdownAsync();
            }

            socket.Shutdown(SocketShutdown.Send);
            while (await socket.ReceiveAsync(buffer) > 0) { }
        });
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    [InlineData("\u0016\u0003\u0001\u0002\u0000\u0001\u00ff\u00ff\u00ff")]
    [InlineData("\u0016\u0003\u0001\u0000\u0002\u0001\u0000\u0016\u0003")]
    public async Task Garbage_IsRefusedAndCounted(string text)
    {
        await using var gateway = new TlsHarness();
        using var server = new TestServer();
        await gateway.ServeAsync(server.Port, gateway.ServerTls());
        using var client = await EngineHarness.ConnectAsync(gateway.Port);
        await client.SendAsync(System.Text.Encoding.Latin1.GetBytes(text));
        await gateway.RefusedAsync(RefusalReason.TlsHandshake);
        await gateway.Gateway.NoneOpenAsync();
        server.Accepted.ShouldBe(0);
    }

    [Fact]
    public async Task TruncatedHandshake_IsRefusedAndCounted()
    {
        await using var gateway = new TlsHarness();
        using var server = new TestServer();
        await gateway.ServeAsync(server.Port, gateway.ServerTls());
        using var client = await EngineHarness.ConnectAsync(gateway.Port);
        await client.SendAsync(Hellos.Whole("a.example.com").AsMemory(0, 60));
        client.Shutdown(SocketShutdown.Both);
        await gateway.RefusedAsync(RefusalReason.TlsHandshake);
        await gateway.Gateway.NoneOpenAsync();
    }

    [Fact]
    public async Task SilentClient_IsDroppedWhenItsTimeIsUp()
    {
        await using var gateway = new TlsHarness();
        using var server = new TestServer();
        await gateway.ServeAsync(server.Port, gateway.ServerTls() with { HandshakeTimeout = TimeSpan.FromMilliseconds(200) });
        using var silent = await EngineHarness.ConnectAsync(gateway.Port);
        using var halfway = await EngineHarness.ConnectAsync(gateway.Port);
        await halfway.SendAsync(Hellos.Whole("a.example.com").AsMemory(0, 60));
        await Until.TrueAsync(() => gateway.Refused(RefusalReason.TlsTimeout) == 2, EngineHarness.Patience, "both are dropped");
        await gateway.Gateway.NoneOpenAsync();
    }

    [Fact]
    public async Task SlowReader_LosesNothing()
    {
        await using var gateway = new TlsHarness();
        using var server = TlsStreams.Echo(gateway.BackendPair());
        await gateway.ServeAsync(server.Port, gateway.ServerTls(), gateway.ClientTls());
        await using var client = await TlsTransfer.ConnectAsync(gateway, tls: true);
        var data = new byte[12_000_000];
        new Random(3).NextBytes(data);
        // Nothing is read before everything between has filled up.
        var writing = client.WriteAsync(data).AsTask();
        var loads = gateway.Gateway.Engine;
        var last = -1L;
        await Until.TrueAsync(
            () => (last, last = loads.ListenerLoads()[0].ReceivedBytesTotal) is var (before, now) && before == now && now > 0,
            EngineHarness.Patience,
            "the transfer stands"
        );
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        var received = new byte[data.Length];
        await client.ReadExactlyAsync(received, limit.Token);
        await writing;
        received.AsSpan().SequenceEqual(data).ShouldBeTrue();
    }

    [Fact]
    public async Task MinVersion13_RefusesTls12()
    {
        await using var gateway = new TlsHarness();
        using var server = new TestServer();
        await gateway.ServeAsync(server.Port, gateway.ServerTls() with { MinVersion = Contracts.Configuration.TlsVersion.Tls13 });
        await Should.ThrowAsync<AuthenticationException>(() =>
            TlsStreams.ConnectAsync(gateway.Port, gateway.Authority, change: options => options.EnabledSslProtocols = SslProtocols.Tls12)
        );
        await gateway.RefusedAsync(RefusalReason.TlsHandshake);
        await using var client = await TlsStreams.ConnectAsync(gateway.Port, gateway.Authority);
        client.SslProtocol.ShouldBe(SslProtocols.Tls13);
    }

    [Fact]
    public async Task Alpn_ChoosesOursOrRefuses()
    {
        await using var gateway = new TlsHarness();
        using var server = new TestServer();
        await gateway.ServeAsync(server.Port, gateway.ServerTls() with { Alpn = ["mqtt", "x-amzn"] });
        await using var client = await TlsStreams.ConnectAsync(
            gateway.Port,
            gateway.Authority,
            change: options => options.ApplicationProtocols = [new SslApplicationProtocol("x-amzn"), new SslApplicationProtocol("mqtt")]
        );
        client.NegotiatedApplicationProtocol.ShouldBe(new SslApplicationProtocol("mqtt"));
        await Should.ThrowAsync<AuthenticationException>(() =>
            TlsStreams.ConnectAsync(
                gateway.Port,
                gateway.Authority,
                change: options => options.ApplicationProtocols = [SslApplicationProtocol.Http2]
            )
        );
    }
}
