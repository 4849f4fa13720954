using System.Text;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Load;

/// <summary>The opening of WebSockets on the client sides of a load: the upgrade and, on a Hub, connect and subscribe. Used by one thread.</summary>
internal sealed unsafe class WebSocketEnds(Clients clients, string host, LoadWebSocket kind)
{
    private const byte Opened = 0;
    private const byte Asked = 1;
    private const byte Greeted = 2;

    private readonly byte[] _upgrade = WebSocketFrames.Upgrade(host);
    private readonly byte[] _buffer = new byte[16 * 1024];
    private readonly byte[] _state = new byte[clients.Count];
    private readonly byte[]?[] _rest = new byte[clients.Count][];

    // A channel's offsets go on where another load has left them.
    private readonly string _run = $"{System.Diagnostics.Stopwatch.GetTimestamp():x}";

    /// <summary>Channel of a connection, which no other load has used.</summary>
    public string Channel(int index) => $"own:{_run}-{index}";

    /// <summary>Starts on a connection that is being made.</summary>
    public void Open(int index) => (_state[index], _rest[index]) = (Opened, null);

    /// <summary>Goes on with what stands. True once the first message may go.</summary>
    /// <exception cref="LoadFailedException">The server refused, or said something else.</exception>
    public bool Advance(int index)
    {
        if (_state[index] == Opened)
        {
            Send(index, _upgrade);
            _state[index] = Asked;
        }

        while (true)
        {
            nint count;
            fixed (byte* buffer = _buffer)
            {
                count = clients.Receive(index, buffer, _buffer.Length);
            }

            if (count < 0 && Libc.Errno is Libc.EAGAIN or Libc.EINTR)
            {
                return false;
            }

            if (count <= 0)
            {
                throw new LoadFailedException($"connection {index} was closed before its WebSocket stood");
            }

            if (Take(index, [.. _rest[index] ?? [], .. _buffer.AsSpan(0, (int)count)]))
            {
                return true;
            }
        }
    }

    private bool Take(int index, byte[] bytes)
    {
        _rest[index] = null;
        ReadOnlySpan<byte> left = bytes;
        if (_state[index] == Asked)
        {
            var end = left.IndexOf("\r\n\r\n"u8);
            if (end < 0)
            {
                _rest[index] = bytes;
                return false;
            }

            var head = Encoding.ASCII.GetString(left[..end]);
            if (!WebSocketFrames.IsSwitch(head))
            {
                throw new LoadFailedException($"connection {index} was not upgraded: {head}");
            }

            left = left[(end + 4)..];
            if (kind == LoadWebSocket.Echo)
            {
                return left.IsEmpty ? true : throw new LoadFailedException($"connection {index} got something before it sent anything");
            }

            var hello = Encoding.UTF8.GetBytes(
                """{"id":1,"connect":{}}""" + "\n" + $$$"""{"id":2,"subscribe":{"channel":"{{{Channel(index)}}}","recoverable":true}}"""
            );
            var frame = new byte[WebSocketFrames.MaxHead + hello.Length];
            Send(index, frame.AsSpan(0, WebSocketFrames.Write(frame, WebSocketFrames.Text, hello, 0x5a17_c3e9)));
            _state[index] = Greeted;
        }

        var ready = false;
        while (WebSocketFrames.TryRead(ref left, out _, out var payload))
        {
            if (payload.IndexOf("\"error\""u8) >= 0)
            {
                throw new LoadFailedException($"connection {index}: {Encoding.UTF8.GetString(payload)}");
            }

            ready |= payload.IndexOf("\"id\":2"u8) >= 0;
        }

        _rest[index] = left.IsEmpty ? null : left.ToArray();
        return ready && left.IsEmpty;
    }

    private void Send(int index, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            if (clients.Send(index, start, bytes.Length) != bytes.Length)
            {
                throw new LoadFailedException($"connection {index} does not take a few bytes, though it is empty");
            }
        }
    }
}
