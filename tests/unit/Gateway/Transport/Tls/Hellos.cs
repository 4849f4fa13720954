using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Tests.Transport.Tls;

/// <summary>Makes ClientHellos, whole or split into records.</summary>
internal static class Hellos
{
    /// <summary>A ClientHello message without records.</summary>
    public static byte[] Message(string? name, int padding = 0)
    {
        var extensions = new List<byte>();
        // Something before it, as clients have.
        Extension(extensions, 0xff01, [0]);
        if (name is not null)
        {
            var host = Encoding.ASCII.GetBytes(name);
            Extension(extensions, 0, [.. U16(host.Length + 3), 0, .. U16(host.Length), .. host]);
        }

        Extension(extensions, 43, [2, 3, 4]);
        if (padding > 0)
        {
            Extension(extensions, 21, new byte[padding]);
        }

        byte[] body =
        [
            3,
            3,
            .. new byte[32],
            32,
            .. new byte[32],
            .. U16(4),
            0x13,
            1,
            0x13,
            2,
            1,
            0,
            .. U16(extensions.Count),
            .. extensions,
        ];
        return [1, (byte)(body.Length >> 16), (byte)(body.Length >> 8), (byte)body.Length, .. body];
    }

    /// <summary>As records of these lengths, the rest in one of its own.</summary>
    public static byte[] Records(byte[] message, params int[] lengths)
    {
        var result = new List<byte>();
        var at = 0;
        foreach (var length in lengths.Where(static length => length > 0).Append(int.MaxValue))
        {
            var count = Math.Min(length, message.Length - at);
            if (count == 0)
            {
                break;
            }

            result.AddRange([22, 3, 1, .. U16(count), .. message.AsSpan(at, count)]);
            at += count;
        }

        return [.. result];
    }

    /// <summary>What a client of .NET begins with, in one record: a server goes on with it, and waits for the answer.</summary>
    public static async Task<byte[]> RealAsync(string name)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        using var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint, limit.Token);
        using var server = await listener.AcceptSocketAsync(limit.Token);
        await using var stream = new SslStream(client.GetStream());
        var handshake = stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = name }, limit.Token);
        var buffer = new byte[ClientHello.MaxWireBytes];
        var length = 0;
        while (ClientHello.Arrived(buffer.AsSpan(0, length)) == HelloVerdict.More)
        {
            length += await server.ReceiveAsync(buffer.AsMemory(length), limit.Token);
        }

        server.Close();
        await Should.ThrowAsync<Exception>(() => handshake);
        return buffer[..length];
    }

    public static byte[] Whole(string? name, int padding = 0) => Records(Message(name, padding));

    private static void Extension(List<byte> to, int type, byte[] value) => to.AddRange([.. U16(type), .. U16(value.Length), .. value]);

    private static byte[] U16(int value)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)value);
        return bytes;
    }
}
