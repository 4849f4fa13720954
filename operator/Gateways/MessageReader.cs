using System.Buffers;
using System.Net.WebSockets;

namespace Mooring.Operator.Gateways;

/// <summary>Reads whole text messages from a WebSocket, none longer than a limit.</summary>
/// <remarks>Not thread-safe. What it returns is valid until the next read. Keeps no buffer while it waits for a message.</remarks>
internal sealed class MessageReader(WebSocket socket, int maxBytes)
{
    private const int FirstBytes = 16 * 1024;
    private byte[] _buffer = [];

    /// <summary>Returns the next message; null when the peer has closed.</summary>
    /// <exception cref="InvalidDataException">A binary message, or one that is too long.</exception>
    /// <exception cref="WebSocketException">The connection broke.</exception>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken cancellation)
    {
        Release();
        // An empty receive ends when there is something to be read: thousands of streams wait, and few have a message under way.
        var first = await socket.ReceiveAsync(Memory<byte>.Empty, cancellation);
        if (first.MessageType == WebSocketMessageType.Close)
        {
            return null;
        }

        if (first is { EndOfMessage: true, MessageType: WebSocketMessageType.Text })
        {
            return ReadOnlyMemory<byte>.Empty;
        }

        _buffer = ArrayPool<byte>.Shared.Rent(Math.Min(FirstBytes, maxBytes + 1));
        var length = 0;
        while (true)
        {
            var result = await socket.ReceiveAsync(_buffer.AsMemory(length), cancellation);
            if (result.MessageType == WebSocketMessageType.Close)
            {
                return null;
            }

            if (result.MessageType != WebSocketMessageType.Text)
            {
                throw new InvalidDataException("a binary message");
            }

            length += result.Count;
            if (length > maxBytes)
            {
                throw new InvalidDataException($"a message longer than {maxBytes} bytes");
            }

            if (result.EndOfMessage)
            {
                return _buffer.AsMemory(0, length);
            }

            if (length == _buffer.Length)
            {
                var longer = ArrayPool<byte>.Shared.Rent((int)Math.Min(_buffer.Length * 2L, maxBytes + 1L));
                _buffer.AsSpan(0, length).CopyTo(longer);
                Release();
                _buffer = longer;
            }
        }
    }

    private void Release()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }
    }
}
