using System.Collections.Concurrent;
using System.Text;

namespace Mooring.Gateway.WebSockets;

/// <summary>The gateway's own HTTP answers, each with <c>Connection: close</c> and one line of text.</summary>
internal static class PlainAnswer
{
    private static readonly ConcurrentDictionary<Refusal, byte[]> Known = new();

    /// <summary>The whole response. Kept, since reasons are constants of this program and a flood of refusals should not cost an encoding each.</summary>
    public static byte[] For(Refusal refusal) => Known.GetOrAdd(refusal, Encode);

    private static byte[] Encode(Refusal refusal)
    {
        var body = refusal.Reason + "\n";
        var extra = refusal.Status switch
        {
            401 => "WWW-Authenticate: apikey\r\n",
            405 => $"Allow: {refusal.Allow}\r\n",
            426 => "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            503 => "Retry-After: 1\r\n",
            _ => "",
        };
        var connection = refusal.Status == 426 ? "close, Upgrade" : "close";
        return Encoding.ASCII.GetBytes(
            $"HTTP/1.1 {refusal.Status} {Phrase(refusal.Status)}\r\nConnection: {connection}\r\nContent-Type: text/plain; charset=utf-8\r\n"
                + $"Content-Length: {body.Length}\r\nCache-Control: no-store\r\n{extra}\r\n{body}"
        );
    }

    private static string Phrase(int status) =>
        status switch
        {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            413 => "Content Too Large",
            426 => "Upgrade Required",
            429 => "Too Many Requests",
            431 => "Request Header Fields Too Large",
            501 => "Not Implemented",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            505 => "HTTP Version Not Supported",
            _ => "Error",
        };
}
