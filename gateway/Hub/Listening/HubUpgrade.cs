using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.WebSockets;
using Mooring.Gateway.WebSockets.Http;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Hub.Listening;

/// <summary>Reads a request head to a Hub listener: a WebSocket of one of the two encodings, or a request to the API. Pure.</summary>
internal static class HubUpgrade
{
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

    /// <summary>Writes the 101; returns its length.</summary>
    public static int WriteAnswer(HttpHead head, ReadOnlySpan<byte> data, ReadOnlySpan<byte> subprotocol, Span<byte> destination)
    {
        head.Find(data, "sec-websocket-key"u8, out var key);
        return SwitchAnswer.Write(key, subprotocol, default, destination);
    }

    /// <summary>How long the body of a request to the API is.</summary>
    /// <returns>No refusal when it is known and may come.</returns>
    public static Refusal TryReadLength(HttpHead head, ReadOnlySpan<byte> data, out int length)
    {
        length = 0;
        if (!head.Method.Of(data).SequenceEqual("POST"u8))
        {
            return new Refusal(405, "the API takes POST");
        }

        if (head.Find(data, "transfer-encoding"u8, out _) > 0)
        {
            return new Refusal(400, "the API takes bodies with Content-Length");
        }

        var found = head.Find(data, "content-length"u8, out var text);
        if (
            found != 1
            || text.Length is 0 or > 9
            || text.IndexOfAnyExceptInRange((byte)'0', (byte)'9') >= 0
            || !System.Buffers.Text.Utf8Parser.TryParse(text, out length, out _)
        )
        {
            return new Refusal(400, "no Content-Length, or not a number");
        }

        return length > HubRequest.MaxBodyBytes ? new Refusal(413, "the body is longer than 1 MiB") : default;
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
