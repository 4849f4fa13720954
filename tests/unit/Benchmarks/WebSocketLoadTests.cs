using System.Net;
using System.Net.Sockets;
using System.Text;
using Mooring.Benchmarks.Load;

namespace Mooring.Benchmarks.Tests;

/// <summary>The WebSocket loads against small servers, sound ones and such as break what they carry.</summary>
public sealed class WebSocketLoadTests
{
    [Theory]
    [InlineData(nameof(LoadKind.RoundTrips))]
    [InlineData(nameof(LoadKind.Connects))]
    [InlineData(nameof(LoadKind.OpenLoop))]
    public void Run_SoundServer_CountsWhatPassed(string kind)
    {
        using var server = new FrameServer(static frame => frame);

        var result = Run(kind, server.EndPoint);

        result.Operations.ShouldBeGreaterThan(0);
        result.P50.ShouldBeInRange(0.1, result.P999);
    }

    [Theory]
    [InlineData(nameof(LoadKind.RoundTrips))]
    [InlineData(nameof(LoadKind.OpenLoop))]
    public void Run_ServerChangesAByte_Fails(string kind)
    {
        using var server = new FrameServer(static frame =>
        {
            frame[^1] ^= 1;
            return frame;
        });
        Should.Throw<LoadFailedException>(() => Run(kind, server.EndPoint)).Message.ShouldContain("differs");
    }

    [Theory]
    [InlineData(nameof(LoadKind.RoundTrips), "was closed with 0 of 1 echoes")]
    [InlineData(nameof(LoadKind.Connects), "ended without an answer to its close frame")]
    public void Run_ServerCloses_Fails(string kind, string expected)
    {
        using var server = new FrameServer(static _ => []);
        Should.Throw<LoadFailedException>(() => Run(kind, server.EndPoint)).Message.ShouldContain(expected);
    }

    [Fact]
    public void Connects_AnotherCode_Fails()
    {
        using var server = new FrameServer(static frame => [0x88, 2, 0x03, 0xE9]);
        Should
            .Throw<LoadFailedException>(() => Run(nameof(LoadKind.Connects), server.EndPoint))
            .Message.ShouldContain("close frame was answered by");
    }

    [Fact]
    public void Closes_WithinASpan_AreCounted()
    {
        CloseWatch.MostWithin([0, 1, 2, 10, 11, 12, 13, 30], 10).ShouldBe(4);
        CloseWatch.MostWithin([5], 10).ShouldBe(1);
    }

    private static LoadResult Run(string kind, IPEndPoint at)
    {
        var request = new LoadRequest
        {
            Kind = Enum.Parse<LoadKind>(kind),
            WebSocket = LoadWebSocket.Echo,
            Rate = 200,
            Target = at.ToString(),
            Connections = 1,
            SettleMilliseconds = 20,
            MeasureMilliseconds = 100,
            Processes = [Environment.ProcessId],
        };
        return request.Kind switch
        {
            LoadKind.RoundTrips => RoundTripLoad.Run(request),
            LoadKind.Connects => ConnectLoad.Run(request),
            _ => OpenLoopLoad.Run(request),
        };
    }

    /// <summary>Upgrades one connection at a time, and answers each frame by what it is told; nothing: closes.</summary>
    private sealed class FrameServer : IDisposable
    {
        private const string Answer =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

        public FrameServer(Func<byte[], byte[]> answer)
        {
            _listener.Start();
            new Thread(() => Accept(answer)) { IsBackground = true }.Start();
        }

        public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndpoint;

        public void Dispose() => _listener.Dispose();

        private void Accept(Func<byte[], byte[]> answer)
        {
            try
            {
                while (true)
                {
                    using var socket = _listener.AcceptSocket();
                    Serve(socket, answer);
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                // The test is over.
            }
        }

        private static void Serve(Socket socket, Func<byte[], byte[]> answer)
        {
            var received = new List<byte>();
            var buffer = new byte[4096];
            var upgraded = false;
            while (socket.Receive(buffer) is > 0 and var count)
            {
                received.AddRange(buffer.AsSpan(0, count));
                if (!upgraded)
                {
                    if (!Encoding.ASCII.GetString([.. received]).EndsWith("\r\n\r\n", StringComparison.Ordinal))
                    {
                        continue;
                    }

                    upgraded = true;
                    received.Clear();
                    socket.Send(Encoding.ASCII.GetBytes(Answer));
                }

                // Frames of less than 126 bytes, masked.
                while (received.Count >= 6 && received.Count >= 6 + (received[1] & 0x7F))
                {
                    var length = received[1] & 0x7F;
                    byte[] frame =
                    [
                        received[0],
                        (byte)length,
                        .. Enumerable.Range(0, length).Select(i => (byte)(received[6 + i] ^ received[2 + (i & 3)])),
                    ];
                    received.RemoveRange(0, 6 + length);
                    if (answer(frame) is not { Length: > 0 } bytes)
                    {
                        return;
                    }

                    socket.Send(bytes);
                }
            }
        }
    }
}
