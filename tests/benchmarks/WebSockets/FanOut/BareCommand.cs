using System.CommandLine;
using System.Net;
using Mooring.Benchmarks.Load;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.WebSockets.FanOut;

/// <summary>Hidden verb <c>bare</c>: the least that fan-out takes. What one connection sends goes to all others by one <c>send</c> each, and nothing else is done.</summary>
/// <remarks>
/// Not a WebSocket server: the upgrade is answered without being read, a frame is taken to be whole and masked with zeros, and nothing is checked or kept.
/// What it needs for a delivery is the kernel's share, which no server with a socket for each subscriber can do without.
/// </remarks>
internal static unsafe class BareCommand
{
    private const uint Interest = Libc.EPOLLIN | Libc.EPOLLRDHUP | Libc.EPOLLET;
    private const int BufferBytes = 64 * 1024;

    private static readonly byte[] Answer =
    [
        .. "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"u8,
        .. "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"u8,
    ];

    public static Command Create()
    {
        var port = new Option<int>("--port") { Description = "Port of 127.0.0.1" };
        var command = new Command("bare", "The floor of the fan-out benchmark") { port };
        command.Hidden = true;
        command.SetAction(parsed => Serve(parsed.GetValue(port)));
        return command;
    }

    private static void Serve(int port)
    {
        using var poller = new Poller();
        var listener = TcpSocket.Listen(new IPEndPoint(IPAddress.Loopback, port));
        poller.Add(listener, Libc.EPOLLIN);
        var open = new List<int>();
        var buffer = new byte[BufferBytes];
        while (true)
        {
            for (int at = 0, ready = poller.Wait(-1); at < ready; at++)
            {
                var descriptor = poller.Descriptor(at);
                if (descriptor == listener)
                {
                    while (TcpSocket.Accept(listener) is >= 0 and var accepted)
                    {
                        poller.Add(accepted, Interest);
                    }
                }
                else
                {
                    Read(descriptor, open, buffer);
                }
            }
        }
    }

    private static void Read(int descriptor, List<int> open, byte[] buffer)
    {
        nint count;
        fixed (byte* bytes = buffer)
        {
            count = Libc.Recv(descriptor, bytes, BufferBytes, 0);
        }

        if (count <= 0)
        {
            if (count == 0 || Libc.Errno != Libc.EAGAIN)
            {
                open.Remove(descriptor);
                _ = Libc.Close(descriptor);
            }

            return;
        }

        if (buffer[0] == (byte)'G')
        {
            open.Add(descriptor);
            Send(descriptor, Answer);
            return;
        }

        var frames = Unmasked(buffer.AsSpan(0, (int)count));
        foreach (var other in open)
        {
            if (other != descriptor)
            {
                Send(other, frames);
            }
        }
    }

    /// <summary>The frames as a server sends them: without their keys, which are zeros.</summary>
    private static byte[] Unmasked(ReadOnlySpan<byte> frames)
    {
        var result = new List<byte>(frames.Length);
        while (!frames.IsEmpty)
        {
            var length = frames[1] & 0x7F;
            result.Add(frames[0]);
            result.Add((byte)length);
            result.AddRange(frames.Slice(6, length));
            frames = frames[(6 + length)..];
        }

        return [.. result];
    }

    private static void Send(int descriptor, byte[] bytes)
    {
        fixed (byte* start = bytes)
        {
            if (Libc.Send(descriptor, start, bytes.Length, Libc.MSG_NOSIGNAL) != bytes.Length)
            {
                throw new LoadFailedException("a subscriber does not take what it is sent, though it has taken all before");
            }
        }
    }
}
