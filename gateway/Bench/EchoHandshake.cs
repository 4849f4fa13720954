using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Mooring.Gateway.WebSockets;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.Bench;

/// <summary>Server side of the opening handshake, RFC 6455 §4.2.2.</summary>
internal static class EchoHandshake
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    /// <summary>Answers the request; false when it was refused or the client left. The first subprotocol offered is taken.</summary>
    public static async Task<bool> AcceptAsync(Socket socket, EchoBuffer buffer, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(Timeout);
        var head = new HttpHead(HeadKind.Request);
        HeadResult result;
        while ((result = head.Parse(buffer.Data.Span)).Status == HeadStatus.NeedMore)
        {
            if ((await buffer.ReceiveAsync(socket, limit.Token)).IsEmpty)
            {
                return false;
            }
        }

        var refusal =
            result.Status == HeadStatus.Error
                ? new Refusal(result.HttpStatus, result.Reason!)
                : UpgradeValidator.Validate(head, buffer.Data.Span);
        await socket.SendAllAsync(refusal.IsNone ? Switch(head, buffer.Data.Span) : PlainAnswer.For(refusal), limit.Token);
        buffer.Consume(result.Offset);
        return refusal.IsNone;
    }

    /// <summary>Value of Sec-WebSocket-Accept for a key.</summary>
    [System.Diagnostics.CodeAnalysis.SuppressMessage(
        "Security",
        "CA5350",
        Justification = "RFC 6455 §4.2.2 fixes SHA-1; nothing is protected by it"
    )]
    internal static string Accept(ReadOnlySpan<byte> key) =>
        Convert.ToBase64String(SHA1.HashData([.. key, .. "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"u8]));

    private static byte[] Switch(HttpHead head, ReadOnlySpan<byte> data)
    {
        head.Find(data, "sec-websocket-key"u8, out var key);
        head.Find(data, "sec-websocket-protocol"u8, out var protocols);
        var subprotocol = HttpTokens.NextElement(ref protocols, out var first)
            ? $"Sec-WebSocket-Protocol: {Encoding.ASCII.GetString(first)}\r\n"
            : "";
        return Encoding.ASCII.GetBytes(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                + $"Sec-WebSocket-Accept: {Accept(key)}\r\n{subprotocol}\r\n"
        );
    }
}
