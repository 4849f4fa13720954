using System.Net.WebSockets;

namespace Mooring.Operator.Gateways;

/// <summary>Reads whole text messages from a WebSocket, none longer than a limit.</summary>
/// <remarks>Not thread-safe. What it returns is valid until the next read. Keeps 16 KiB while idle.</remarks>
internal sealed class MessageReader(WebSocket socket, int maxBytes)
{
    private const int IdleBytes = 16 * 1024;
    private byte[] _buffer = new byte[Math.Min(IdleBytes, maxBytes + 1)];

    /// <summary>Returns the next message; null when the peer has closed.</summary>
    /// <exception cref="InvalidDataException">A binary message, or one that is too long.</exception>
    /// <exception cref="WebSocketException">The connection broke.</exception>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken cancellation)
    {
        if (_buffer.Length > IdleBytes)
        {
            _buffer = new byte[IdleBytes];
        }

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
                Array.Resize(ref _buffer, Math.Min(_buffer.Length * 2, maxBytes + 1));
            }
        }
    }
}
