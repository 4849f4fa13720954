using System.Net.WebSockets;
using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Streams;

/// <summary>A message from the operator that could not be read.</summary>
/// <param name="Type">Its <c>type</c>, or empty.</param>
/// <param name="Hash">Its <c>hash</c>, where it has one: of a config, which must be answered.</param>
/// <param name="Error">Why, with path and position; null when only the type is unknown.</param>
internal sealed record UnreadMessage(string Type, string? Hash, string? Error);

/// <summary>Reads the operator's messages off a WebSocket, each bounded by <see cref="StreamLimits.MaxMessageBytes"/>.</summary>
internal sealed class StreamMessageReader(WebSocket socket)
{
    private const int FirstBytes = 16 * 1024;
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);
    private byte[] _buffer = new byte[FirstBytes];

    /// <summary>The next message, one of both results set; both null at the end of the stream.</summary>
    /// <exception cref="WebSocketException">The connection failed, or the peer broke the stream's rules; it has been told then.</exception>
    public async Task<(OperatorMessage? Message, UnreadMessage? Unread)> ReadAsync(CancellationToken cancellation)
    {
        var length = 0;
        while (true)
        {
            if (length == _buffer.Length)
            {
                if (length >= StreamLimits.MaxMessageBytes)
                {
                    throw await RefuseAsync(
                        WebSocketCloseStatus.MessageTooBig,
                        $"message longer than {StreamLimits.MaxMessageBytes} bytes",
                        cancellation
                    );
                }

                Array.Resize(ref _buffer, Math.Min(length * 2, StreamLimits.MaxMessageBytes));
            }

            var result = await socket.ReceiveAsync(_buffer.AsMemory(length), cancellation);
            length += result.Count;
            if (result.MessageType == WebSocketMessageType.Close)
            {
                return default;
            }

            if (result.MessageType != WebSocketMessageType.Text)
            {
                throw await RefuseAsync(WebSocketCloseStatus.InvalidMessageType, "messages are text", cancellation);
            }

            if (result.EndOfMessage)
            {
                var parsed = Parse(_buffer.AsSpan(0, length));
                if (_buffer.Length > FirstBytes)
                {
                    // A big config comes seldom; its buffer need not wait for the next.
                    _buffer = new byte[FirstBytes];
                }

                return parsed;
            }
        }
    }

    internal static (OperatorMessage? Message, UnreadMessage? Unread) Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, ContractsJson.Default.OperatorMessage) is { } message
                ? (message, null)
                : (null, new UnreadMessage("", null, "the message is null"));
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            var (type, hash) = Identify(json);
            return (null, new UnreadMessage(type, hash, type is "config" or "endpoints" or "directive" or "" ? e.Message : null));
        }
    }

    /// <summary>Looks for <c>type</c> and <c>hash</c> in what may be no valid message.</summary>
    private static (string Type, string? Hash) Identify(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            using var document = JsonDocument.ParseValue(ref reader);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                return ("", null);
            }

            return (Text(document.RootElement, "type") ?? "", Text(document.RootElement, "hash"));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The latter: text with half a surrogate pair, which is valid JSON.
            return ("", null);
        }
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private async Task<WebSocketException> RefuseAsync(WebSocketCloseStatus status, string reason, CancellationToken cancellation)
    {
        // Waits for the peer's answer: closing with bytes unread would reset the connection, and the peer would not learn why.
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(CloseTimeout);
        await socket.CloseAsync(status, reason, limit.Token);
        return new WebSocketException(reason);
    }
}
