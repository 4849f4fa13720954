using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Mooring.Gateway.Tunnels.Protocol;

/// <summary>What the gateway says on a Tunnel listener: each with its delimiter. Byte for byte what bore's own server writes, where bore knows it.</summary>
internal static class ServerMessage
{
    /// <summary>Bytes of an Error's text: the whole message must not have more than <see cref="ClientMessage.MaxBytes"/>.</summary>
    private const int MaxText = 200;

    public static ReadOnlySpan<byte> Heartbeat => "\"Heartbeat\"\0"u8;

    /// <summary>Ours: this gateway ends; the client is to come again, and to any.</summary>
    public static ReadOnlySpan<byte> Goodbye => "\"Goodbye\"\0"u8;

    public static byte[] Challenge(Guid challenge) => OfId("Challenge", challenge);

    public static byte[] Connection(Guid id) => OfId("Connection", id);

    public static byte[] Hello(int port) => Encoding.ASCII.GetBytes($"{{\"Hello\":{port.ToString(CultureInfo.InvariantCulture)}}}\0");

    public static byte[] Error(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        if (bytes.Length > MaxText)
        {
            var cut = MaxText;
            while ((bytes[cut] & 0xC0) == 0x80)
            {
                cut--;
            }

            text = Encoding.UTF8.GetString(bytes, 0, cut);
        }

        var escaped = JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes;
        // Escapes may make six bytes of one.
        return escaped.Length > MaxText + 40 ? Error("refused") : [.. "{\"Error\":\""u8, .. escaped, .. "\"}\0"u8];
    }

    public static byte[] Opened(OpenAnswer answer) =>
        [.. "{\"Opened\":"u8, .. JsonSerializer.SerializeToUtf8Bytes(answer, TunnelJson.Default.OpenAnswer), .. "}\0"u8];

    public static byte[] Visit(VisitMessage visit) =>
        [.. "{\"Visit\":"u8, .. JsonSerializer.SerializeToUtf8Bytes(visit, TunnelJson.Default.VisitMessage), .. "}\0"u8];

    private static byte[] OfId(string name, Guid id) => Encoding.ASCII.GetBytes($"{{\"{name}\":\"{id:D}\"}}\0");
}
