using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using Mooring.Gateway.Tests.Transport.Tls;

namespace Mooring.Gateway.Tests.Listeners.Tls;

/// <summary>Sends through a gateway in both directions at once, and compares what comes out by hash.</summary>
internal static class TlsTransfer
{
    /// <summary>A client's end: plain, or TLS with a test's CA.</summary>
    public static async Task<Stream> ConnectAsync(TlsHarness gateway, bool tls) =>
        tls
            ? await TlsStreams.ConnectAsync(gateway.Port, gateway.Authority)
            : new NetworkStream(await EngineHarness.ConnectAsync(gateway.Port), ownsSocket: true);

    /// <summary>A few bytes there and back; the connection stays.</summary>
    public static async Task PingAsync(Stream stream)
    {
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        await stream.WriteAsync("ping"u8.ToArray(), limit.Token);
        var echo = new byte[4];
        await stream.ReadExactlyAsync(echo, limit.Token);
        echo.ShouldBe("ping"u8.ToArray());
    }

    /// <summary>Writes random bytes, half-closes, and reads until the echo has ended.</summary>
    public static async Task EchoAsync(Stream stream, int bytes, int piece, int seed)
    {
        var data = new byte[bytes];
        new Random(seed).NextBytes(data);
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        using var turn = new SemaphoreSlim(1);
        var ended = new TaskCompletionSource();
        var reading = ReadAsync(stream, bytes, turn, ended.Task, limit.Token);
        for (var at = 0; at < bytes; at += piece)
        {
            await stream.WriteAsync(data.AsMemory(at, Math.Min(piece, bytes - at)), limit.Token);
        }

        await turn.WaitAsync(limit.Token);
        Exception? failure = null;
        try
        {
            await EndAsync(stream);
        }
        catch (Exception exception)
        {
            // Where the other end was first, the reader knows why.
            failure = exception;
        }

        turn.Release();
        ended.SetResult();
        var (length, hash) = await reading;
        failure.ShouldBeNull();
        length.ShouldBe(bytes);
        hash.ShouldBe(SHA256.HashData(data));
    }

    /// <summary>
    /// Reads to the end, but not while the other direction is being ended: SslStream takes a read and a shutdown at the same moment for an
    /// error of OpenSSL. What is under way meanwhile waits in the sockets.
    /// </summary>
    private static async Task<(long Length, byte[] Hash)> ReadAsync(
        Stream stream,
        int bytes,
        SemaphoreSlim turn,
        Task ended,
        CancellationToken cancellation
    )
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[64 * 1024];
        var length = 0L;
        while (true)
        {
            // With all of it back, only the end can come, and that comes after ours: to wait for it now would hold the turn for ever.
            if (length >= bytes)
            {
                await ended.WaitAsync(cancellation);
            }

            await turn.WaitAsync(cancellation);
            int count;
            try
            {
                count = await stream.ReadAsync(buffer, cancellation);
            }
            finally
            {
                turn.Release();
            }

            if (count == 0)
            {
                return (length, hash.GetHashAndReset());
            }

            hash.AppendData(buffer, 0, count);
            length += count;
        }
    }

    /// <summary>Ends the writing side alone.</summary>
    public static async Task EndAsync(Stream stream)
    {
        if (stream is SslStream tls)
        {
            await TlsStreams.EndWritingAsync(tls);
        }
        else
        {
            ((NetworkStream)stream).Socket.Shutdown(SocketShutdown.Send);
        }
    }

    public static async Task<(long Length, byte[] Hash)> HashAsync(Stream stream, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[64 * 1024];
        var length = 0L;
        while (await stream.ReadAsync(buffer, cancellation) is > 0 and var count)
        {
            hash.AppendData(buffer, 0, count);
            length += count;
        }

        return (length, hash.GetHashAndReset());
    }
}
