using System.Text;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.Tests.WebSockets;

/// <summary>Heads for tests, parsed.</summary>
internal static class Requests
{
    public const string Upgrade =
        "Host: example.com\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

    public static (HttpHead Head, byte[] Data) Parse(string text, HeadKind kind = HeadKind.Request)
    {
        var data = Encoding.Latin1.GetBytes(text);
        var head = new HttpHead(kind);
        head.Parse(data).Status.ShouldBe(HeadStatus.Complete, text);
        return (head, data);
    }

    public static (HttpHead Head, byte[] Data) Get(string target, string fields) => Parse($"GET {target} HTTP/1.1\r\n{fields}\r\n");
}
