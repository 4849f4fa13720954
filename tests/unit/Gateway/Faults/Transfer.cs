using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Mooring.Gateway.Tests.Faults;

/// <summary>Bytes of two streams that a client and a server send each other at the same time, and how much of them came through.</summary>
/// <param name="Seed">What both streams follow from.</param>
/// <param name="Up">Bytes from the client.</param>
/// <param name="Down">Bytes from the server.</param>
internal sealed record Transfer(int Seed, int Up, int Down)
{
    private const int HeaderBytes = 12;

    /// <summary>Sizes from a byte to some megabytes, small ones as often as large ones.</summary>
    public static Transfer Random(int seed, int maxBytes)
    {
        var random = new Random(seed);
        return new Transfer(seed, Size(), Size());

        int Size() => (int)Math.Pow(maxBytes, random.NextDouble());
    }

    /// <summary>The client's side: sends, receives, and ends its own direction when it has said all.</summary>
    /// <param name="stream">To the gateway, wrapped as the listener asks for.</param>
    /// <param name="endWriting">Ends the sending direction: a FIN, or TLS's close_notify.</param>
    /// <param name="cancel">Ends it.</param>
    public async Task<Received> RunClientAsync(Stream stream, Func<Task> endWriting, CancellationToken cancel)
    {
        var header = new byte[HeaderBytes];
        BinaryPrimitives.WriteInt32LittleEndian(header, Seed);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), Up);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), Down);
        var reading = ReceiveAsync(stream, Down, cancel);
        try
        {
            await stream.WriteAsync(header, cancel);
            await SendAsync(stream, Seed, Up, cancel);
            await endWriting();
        }
        catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException)
        {
            // What came before it broke counts all the same.
        }

        return await reading;
    }

    /// <summary>A server's side of any number of transfers: serves one connection, and notes what came under its seed.</summary>
    /// <param name="stream">From the gateway, wrapped as the backend's config asks for.</param>
    /// <param name="endWriting">Ends the sending direction.</param>
    /// <param name="received">Where it is noted.</param>
    public static async Task ServeAsync(Stream stream, Func<Task> endWriting, ConcurrentDictionary<int, Received> received)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        var header = new byte[HeaderBytes];
        if (await stream.ReadAtLeastAsync(header, HeaderBytes, throwOnEndOfStream: false, limit.Token) < HeaderBytes)
        {
            return;
        }

        var seed = BinaryPrimitives.ReadInt32LittleEndian(header);
        var up = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(4));
        var down = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(8));
        var reading = ReceiveAsync(stream, up, limit.Token);
        try
        {
            await SendAsync(stream, ~seed, down, limit.Token);
            await endWriting();
        }
        catch (Exception error) when (error is IOException or SocketException)
        {
            // As on the client's side.
        }

        received[seed] = await reading;
    }

    /// <summary>What of a stream has come is what was sent so far, and nothing else.</summary>
    public static void ShouldBePrefix(Received received, int seed, int length)
    {
        received.Length.ShouldBeLessThanOrEqualTo(length);
        received.Hash.ShouldBe(HashOf(seed, (int)received.Length), $"seed {seed}, {received.Length} of {length} bytes");
    }

    /// <summary>All of a stream has come, and nothing else.</summary>
    public static void ShouldBeWhole(Received received, int seed, int length)
    {
        received.Error.ShouldBeNull($"seed {seed}, {received.Length} of {length} bytes");
        received.Length.ShouldBe(length, $"seed {seed}");
        received.Hash.ShouldBe(HashOf(seed, length), $"seed {seed}");
    }

    private static async Task SendAsync(Stream stream, int seed, int length, CancellationToken cancel)
    {
        var random = new Random(seed);
        for (var sent = 0; sent < length; )
        {
            var piece = new byte[Math.Min(length - sent, 32 * 1024)];
            random.NextBytes(piece);
            // Written in parts of their own sizes, so that segments fall anywhere.
            for (var at = 0; at < piece.Length; )
            {
                var part = Math.Min(piece.Length - at, 1 + ((at * 7919) + seed & 0x3FFF));
                await stream.WriteAsync(piece.AsMemory(at, part), cancel);
                at += part;
            }

            sent += piece.Length;
        }
    }

    private static async Task<Received> ReceiveAsync(Stream stream, int length, CancellationToken cancel)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[48 * 1024];
        long total = 0;
        try
        {
            while (await stream.ReadAsync(buffer, cancel) is > 0 and var count)
            {
                hash.AppendData(buffer, 0, count);
                total += count;
                total.ShouldBeLessThanOrEqualTo(length);
            }
        }
        catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException)
        {
            return new Received(total, Convert.ToHexString(hash.GetHashAndReset()), error.Message);
        }

        return new Received(total, Convert.ToHexString(hash.GetHashAndReset()), null);
    }

    private static string HashOf(int seed, int length)
    {
        // As SendAsync draws them: the same pieces, of which the last may be cut.
        var random = new Random(seed);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var piece = new byte[32 * 1024];
        for (var at = 0; at < length; at += piece.Length)
        {
            random.NextBytes(piece);
            hash.AppendData(piece, 0, Math.Min(piece.Length, length - at));
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }
}

/// <param name="Length">Bytes that came.</param>
/// <param name="Hash">SHA-256 of them.</param>
/// <param name="Error">Why there were no more; null: the stream ended.</param>
internal sealed record Received(long Length, string Hash, string? Error);
