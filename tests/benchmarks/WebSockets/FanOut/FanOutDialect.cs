using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Mooring.Benchmarks.WebSockets.FanOut;

/// <summary>What a server wants to hear over its WebSocket.</summary>
internal enum FanOutDialect
{
    /// <summary>Nothing: every message goes to everybody.</summary>
    Plain,

    /// <summary>The Centrifugo client protocol in JSON.</summary>
    Hub,

    /// <summary>SignalR's JSON protocol.</summary>
    SignalR,
}

/// <summary>Frames of each dialect. Masked with zeros, which RFC 6455 allows and which leaves the payload as it is.</summary>
internal static class FanOutFrames
{
    /// <summary>Length of the data of a message, as JSON text.</summary>
    public const int DataBytes = 100;

    public static byte[] Upgrade(string host) =>
        Encoding.ASCII.GetBytes(
            $"GET /hub HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );

    /// <summary>What a connection says first; empty: nothing.</summary>
    public static byte[] Hello(FanOutDialect dialect, bool subscribes) =>
        dialect switch
        {
            FanOutDialect.Hub => Text(
                subscribes
                    ? """{"id":1,"connect":{}}""" + "\n" + """{"id":2,"subscribe":{"channel":"bench"}}"""
                    : """{"id":1,"connect":{}}"""
            ),
            FanOutDialect.SignalR => Text("{\"protocol\":\"json\",\"version\":1}\u001e"),
            _ => [],
        };

    /// <summary>What the server has said when all of the hello is answered; empty: nothing is to be waited for.</summary>
    public static byte[] Ready(FanOutDialect dialect, bool subscribes) =>
        dialect switch
        {
            FanOutDialect.Hub => Encoding.ASCII.GetBytes(subscribes ? "\"id\":2" : "\"id\":1"),
            FanOutDialect.SignalR => "{}\u001e"u8.ToArray(),
            _ => [],
        };

    public static byte[] Publish(FanOutDialect dialect, long number)
    {
        var data = string.Create(CultureInfo.InvariantCulture, $"\"M{number:D10}").PadRight(DataBytes - 1, 'x') + '"';
        return Text(
            dialect switch
            {
                FanOutDialect.Hub => $$$"""{"id":{{{number + 10}}},"publish":{"channel":"bench","data":{{{data}}}}}""",
                FanOutDialect.SignalR => $$"""{"type":1,"target":"Publish","arguments":[{{data}}]}""" + "\u001e",
                _ => data,
            }
        );
    }

    /// <summary>Numbers of the messages in a payload.</summary>
    public static bool TryNext(ref ReadOnlySpan<byte> payload, out long number)
    {
        number = 0;
        var at = payload.IndexOf("\"M"u8);
        if (at < 0)
        {
            return false;
        }

        number = long.Parse(payload.Slice(at + 2, 10), NumberStyles.None, CultureInfo.InvariantCulture);
        payload = payload[(at + 12)..];
        return true;
    }

    private static byte[] Text(string text)
    {
        var payload = Encoding.UTF8.GetBytes(text);
        var head = payload.Length < 126 ? 6 : 8;
        var frame = new byte[head + payload.Length];
        frame[0] = 0x81;
        if (head == 6)
        {
            frame[1] = (byte)(0x80 | payload.Length);
        }
        else
        {
            frame[1] = 0x80 | 126;
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), (ushort)payload.Length);
        }

        payload.CopyTo(frame, head);
        return frame;
    }
}
