using System.Text;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.WebSockets;
using Mooring.Gateway.WebSockets.Deflate;
using Mooring.Gateway.WebSockets.Http;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Hub.Listening;

/// <summary>Reads a request head to a Hub listener: a WebSocket of one of the two encodings, or a request to the API. Pure.</summary>
internal static class HubUpgrade
{
    private const string Served =
        "not served here: this listener has the Centrifugo client protocol over WebSocket, and POST /api/ where it has API keys; "
        + "SSE, HTTP streaming and emulation are not served";

    /// <summary>Whether the request is for the HTTP API.</summary>
    public static bool IsApi(HttpHead head, ReadOnlySpan<byte> data) => head.Target.Of(data).StartsWith("/api/"u8);

    /// <summary>The encoding that the client asks for, by subprotocol or by query.</summary>
    /// <param name="head">A whole head.</param>
    /// <param name="data">What it was read from.</param>
    /// <param name="subprotocol">To be named in the answer; empty: none was offered that is known.</param>
    public static HubCodec ChooseCodec(HttpHead head, ReadOnlySpan<byte> data, out ReadOnlySpan<byte> subprotocol)
    {
        if (head.HasToken(data, "sec-websocket-protocol"u8, "centrifuge-protobuf"u8))
        {
            subprotocol = "centrifuge-protobuf"u8;
            return HubCodec.Protobuf;
        }

        subprotocol = head.HasToken(data, "sec-websocket-protocol"u8, "centrifuge-json"u8) ? "centrifuge-json"u8 : default;
        var target = head.Target.Of(data);
        var query = target.IndexOf((byte)'?');
        var asked = query < 0 ? default : target[(query + 1)..];
        return subprotocol.IsEmpty && (HasParameter(asked, "format=protobuf"u8) || HasParameter(asked, "cf_protocol=protobuf"u8))
            ? HubCodec.Protobuf
            : HubCodec.Json;
    }

    /// <summary>Chooses among the client's offers of compression; its window, or 0: there is none that can be met, or none is wanted here.</summary>
    /// <param name="head">A whole head.</param>
    /// <param name="data">What it was read from.</param>
    /// <param name="options">What the listener offers; null: nothing.</param>
    /// <param name="extensions">Gets the value for the answer: at least <see cref="DeflateOffer.MaxAnswerBytes"/>.</param>
    /// <param name="length">Its length.</param>
    public static byte ChooseCompression(
        HttpHead head,
        ReadOnlySpan<byte> data,
        DeflateOptions? options,
        Span<byte> extensions,
        out int length
    )
    {
        length = 0;
        return options is null ? (byte)0 : DeflateOffer.Negotiate(head, data, options, extensions, out length)?.ServerWindowBits ?? 0;
    }

    /// <summary>Writes the 101; returns its length.</summary>
    public static int WriteAnswer(
        HttpHead head,
        ReadOnlySpan<byte> data,
        ReadOnlySpan<byte> subprotocol,
        ReadOnlySpan<byte> extensions,
        Span<byte> destination
    )
    {
        head.Find(data, "sec-websocket-key"u8, out var key);
        return SwitchAnswer.Write(key, subprotocol, extensions, destination);
    }

    /// <summary>
    /// The answer to requests of the client protocol's other transports (Server-Sent Events, HTTP streaming, and the emulation that carries their
    /// commands), and to any other that cannot be meant for a WebSocket: 404, at which clients go on to their next transport.
    /// </summary>
    public static Refusal CheckTransport(HttpHead head, ReadOnlySpan<byte> data)
    {
        var target = head.Target.Of(data);
        return
            !head.Method.Of(data).SequenceEqual("GET"u8)
            || target.StartsWith("/connection/sse"u8)
            || target.StartsWith("/connection/http_stream"u8)
            || target.StartsWith("/emulation"u8)
            ? new Refusal(404, Served)
            : default;
    }

    /// <summary>How the body of a request to the API is framed, RFC 9112 §6.3. Without either header it has none.</summary>
    /// <param name="head">A whole head.</param>
    /// <param name="data">What it was read from.</param>
    /// <param name="length">Of the body; null: it comes in chunks.</param>
    /// <returns>No refusal when it may come.</returns>
    public static Refusal ReadFraming(HttpHead head, ReadOnlySpan<byte> data, out int? length)
    {
        length = null;
        if (!head.Method.Of(data).SequenceEqual("POST"u8))
        {
            return new Refusal(405, "the API takes POST", Allow: "POST");
        }

        var lengths = head.Find(data, "content-length"u8, out var text);
        var codings = head.Find(data, "transfer-encoding"u8, out var coding);
        if (codings > 0)
        {
            return lengths > 0 || head.MinorVersion == 0 ? new Refusal(400, "Transfer-Encoding beside Content-Length, or in HTTP/1.0")
                : codings > 1 || !Ascii.EqualsIgnoreCase(coding, "chunked"u8) ? new Refusal(501, "no transfer coding but chunked is known")
                : default;
        }

        if (lengths == 0)
        {
            length = 0;
            return default;
        }

        if (
            lengths != 1
            || text.Length is 0 or > 9
            || text.IndexOfAnyExceptInRange((byte)'0', (byte)'9') >= 0
            || !System.Buffers.Text.Utf8Parser.TryParse(text, out int value, out _)
        )
        {
            return new Refusal(400, "Content-Length is given twice, or not a number");
        }

        length = value;
        return value > HubRequest.MaxBodyBytes ? new Refusal(413, "the body is longer than 1 MiB") : default;
    }

    private static bool HasParameter(ReadOnlySpan<byte> query, ReadOnlySpan<byte> wanted)
    {
        foreach (var range in query.Split((byte)'&'))
        {
            if (query[range].SequenceEqual(wanted))
            {
                return true;
            }
        }

        return false;
    }
}
