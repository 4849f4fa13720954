using System.Net.Sockets;
using System.Security.Cryptography;
using Mooring.Gateway.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners;

public sealed class TcpRelayTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(64, 1)]
    [InlineData(1_000, 7)]
    [InlineData(100_000, 1)]
    [InlineData(65_536, 65_536)]
    [InlineData(20_000_000, 300_000)]
    public async Task Echo_AnySizeInAnyPieces_ComesBackWhole(int bytes, int piece)
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness(loops: 2);
        using var client = await EngineHarness.ConnectAsync(await gateway.ServeAsync(server.Port));
        await ExchangeAsync(client, bytes, piece, seed: bytes);
        client.Dispose();
        await gateway.NoneOpenAsync();
        await Until.TrueAsync(() => gateway.Records.Count == 1, EngineHarness.Patience, "the connection is logged");
        gateway
            .Records[0]
            .ShouldSatisfyAllConditions(
                record => record.Received.ShouldBe(bytes),
                record => record.Sent.ShouldBe(bytes),
                record => record.Listener.Name.ShouldBe("edge"),
                record => record.Endpoint!.Id.ShouldBe($"127.0.0.1:{server.Port}")
            );
    }

    [Fact]
    public async Task Echo_ManyAtOnceOfRandomSizes_AreNotMixedUp()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness(loops: 2);
        var port = await gateway.ServeAsync(server.Port);
        var random = new Random(1);
        var sizes = Enumerable.Range(0, 60).Select(_ => (int)Math.Pow(10, random.NextDouble() * 6.3)).ToArray();
        await Task.WhenAll(
            sizes.Select(
                async (size, i) =>
                {
                    using var client = await EngineHarness.ConnectAsync(port);
                    await ExchangeAsync(client, size, random.Next(1000, 200_000), seed: i);
                }
            )
        );
        await gateway.NoneOpenAsync();
    }

    [Fact]
    public async Task SlowReader_FastWriter_LosesNothing()
    {
        // The server says nothing until it has read everything, slowly; then it sends as much back.
        using var server = new TestServer(async socket =>
        {
            socket.ReceiveBufferSize = 64 * 1024;
            var buffer = new byte[3000];
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            while (await socket.ReceiveAsync(buffer) is > 0 and var count)
            {
                hash.AppendData(buffer, 0, count);
                await Task.Yield();
            }

            await socket.SendAsync(hash.GetHashAndReset());
        });
        await using var gateway = new EngineHarness();
        using var client = await EngineHarness.ConnectAsync(await gateway.ServeAsync(server.Port));
        var data = new byte[16_000_000];
        new Random(5).NextBytes(data);
        await SendAllAsync(client, data);
        client.Shutdown(SocketShutdown.Send);
        (await ReadToEndAsync(client)).ShouldBe(SHA256.HashData(data));
    }

    [Fact]
    public async Task Backpressure_ClientBehindWithItsReading_IsStillHeard()
    {
        // What the socket has to say in both directions comes in one event, and the flush of what waits ends half-way.
        var heard = 0L;
        using var server = new TestServer(async socket =>
        {
            var flood = Task.Run(async () =>
            {
                var zeros = new byte[256 * 1024];
                while (true)
                {
                    await socket.SendAsync(zeros);
                }
            });
            var buffer = new byte[16];
            while (await socket.ReceiveAsync(buffer) is > 0 and var count)
            {
                Interlocked.Add(ref heard, count);
            }

            await flood;
        });
        await using var gateway = new EngineHarness();
        using var client = await EngineHarness.ConnectAsync(await gateway.ServeAsync(server.Port));
        var loop = gateway.Engine.Loops[0];
        var buffer = new byte[200 * 1024];
        for (var round = 1; round <= 150; round++)
        {
            using var held = new ManualResetEventSlim();
            loop.Post(held.Wait);
            try
            {
                for (var read = 0; read < buffer.Length; )
                {
                    using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
                    try
                    {
                        read += await client.ReceiveAsync(buffer.AsMemory(read), limit.Token);
                    }
                    catch (OperationCanceledException)
                    {
                        break;
                    }
                }

                await client.SendAsync(new byte[1]);
            }
            finally
            {
                held.Set();
            }

            await Until.TrueAsync(() => Interlocked.Read(ref heard) == round, EngineHarness.Patience, $"byte {round} arrives");
        }
    }

    [Fact]
    public async Task HalfClose_ByTheClient_ReachesTheServerAndTheAnswerComesBack()
    {
        using var server = new TestServer(async socket =>
        {
            var request = await ReadToEndAsync(socket);
            await socket.SendAsync(request.Reverse().ToArray());
        });
        await using var gateway = new EngineHarness();
        using var client = await EngineHarness.ConnectAsync(await gateway.ServeAsync(server.Port));
        await client.SendAsync("abc"u8.ToArray());
        client.Shutdown(SocketShutdown.Send);
        (await ReadToEndAsync(client)).ShouldBe("cba"u8.ToArray());
    }

    [Fact]
    public async Task HalfClose_ByTheServer_LetsTheClientGoOnSending()
    {
        var received = new TaskCompletionSource<byte[]>();
        using var server = new TestServer(async socket =>
        {
            await socket.SendAsync("bye"u8.ToArray());
            socket.Shutdown(SocketShutdown.Send);
            received.SetResult(await ReadToEndAsync(socket));
        });
        await using var gateway = new EngineHarness();
        using var client = await EngineHarness.ConnectAsync(await gateway.ServeAsync(server.Port));
        (await ReadToEndAsync(client)).ShouldBe("bye"u8.ToArray());
        await client.SendAsync("more"u8.ToArray());
        await client.SendAsync(" and more"u8.ToArray());
        client.Shutdown(SocketShutdown.Send);
        (await received.Task.WaitAsync(EngineHarness.Patience)).ShouldBe("more and more"u8.ToArray());
        await gateway.NoneOpenAsync();
        await Until.TrueAsync(() => gateway.Records.Count == 1, EngineHarness.Patience, "logged");
        gateway.Records[0].Reason.ShouldBe(CloseReason.BackendClosed);
    }

    [Fact]
    public async Task Reset_ByTheServer_ReachesTheClientAsReset()
    {
        using var server = new TestServer(async socket =>
        {
            await socket.ReceiveAsync(new byte[1]);
            socket.LingerState = new LingerOption(true, 0);
        });
        await using var gateway = new EngineHarness();
        using var client = await EngineHarness.ConnectAsync(await gateway.ServeAsync(server.Port));
        await client.SendAsync("x"u8.ToArray());
        (await ErrorOfReadAsync(client)).ShouldBe(SocketError.ConnectionReset);
        await gateway.NoneOpenAsync();
    }

    [Fact]
    public async Task Reset_ByTheClient_ReachesTheServerAsReset()
    {
        var error = new TaskCompletionSource<SocketError>();
        using var server = new TestServer(async socket =>
        {
            await socket.ReceiveAsync(new byte[1]);
            error.SetResult(await ErrorOfReadAsync(socket));
        });
        await using var gateway = new EngineHarness();
        var client = await EngineHarness.ConnectAsync(await gateway.ServeAsync(server.Port));
        await client.SendAsync("x"u8.ToArray());
        await Until.TrueAsync(
            () => gateway.Engine.ListenerLoads()[0].ReceivedBytesTotal == 1,
            EngineHarness.Patience,
            "the byte is through"
        );
        client.LingerState = new LingerOption(true, 0);
        client.Dispose();
        (await error.Task.WaitAsync(EngineHarness.Patience)).ShouldBe(SocketError.ConnectionReset);
        await gateway.NoneOpenAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Answer_OfAServerThatReadsNoFurther_ReachesTheClient(bool backedUp)
    {
        var refuses = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var refused = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var server = new TestServer(async socket =>
        {
            await socket.ReceiveAsync(new byte[1]);
            await refuses.Task;
            await socket.SendAsync("too much"u8.ToArray());
            // With bytes unread: RST is right behind the answer.
            socket.Dispose();
            refused.SetResult();
        });
        await using var gateway = new EngineHarness();
        using var client = await EngineHarness.ConnectAsync(await gateway.ServeAsync(server.Port));
        await client.SendAsync(new byte[2]);
        await Until.TrueAsync(() => gateway.Engine.ListenerLoads()[0].ReceivedBytesTotal == 2, EngineHarness.Patience, "it is through");
        var flood = backedUp ? FloodAsync(client) : Task.CompletedTask;
        if (backedUp)
        {
            await StandsStillAsync(() => gateway.Engine.ListenerLoads()[0].ReceivedBytesTotal);
        }

        using (await HeldLoop.BeginAsync(gateway.Engine.Loops[0]))
        {
            if (!backedUp)
            {
                // Read before the server's end is looked at, it cannot be written any more.
                await client.SendAsync(new byte[1]);
            }

            refuses.SetResult();
            await refused.Task.WaitAsync(EngineHarness.Patience);
        }

        (await ReadWhatComesAsync(client)).ShouldBe("too much"u8.ToArray());
        await flood;
        await gateway.NoneOpenAsync();
        await Until.TrueAsync(() => gateway.Records.Count == 1, EngineHarness.Patience, "logged");
        gateway
            .Records[0]
            .ShouldSatisfyAllConditions(record => record.Reason.ShouldBe(CloseReason.BackendReset), record => record.Sent.ShouldBe(8));
    }

    [Fact]
    public async Task Reset_WhileTheOtherSideIsBackedUp_EndsTheConnection()
    {
        // The server never reads; the client fills every buffer on the way, then resets.
        using var server = new TestServer(_ => Task.Delay(Timeout.Infinite));
        await using var gateway = new EngineHarness();
        var client = await EngineHarness.ConnectAsync(await gateway.ServeAsync(server.Port));
        client.SendBufferSize = 8192;
        var sending = Task.Run(async () =>
        {
            try
            {
                while (true)
                {
                    await client.SendAsync(new byte[100_000]);
                }
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // The test disposed the client.
            }
        });
        await StandsStillAsync(() => gateway.Engine.ListenerLoads()[0].ReceivedBytesTotal);
        client.LingerState = new LingerOption(true, 0);
        client.Dispose();
        await sending;
        await gateway.NoneOpenAsync();
    }

    [Fact]
    public async Task Churn_ManyShortConnections_LeakNothing()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness(loops: 2);
        var port = await gateway.ServeAsync(server.Port);
        await RoundTripsAsync(port, 50);
        await gateway.NoneOpenAsync();
        await Until.TrueAsync(() => Engine(gateway) == 0, EngineHarness.Patience, "no endpoint place is taken");
        var before = Directory.GetFiles("/proc/self/fd").Length;
        for (var round = 0; round < 10; round++)
        {
            await RoundTripsAsync(port, 100);
        }

        await gateway.NoneOpenAsync();
        await Until.TrueAsync(
            () => Directory.GetFiles("/proc/self/fd").Length <= before + 20,
            EngineHarness.Patience,
            "descriptors are closed"
        );
        gateway.Engine.ListenerLoads()[0].AcceptedTotal.ShouldBe(1050);
        Engine(gateway).ShouldBe(0);

        static int Engine(EngineHarness gateway) => gateway.Engine.BackendLoads()[0].Endpoints.Sum(endpoint => endpoint.Connections);
    }

    [Fact]
    public async Task Connections_OpenedUsedAndClosed_AllocateNothingOnTheManagedHeap()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness(change: options => options with { AccessLog = null });
        var port = await gateway.ServeAsync(server.Port);
        for (var i = 0; i < 3; i++)
        {
            await RoundTripsAsync(port, 100);
            await gateway.NoneOpenAsync();
        }

        var loop = gateway.Engine.Loops[0];
        var before = await loop.InvokeAsync(GC.GetAllocatedBytesForCurrentThread);
        for (var i = 0; i < 3; i++)
        {
            await RoundTripsAsync(port, 100);
            await gateway.NoneOpenAsync();
        }

        // What is left is the commands of this test itself, and a table that grows now and then.
        var perConnection = (await loop.InvokeAsync(GC.GetAllocatedBytesForCurrentThread) - before) / 300;
        perConnection.ShouldBeLessThan(16);
    }

    private static async Task RoundTripsAsync(int port, int count) =>
        await Task.WhenAll(
            Enumerable
                .Range(0, count)
                .Select(async i =>
                {
                    using var client = await EngineHarness.ConnectAsync(port);
                    switch (i % 4)
                    {
                        case 0:
                            await ExchangeAsync(client, 50, 50, i);
                            break;
                        case 1:
                            await client.SendAsync(new byte[10]);
                            client.LingerState = new LingerOption(true, 0);
                            break;
                        case 2:
                            client.Shutdown(SocketShutdown.Send);
                            (await ReadToEndAsync(client)).ShouldBeEmpty();
                            break;
                    }
                })
        );

    /// <summary>Sends random bytes and checks that the same come back while sending goes on.</summary>
    internal static async Task ExchangeAsync(Socket client, int bytes, int piece, int seed)
    {
        var data = new byte[bytes];
        new Random(seed).NextBytes(data);
        var reading = ReadToEndAsync(client);
        for (var at = 0; at < bytes; at += piece)
        {
            await SendAllAsync(client, data.AsMemory(at, Math.Min(piece, bytes - at)));
        }

        client.Shutdown(SocketShutdown.Send);
        var back = await reading.WaitAsync(EngineHarness.Patience);
        back.Length.ShouldBe(bytes);
        SHA256.HashData(back).ShouldBe(SHA256.HashData(data));
    }

    private static async Task SendAllAsync(Socket socket, ReadOnlyMemory<byte> data)
    {
        while (!data.IsEmpty)
        {
            data = data[await socket.SendAsync(data)..];
        }
    }

    private static async Task<byte[]> ReadToEndAsync(Socket socket)
    {
        var result = new MemoryStream();
        var buffer = new byte[64 * 1024];
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        while (await socket.ReceiveAsync(buffer, limit.Token) is > 0 and var count)
        {
            result.Write(buffer, 0, count);
        }

        return result.ToArray();
    }

    /// <summary>Sends until the connection is over.</summary>
    internal static async Task FloodAsync(Socket socket)
    {
        try
        {
            while (true)
            {
                await socket.SendAsync(new byte[100_000]);
            }
        }
        catch (SocketException)
        {
            // It is.
        }
    }

    /// <summary>As <see cref="ReadToEndAsync"/>; a reset is an end too.</summary>
    internal static async Task<byte[]> ReadWhatComesAsync(Socket socket)
    {
        var result = new MemoryStream();
        var buffer = new byte[4096];
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        try
        {
            while (await socket.ReceiveAsync(buffer, limit.Token) is > 0 and var count)
            {
                result.Write(buffer, 0, count);
            }
        }
        catch (SocketException)
        {
            // A reset.
        }

        return result.ToArray();
    }

    private static async Task<SocketError> ErrorOfReadAsync(Socket socket)
    {
        try
        {
            using var limit = new CancellationTokenSource(EngineHarness.Patience);
            await socket.ReceiveAsync(new byte[1], limit.Token);
            return SocketError.Success;
        }
        catch (SocketException error)
        {
            return error.SocketErrorCode;
        }
    }

    internal static async Task StandsStillAsync(Func<long> figure)
    {
        var last = 0L;
        var same = 0;
        await Until.TrueAsync(
            () =>
            {
                var now = figure();
                same = now > 0 && now == last ? same + 1 : 0;
                last = now;
                return same >= 10;
            },
            EngineHarness.Patience,
            "the transfer is backed up"
        );
    }
}
