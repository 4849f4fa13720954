using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.WebSockets;

/// <summary>What the gateway knows of a client and tells the backend.</summary>
/// <param name="ClientAddress">IP address without port, as text.</param>
/// <param name="Secure">The client came by TLS.</param>
/// <param name="Port">Port the client used.</param>
/// <param name="RequestId">Used where the client sent no valid one: 1 to 64 of letters, digits, <c>.</c>, <c>_</c> and <c>-</c>.</param>
internal readonly ref struct ForwardedClient(ReadOnlySpan<byte> ClientAddress, bool Secure, int Port, ReadOnlySpan<byte> RequestId)
{
    public ReadOnlySpan<byte> ClientAddress { get; } = ClientAddress;

    public bool Secure { get; } = Secure;

    public int Port { get; } = Port;

    public ReadOnlySpan<byte> RequestId { get; } = RequestId;
}

/// <summary>Writes the request head that the backend gets. Pure.</summary>
/// <remarks>
/// Everything is passed as sent and in order, but hop-by-hop fields, and these, which backends take on trust:
/// <list type="bullet">
/// <item><c>X-Forwarded-For</c>: the client's list with its address appended, as HAProxy, Envoy and nginx do. Only the last entry is the gateway's word.</item>
/// <item><c>X-Forwarded-Proto</c>, <c>-Host</c>, <c>-Port</c>, <c>X-Real-IP</c>: replaced.</item>
/// <item><c>Forwarded</c>: removed, for a backend that prefers it would believe the client.</item>
/// <item><c>X-Request-Id</c>: the client's where it is valid, else the gateway's.</item>
/// </list>
/// </remarks>
internal static class ForwardedRequest
{
    /// <summary>What the rewriting can add to a head, in bytes: give the destination so much more than the head.</summary>
    public const int MaxAdded = 1024;

    private const int MaxRequestIdLength = 64;

    /// <summary>Writes the head and returns its length, or -1 when it does not fit.</summary>
    /// <param name="head">The request's.</param>
    /// <param name="data">What it was parsed from.</param>
    /// <param name="target">Where it goes.</param>
    /// <param name="client">Who asks.</param>
    /// <param name="destination">Where to write.</param>
    /// <param name="filtered">Subprotocols are offered as <paramref name="subprotocols"/> says, not as sent.</param>
    /// <param name="subprotocols">Empty: none.</param>
    public static int Write(
        HttpHead head,
        ReadOnlySpan<byte> data,
        RequestTarget target,
        ForwardedClient client,
        Span<byte> destination,
        bool filtered = false,
        ReadOnlySpan<byte> subprotocols = default
    )
    {
        var writer = new HeadWriter(destination);
        writer.Append("GET "u8);
        writer.Append(target.Origin);
        writer.Append(" HTTP/1.1\r\n"u8);
        writer.Field("Host"u8, target.Authority);
        foreach (ref readonly var field in head.Fields)
        {
            var name = field.Name.Of(data);
            if (!IsOurs(name) && !HopByHop.Ends(head, data, name) && !(filtered && HopByHop.Is(name, "sec-websocket-protocol"u8)))
            {
                writer.Field(name, field.Value.Of(data));
            }
        }

        if (!subprotocols.IsEmpty)
        {
            writer.Field("Sec-WebSocket-Protocol"u8, subprotocols);
        }

        writer.Append("Connection: Upgrade\r\nUpgrade: websocket\r\nX-Forwarded-For: "u8);
        foreach (ref readonly var field in head.Fields)
        {
            if (HopByHop.Is(field.Name.Of(data), "x-forwarded-for"u8) && field.Value.Length > 0)
            {
                writer.Append(field.Value.Of(data));
                writer.Append(", "u8);
            }
        }

        writer.Append(client.ClientAddress);
        writer.Append("\r\n"u8);
        writer.Field("X-Forwarded-Proto"u8, client.Secure ? "https"u8 : "http"u8);
        writer.Field("X-Forwarded-Host"u8, target.Authority);
        writer.Append("X-Forwarded-Port: "u8);
        writer.Append(client.Port);
        writer.Append("\r\n"u8);
        writer.Field("X-Real-IP"u8, client.ClientAddress);
        writer.Field("X-Request-Id"u8, RequestId(head, data, client.RequestId));
        writer.Append("\r\n"u8);
        return writer.Overflow ? -1 : writer.Length;
    }

    /// <summary>The id under which this request is forwarded and logged.</summary>
    public static ReadOnlySpan<byte> RequestId(HttpHead head, ReadOnlySpan<byte> data, ReadOnlySpan<byte> own) =>
        head.Find(data, "x-request-id"u8, out var sent) == 1 && IsRequestId(sent) ? sent : own;

    private static bool IsRequestId(ReadOnlySpan<byte> text)
    {
        foreach (var value in text)
        {
            if (!char.IsAsciiLetterOrDigit((char)value) && value is not ((byte)'.' or (byte)'_' or (byte)'-'))
            {
                return false;
            }
        }

        return text.Length is > 0 and <= MaxRequestIdLength;
    }

    private static bool IsOurs(ReadOnlySpan<byte> name) =>
        HopByHop.Is(name, "host"u8)
        || HopByHop.Is(name, "content-length"u8)
        || HopByHop.Is(name, "forwarded"u8)
        || HopByHop.Is(name, "x-forwarded-for"u8)
        || HopByHop.Is(name, "x-forwarded-proto"u8)
        || HopByHop.Is(name, "x-forwarded-host"u8)
        || HopByHop.Is(name, "x-forwarded-port"u8)
        || HopByHop.Is(name, "x-real-ip"u8)
        || HopByHop.Is(name, "x-request-id"u8);
}
