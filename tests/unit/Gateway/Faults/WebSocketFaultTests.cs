using System.Net.WebSockets;
using System.Security.Cryptography;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Tests.Transport.Tls;
using Mooring.Gateway.Tests.WebSockets;
using Mooring.Testing;
using Mooring.Testing.Faults;

namespace Mooring.Gateway.Tests.Faults;

/// <summary>WebSockets through the same faults: messages of random sizes, echoed while more are sent.</summary>
public sealed class WebSocketFaultTests
{
    [Fact]
    public async Task AnyMessages_DelayedStalledAndInPieces_ComeBackToTheByte()
    {
        await using var backend = await EchoBackend.StartAsync();
        using var behind = new FaultProxy(backend.Port, number => TcpFaultTests.Lossless(number, 5));
        await using var gateway = await ProxyGateway.StartAsync(new WebSocketListenerConfig(), "app", Backend(behind.Port));
        using var front = new FaultProxy(gateway.Port, number => TcpFaultTests.Lossless(number, 6));
        await Task.WhenAll(
            Enumerable
                .Range(1, 32)
                .Select(async seed =>
                {
                    var (sent, received, error) = await EchoAsync(front.Port, seed);
                    error.ShouldBeNull($"seed {seed}");
                    Convert.ToHexString(SHA256.HashData(received)).ShouldBe(Convert.ToHexString(SHA256.HashData(sent)), $"seed {seed}");
                })
        );
        await Until.TrueAsync(() => gateway.Engine.Connections == 0, TimeSpan.FromSeconds(30), "none is left");
    }

    [Fact]
    public async Task OneByteAtATime_HandshakeAndFrames_ComeBackToTheByte()
    {
        var slow = new FaultPlan { MaxPiece = 1 };
        await using var backend = await EchoBackend.StartAsync();
        using var behind = new FaultProxy(backend.Port, _ => (slow, slow));
        await using var gateway = await ProxyGateway.StartAsync(new WebSocketListenerConfig(), "app", Backend(behind.Port));
        using var front = new FaultProxy(gateway.Port, _ => (slow, slow));
        var (sent, received, error) = await EchoAsync(front.Port, seed: 3, maxMessage: 200);
        error.ShouldBeNull();
        received.ShouldBe(sent);
    }

    [Fact]
    public async Task ResetOrTruncated_AnywhereOnEitherSide_OnlyPrefixesComeBackAndNothingIsLeftOver()
    {
        await using var backend = await EchoBackend.StartAsync();
        using var behind = new FaultProxy(backend.Port, number => number % 3 == 1 ? Lossy(number, 7) : TcpFaultTests.Lossless(number, 7));
        await using var gateway = await ProxyGateway.StartAsync(
            new WebSocketListenerConfig { HandshakeTimeout = TimeSpan.FromSeconds(10) },
            "app",
            Backend(behind.Port)
        );
        using var front = new FaultProxy(gateway.Port, number => number % 3 == 0 ? Lossy(number, 8) : TcpFaultTests.Lossless(number, 8));
        var whole = 0;
        await Task.WhenAll(
            Enumerable
                .Range(100, 36)
                .Select(async seed =>
                {
                    var (sent, received, error) = await EchoAsync(front.Port, seed, maxMessage: 20_000);
                    received.Length.ShouldBeLessThanOrEqualTo(sent.Length);
                    received.AsSpan().SequenceEqual(sent.AsSpan(0, received.Length)).ShouldBeTrue($"seed {seed}: {error}");
                    if (error is null)
                    {
                        Interlocked.Increment(ref whole);
                    }
                })
        );
        whole.ShouldBeGreaterThanOrEqualTo(6);
        await Until.TrueAsync(() => gateway.Engine.Connections == 0, TimeSpan.FromSeconds(60), "none is left");
        gateway.Engine.BackendLoads()[0].Endpoints[0].Connections.ShouldBe(0);
    }

    [Fact]
    public async Task OverTls_DelayedStalledInPiecesOrOneByteAtATime_ComeBackToTheByte()
    {
        var slow = new FaultPlan { MaxPiece = 1 };
        using var authority = new TestAuthority();
        await using var backend = await EchoBackend.StartAsync();
        using var behind = new FaultProxy(backend.Port, number => TcpFaultTests.Lossless(number, 15));
        await using var gateway = await OverTlsAsync(authority, behind.Port);
        using var front = new FaultProxy(gateway.Port, number => number % 8 == 0 ? (slow, slow) : TcpFaultTests.Lossless(number, 16));
        await Task.WhenAll(
            Enumerable
                .Range(200, 16)
                .Select(async seed =>
                {
                    var (sent, received, error) = await EchoAsync(front.Port, seed, maxMessage: 8_000, authority);
                    error.ShouldBeNull($"seed {seed}");
                    Convert.ToHexString(SHA256.HashData(received)).ShouldBe(Convert.ToHexString(SHA256.HashData(sent)), $"seed {seed}");
                })
        );
        await Until.TrueAsync(() => gateway.Engine.Connections == 0, TimeSpan.FromSeconds(30), "none is left");
        gateway.Engine.ListenerLoads()[0].Tls!.FullHandshakesTotal.ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task OverTls_ResetOrTruncated_OnlyPrefixesComeBackAndNothingIsLeftOver()
    {
        using var authority = new TestAuthority();
        await using var backend = await EchoBackend.StartAsync();
        using var behind = new FaultProxy(backend.Port, number => number % 3 == 1 ? Lossy(number, 17) : TcpFaultTests.Lossless(number, 17));
        await using var gateway = await OverTlsAsync(authority, behind.Port);
        using var front = new FaultProxy(gateway.Port, number => number % 3 == 0 ? Lossy(number, 18) : TcpFaultTests.Lossless(number, 18));
        var whole = 0;
        await Task.WhenAll(
            Enumerable
                .Range(300, 24)
                .Select(async seed =>
                {
                    var (sent, received, error) = await EchoAsync(front.Port, seed, maxMessage: 20_000, authority);
                    received.Length.ShouldBeLessThanOrEqualTo(sent.Length);
                    received.AsSpan().SequenceEqual(sent.AsSpan(0, received.Length)).ShouldBeTrue($"seed {seed}: {error}");
                    if (error is null)
                    {
                        Interlocked.Increment(ref whole);
                    }
                })
        );
        whole.ShouldBeGreaterThanOrEqualTo(4);
        await Until.TrueAsync(() => gateway.Engine.Connections == 0, TimeSpan.FromSeconds(60), "none is left");
        gateway.Engine.BackendLoads()[0].Endpoints[0].Connections.ShouldBe(0);
    }

    private static async Task<ProxyGateway> OverTlsAsync(TestAuthority authority, int backend)
    {
        var listener = new WebSocketListenerConfig { HandshakeTimeout = TimeSpan.FromSeconds(10) };
        var gateway = await ProxyGateway.StartAsync(listener, "app", Backend(backend));
        gateway.Tls = new TlsListenerConfig { Certificates = [authority.Issue("live", "127.0.0.1")] };
        await gateway.ApplyAsync(listener, "app", Backend(backend));
        return gateway;
    }

    private static (FaultPlan Up, FaultPlan Down) Lossy(int number, int salt)
    {
        var random = new Random((number * 41) + salt);
        return random.Next(2) == 0
            ? (FaultPlan.Lossy(random, 20_000), FaultPlan.Lossless(random, 20_000))
            : (FaultPlan.Lossless(random, 20_000), FaultPlan.Lossy(random, 20_000));
    }

    // Faults of the test must not put its one endpoint out.
    private static BackendConfig Backend(int port) =>
        ProxyGateway.Backend("app", port) with
        {
            PassiveHealth = new PassiveHealthConfig { MaxFails = 0 },
        };

    /// <summary>Sends messages and reads their echoes at the same time, then closes.</summary>
    private static async Task<(byte[] Sent, byte[] Received, string? Error)> EchoAsync(
        int port,
        int seed,
        int maxMessage = 100_000,
        TestAuthority? authority = null
    )
    {
        var random = new Random(seed);
        var messages = Enumerable
            .Range(0, random.Next(1, 12))
            .Select(_ => new byte[(int)Math.Pow(maxMessage, random.NextDouble())])
            .ToList();
        messages.ForEach(random.NextBytes);
        var sent = messages.SelectMany(message => message).ToArray();
        using var received = new MemoryStream();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var client = new ClientWebSocket();
        var reading = Task.CompletedTask;
        try
        {
            client.Options.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Issuer == authority?.Root.Subject;
            await client.ConnectAsync(new Uri($"{(authority is null ? "ws" : "wss")}://127.0.0.1:{port}/"), limit.Token);
            reading = ReadAsync(client, received, sent.Length, limit.Token);
            foreach (var message in messages)
            {
                await client.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, limit.Token);
            }

            await reading;
            await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, limit.Token);
            return (sent, received.ToArray(), null);
        }
        catch (Exception error) when (IsCut(error) && !limit.IsCancellationRequested)
        {
            client.Abort();
            await reading.ContinueWith(static _ => { }, TaskScheduler.Default);
            return (sent, received.ToArray(), error.Message);
        }
    }

    // What .NET's client says of a connection that broke depends on what it was doing.
    private static bool IsCut(Exception error) =>
        error
            is WebSocketException
                or IOException
                or System.Net.Sockets.SocketException
                or InvalidOperationException
                or OperationCanceledException;

    private static async Task ReadAsync(ClientWebSocket client, MemoryStream received, int length, CancellationToken cancel)
    {
        var buffer = new byte[16 * 1024];
        while (received.Length < length)
        {
            var result = await client.ReceiveAsync(buffer.AsMemory(), cancel);
            if (result.MessageType == WebSocketMessageType.Close)
            {
                throw new WebSocketException("closed early");
            }

            received.Write(buffer, 0, result.Count);
        }
    }
}
