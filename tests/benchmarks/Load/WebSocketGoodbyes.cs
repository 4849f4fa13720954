using System.Buffers.Binary;
using System.Text;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Load;

/// <summary>The closing handshake in place of a message: a close frame with 1000, answered by one with the same code (RFC 6455 §5.5.1). Used by one thread.</summary>
internal sealed unsafe class WebSocketGoodbyes(Clients clients) : Echoes
{
    private const int Normal = 1000;
    private const int FrameBytes = 4;

    private readonly byte[][] _rest = [.. Enumerable.Range(0, clients.Count).Select(_ => Array.Empty<byte>())];

    public override void Send(int index)
    {
        _rest[index] = [];
        var frame = stackalloc byte[WebSocketFrames.MaxHead + 2];
        var code = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(new Span<byte>(code, 2), Normal);
        var length = WebSocketFrames.Write(
            new Span<byte>(frame, WebSocketFrames.MaxHead + 2),
            WebSocketFrames.Close,
            new ReadOnlySpan<byte>(code, 2),
            0x3c5a_7e91
        );
        if (clients.Send(index, frame, length) != length)
        {
            throw new LoadFailedException($"connection {index} does not take a close frame");
        }
    }

    public override bool Receive(int index)
    {
        var buffer = stackalloc byte[128];
        var count = clients.Receive(index, buffer, 128);
        if (count <= 0)
        {
            return count < 0 && Libc.Errno is Libc.EAGAIN or Libc.EINTR
                ? false
                : throw new LoadFailedException($"connection {index} ended without an answer to its close frame");
        }

        byte[] bytes = [.. _rest[index], .. new ReadOnlySpan<byte>(buffer, (int)count)];
        if (bytes.Length < FrameBytes)
        {
            _rest[index] = bytes;
            return false;
        }

        ReadOnlySpan<byte> left = bytes;
        return
            WebSocketFrames.TryRead(ref left, out var first, out var payload)
            && first == WebSocketFrames.Close
            && payload.Length >= 2
            && BinaryPrimitives.ReadUInt16BigEndian(payload) == Normal
            ? true
            : throw new LoadFailedException($"connection {index}: its close frame was answered by {Encoding.UTF8.GetString(bytes)}");
    }
}
