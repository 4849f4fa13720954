using System.Text.Json;

namespace Mooring.Gateway.Tunnels.Protocol;

/// <summary>What a client says on a Tunnel listener.</summary>
internal enum ClientVerb
{
    /// <summary>None of the protocol's messages.</summary>
    Unknown,
    Authenticate,

    /// <summary>bore: opens a tunnel of one port.</summary>
    Hello,

    /// <summary>This is the data connection of a visitor.</summary>
    Accept,

    /// <summary>Ours: opens a tunnel; see <see cref="OpenRequest"/>.</summary>
    Open,

    /// <summary>Ours: this is a data connection for the next visitor of a tunnel.</summary>
    Ready,

    /// <summary>Ours: the client lives.</summary>
    Heartbeat,

    /// <summary>Ours: a data connection that was kept ready takes the visitor that it was asked for.</summary>
    Go,

    /// <summary>Another gateway's: a visitor of a tunnel here; see <see cref="ForwardMessage"/>.</summary>
    Forward,

    /// <summary>Ours: the client ends for good, and its ports need not be kept.</summary>
    Bye,
}

/// <summary>One message of a client.</summary>
/// <param name="Verb">Which.</param>
/// <param name="Port">Of <see cref="ClientVerb.Hello"/>: 0 is any.</param>
/// <param name="Id">Of <see cref="ClientVerb.Accept"/> and <see cref="ClientVerb.Ready"/>.</param>
/// <param name="Text">Of <see cref="ClientVerb.Authenticate"/>: hexadecimal digits.</param>
/// <param name="Open">Of <see cref="ClientVerb.Open"/>.</param>
/// <param name="Forward">Of <see cref="ClientVerb.Forward"/>.</param>
internal sealed record ClientMessage(
    ClientVerb Verb,
    int Port = 0,
    Guid Id = default,
    string Text = "",
    OpenRequest? Open = null,
    ForwardMessage? Forward = null
)
{
    /// <summary>Bytes before the delimiter of each message that bore knows.</summary>
    public const int MaxBytes = 256;

    /// <summary>Bytes before the delimiter of <see cref="ClientVerb.Open"/>.</summary>
    public const int MaxOpenBytes = 16 * 1024;

    public static readonly ClientMessage Unknown = new(ClientVerb.Unknown);
    private static readonly ClientMessage Beat = new(ClientVerb.Heartbeat);
    private static readonly ClientMessage Bye = new(ClientVerb.Bye);
    private static readonly ClientMessage Go = new(ClientVerb.Go);

    /// <summary>What the first bytes of a message allow for its length.</summary>
    public static int Limit(ReadOnlySpan<byte> begun) =>
        begun.StartsWith("{\"Open\""u8) || begun.StartsWith("{\"Forward\""u8) ? MaxOpenBytes : MaxBytes;

    /// <summary>Reads a whole message, without its delimiter.</summary>
    public static ClientMessage Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
            reader.Read();
            if (reader.TokenType == JsonTokenType.String)
            {
                var known =
                    reader.ValueTextEquals("Heartbeat"u8) ? Beat
                    : reader.ValueTextEquals("Bye"u8) ? Bye
                    : reader.ValueTextEquals("Go"u8) ? Go
                    : Unknown;
                return Ends(ref reader) ? known : Unknown;
            }

            if (reader.TokenType != JsonTokenType.StartObject || !reader.Read() || reader.TokenType != JsonTokenType.PropertyName)
            {
                return Unknown;
            }

            var message = ReadBody(ref reader);
            return reader.Read() && reader.TokenType == JsonTokenType.EndObject && Ends(ref reader) ? message : Unknown;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // The latter: half a character, by an escape of which the other half is missing.
            return Unknown;
        }
    }

    private static ClientMessage ReadBody(ref Utf8JsonReader reader)
    {
        var verb =
            reader.ValueTextEquals("Hello"u8) ? ClientVerb.Hello
            : reader.ValueTextEquals("Accept"u8) ? ClientVerb.Accept
            : reader.ValueTextEquals("Authenticate"u8) ? ClientVerb.Authenticate
            : reader.ValueTextEquals("Ready"u8) ? ClientVerb.Ready
            : reader.ValueTextEquals("Open"u8) ? ClientVerb.Open
            : reader.ValueTextEquals("Forward"u8) ? ClientVerb.Forward
            : ClientVerb.Unknown;
        reader.Read();
        switch (verb)
        {
            case ClientVerb.Hello when reader.TokenType == JsonTokenType.Number && reader.TryGetUInt16(out var port):
                return new ClientMessage(verb, Port: port);
            case ClientVerb.Accept
            or ClientVerb.Ready when reader.TokenType == JsonTokenType.String && Guid.TryParse(reader.GetString(), out var id):
                return new ClientMessage(verb, Id: id);
            case ClientVerb.Authenticate when reader.TokenType == JsonTokenType.String:
                return new ClientMessage(verb, Text: reader.GetString()!);
            case ClientVerb.Open when JsonSerializer.Deserialize(ref reader, TunnelJson.Default.OpenRequest) is { } open && open.IsBounded:
                return new ClientMessage(verb, Open: open);
            case ClientVerb.Forward
                when JsonSerializer.Deserialize(ref reader, PeerJson.Default.ForwardMessage) is { IsBounded: true } forward:
                return new ClientMessage(verb, Forward: forward);
            default:
                return Unknown;
        }
    }

    /// <summary>Nothing but white space follows.</summary>
    private static bool Ends(ref Utf8JsonReader reader) => !reader.Read();
}
