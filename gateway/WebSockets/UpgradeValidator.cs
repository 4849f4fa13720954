using System.Buffers.Text;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.WebSockets;

/// <summary>Why a request is answered by the gateway itself.</summary>
/// <param name="Status">HTTP status of the answer; 0: nothing is wrong.</param>
/// <param name="Reason">One short line for the answer's body and the log.</param>
/// <param name="Allow">With 405: the method that is taken (RFC 9110 §10.2.1).</param>
internal readonly record struct Refusal(int Status, string Reason, string Allow = "GET")
{
    public bool IsNone => Status == 0;
}

/// <summary>Checks that a complete request head opens a WebSocket, RFC 6455 §4.2.1. Pure.</summary>
internal static class UpgradeValidator
{
    private const string NotAWebSocket =
        "this port speaks WebSocket, without plain HTTP before or beside it: a socket.io client needs transports: ['websocket'], "
        + "a SignalR client skipNegotiation: true with transport: WebSockets";

    /// <summary>Returns no refusal when the request may be routed.</summary>
    /// <remarks>
    /// A request with a body is refused whatever it says: the gateway reads none, and what follows the head would reach the backend as the
    /// start of something else.
    /// </remarks>
    public static Refusal Validate(HttpHead head, ReadOnlySpan<byte> data)
    {
        var hosts = head.Find(data, "host"u8, out _);
        if (hosts > 1 || (hosts == 0 && head.MinorVersion == 1))
        {
            return new Refusal(400, hosts > 1 ? "more than one Host header" : "no Host header");
        }

        if (!head.Method.Of(data).SequenceEqual("GET"u8))
        {
            return new Refusal(405, NotAWebSocket);
        }

        if (head.Find(data, "transfer-encoding"u8, out _) > 0)
        {
            return new Refusal(400, "Transfer-Encoding on a request that may not have a body");
        }

        var lengths = head.Find(data, "content-length"u8, out var length);
        if (lengths > 1 || (lengths == 1 && !length.SequenceEqual("0"u8)))
        {
            return new Refusal(400, "Content-Length on a request that may not have a body");
        }

        var upgrade = head.HasToken(data, "upgrade"u8, "websocket"u8);
        if (!upgrade || head.MinorVersion == 0)
        {
            return new Refusal(426, upgrade ? "WebSocket needs HTTP/1.1" : NotAWebSocket);
        }

        return head.HasToken(data, "connection"u8, "upgrade"u8)
            ? ValidateWebSocketFields(head, data)
            : new Refusal(400, "Connection does not list upgrade");
    }

    private static Refusal ValidateWebSocketFields(HttpHead head, ReadOnlySpan<byte> data)
    {
        var versions = head.Find(data, "sec-websocket-version"u8, out var version);
        if (versions != 1 || !version.SequenceEqual("13"u8))
        {
            return new Refusal(426, versions == 0 ? "no Sec-WebSocket-Version" : "Sec-WebSocket-Version other than 13");
        }

        var keys = head.Find(data, "sec-websocket-key"u8, out var key);
        if (keys != 1)
        {
            return new Refusal(400, keys == 0 ? "no Sec-WebSocket-Key" : "more than one Sec-WebSocket-Key");
        }

        // 16 bytes are 24 characters; the length is checked first because the decoder lets white space pass.
        return key.Length == 24 && Base64.IsValid(key, out var decoded) && decoded == 16
            ? default
            : new Refusal(400, "Sec-WebSocket-Key is not 16 bytes in base64");
    }
}
