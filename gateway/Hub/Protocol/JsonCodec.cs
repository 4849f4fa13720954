using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.Hub.Protocol;

/// <summary>The JSON encoding: one object a line; payloads are embedded as they are, but without line feeds.</summary>
internal sealed class JsonCodec : HubCodec
{
    private const int EmptyBytes = 48;

    [ThreadStatic]
    private static Scratch? _scratch;

    public override Opcode Opcode => Opcode.Text;

    public override byte[] Ping { get; } = "{}"u8.ToArray();

    public override CommandRead Read(ref ReadOnlySpan<byte> rest, ref HubCommand command)
    {
        rest = rest.TrimStart(" \t\r\n"u8);
        if (rest.IsEmpty)
        {
            return CommandRead.End;
        }

        var end = rest.IndexOf((byte)'\n');
        var line = end < 0 ? rest : rest[..end];
        rest = end < 0 ? default : rest[(end + 1)..];
        return JsonCommandReader.TryRead(line, ref command) ? CommandRead.Command : CommandRead.Invalid;
    }

    public override byte[] Error(uint id, HubError error)
    {
        var json = Begin(id, "error"u8);
        json.WriteNumber("code"u8, error.Code);
        json.WriteString("message"u8, error.Message);
        if (error.Temporary)
        {
            json.WriteBoolean("temporary"u8, true);
        }

        return End(json);
    }

    public override byte[] Empty(uint id, HubMethod method)
    {
        Span<byte> text = stackalloc byte[EmptyBytes];
        return text[..WriteEmpty(text, id, method)].ToArray();
    }

    public override byte[] EmptyFrame(uint id, HubMethod method)
    {
        Span<byte> text = stackalloc byte[EmptyBytes];
        return Framed(text[..WriteEmpty(text, id, method)]);
    }

    public override byte[]? PushFrame(string channel, ulong offset, ReadOnlySpan<byte> payload) =>
        JsonPublication.TryFrame(channel, offset, payload);

    /// <summary>The most frequent reply of all, so by hand.</summary>
    private static int WriteEmpty(Span<byte> text, uint id, HubMethod method)
    {
        var name = method switch
        {
            HubMethod.Publish => "publish"u8,
            HubMethod.Unsubscribe => "unsubscribe"u8,
            _ => "ping"u8,
        };
        "{\"id\":"u8.CopyTo(text);
        id.TryFormat(text[6..], out var digits, provider: CultureInfo.InvariantCulture);
        var at = 6 + digits;
        ",\""u8.CopyTo(text[at..]);
        name.CopyTo(text[(at + 2)..]);
        at += 2 + name.Length;
        "\":{}}"u8.CopyTo(text[at..]);
        return at + 5;
    }

    public override byte[] Connect(uint id, in ConnectReply reply)
    {
        var json = Begin(id, "connect"u8);
        json.WriteString("client"u8, reply.Client);
        json.WriteString("version"u8, GatewayName);
        WriteExpiry(json, reply.Expires, reply.Ttl);
        if (reply.Ping > 0)
        {
            json.WriteNumber("ping"u8, reply.Ping);
            json.WriteBoolean("pong"u8, reply.Pong);
        }

        json.WriteNumber("time"u8, reply.Time);
        if (reply.Subscriptions.Count > 0)
        {
            json.WriteStartObject("subs"u8);
            foreach (var (channel, subscription) in reply.Subscriptions)
            {
                json.WriteStartObject(channel);
                WriteSubscribe(json, subscription);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        return End(json);
    }

    public override byte[] Subscribe(uint id, in SubscribeReply reply)
    {
        var json = Begin(id, "subscribe"u8);
        WriteSubscribe(json, reply);
        return End(json);
    }

    public override byte[] History(uint id, StreamPosition top, IReadOnlyList<PublicationParts> publications)
    {
        var json = Begin(id, "history"u8);
        WritePublications(json, publications, asText: false);
        json.WriteNumber("offset"u8, top.Offset);
        json.WriteString("epoch"u8, top.Epoch);
        return End(json);
    }

    public override byte[] Presence(uint id, IReadOnlyList<ClientInfo> present)
    {
        var json = Begin(id, "presence"u8);
        json.WriteStartObject("presence"u8);
        foreach (var info in present)
        {
            json.WriteStartObject(info.Client);
            WriteInfoFields(json, info);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        return End(json);
    }

    public override byte[] PresenceStats(uint id, int clients, int users)
    {
        var json = Begin(id, "presence_stats"u8);
        json.WriteNumber("num_clients"u8, clients);
        json.WriteNumber("num_users"u8, users);
        return End(json);
    }

    public override byte[] Rpc(uint id, ReadOnlySpan<byte> data)
    {
        var json = Begin(id, "rpc"u8);
        if (!data.IsEmpty)
        {
            WriteRaw(json, "data"u8, data);
        }

        return End(json);
    }

    public override byte[] Refresh(uint id, string client, bool expires, uint ttl)
    {
        var json = Begin(id, "refresh"u8);
        json.WriteString("client"u8, client);
        json.WriteString("version"u8, GatewayName);
        WriteExpiry(json, expires, ttl);
        return End(json);
    }

    public override byte[] SubRefresh(uint id, bool expires, uint ttl)
    {
        var json = Begin(id, "sub_refresh"u8);
        WriteExpiry(json, expires, ttl);
        return End(json);
    }

    public override byte[] PushPublication(string channel, in PublicationParts publication, bool asText)
    {
        var json = BeginPush(channel, "pub"u8);
        WritePublication(json, publication, asText);
        return End(json);
    }

    public override byte[] PushPresence(string channel, bool joined, ClientInfo info)
    {
        var json = BeginPush(channel, joined ? "join"u8 : "leave"u8);
        json.WriteStartObject("info"u8);
        WriteInfoFields(json, info);
        json.WriteEndObject();
        return End(json);
    }

    public override byte[] PushUnsubscribe(string channel, uint code, string reason)
    {
        var json = BeginPush(channel, "unsubscribe"u8);
        json.WriteNumber("code"u8, code);
        json.WriteString("reason"u8, reason);
        return End(json);
    }

    public override byte[] PushSubscribe(string channel, in SubscribeReply reply)
    {
        var json = BeginPush(channel, "subscribe"u8);
        WriteSubscribe(json, reply);
        return End(json);
    }

    public override byte[] PushRefresh(bool expires, uint ttl)
    {
        var json = BeginPush("", "refresh"u8);
        WriteExpiry(json, expires, ttl);
        return End(json);
    }

    public override bool CanCarry(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty || !Utf8.IsValid(data))
        {
            return false;
        }

        try
        {
            var reader = new Utf8JsonReader(data);
            return reader.Read() && reader.TrySkip() && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }

    internal static string GatewayName => "mooring";

    /// <summary>Everything is sent as application data, never into HTML, so what JSON does not ask to be escaped is not.</summary>
    internal static JavaScriptEncoder Encoder => JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    private static Utf8JsonWriter Begin(uint id, ReadOnlySpan<byte> method)
    {
        var json = (_scratch ??= new Scratch()).Start();
        json.WriteStartObject();
        json.WriteNumber("id"u8, id);
        json.WriteStartObject(method);
        return json;
    }

    private static Utf8JsonWriter BeginPush(string channel, ReadOnlySpan<byte> kind)
    {
        var json = (_scratch ??= new Scratch()).Start();
        json.WriteStartObject();
        json.WriteStartObject("push"u8);
        if (channel.Length > 0)
        {
            json.WriteString("channel"u8, channel);
        }

        json.WriteStartObject(kind);
        return json;
    }

    private static byte[] End(Utf8JsonWriter json)
    {
        while (json.CurrentDepth > 0)
        {
            json.WriteEndObject();
        }

        return _scratch!.Take();
    }

    private static void WriteExpiry(Utf8JsonWriter json, bool expires, uint ttl)
    {
        if (expires)
        {
            json.WriteBoolean("expires"u8, true);
            json.WriteNumber("ttl"u8, ttl);
        }
    }

    private static void WriteSubscribe(Utf8JsonWriter json, in SubscribeReply reply)
    {
        WriteExpiry(json, reply.Expires, reply.Ttl);
        if (reply.Recoverable)
        {
            json.WriteBoolean("recoverable"u8, true);
        }

        if (reply.Positioned)
        {
            json.WriteBoolean("positioned"u8, true);
        }

        if (reply.Positioned || reply.Recoverable)
        {
            json.WriteString("epoch"u8, reply.Position.Epoch);
            json.WriteNumber("offset"u8, reply.Position.Offset);
        }

        if (reply.WasRecovering)
        {
            json.WriteBoolean("was_recovering"u8, true);
            json.WriteBoolean("recovered"u8, reply.Recovered);
        }

        if (reply.Delta)
        {
            json.WriteBoolean("delta"u8, true);
        }

        if (reply.Publications is { Count: > 0 } publications)
        {
            WritePublications(json, publications, reply.Delta);
        }

        if (!reply.Data.IsEmpty)
        {
            WriteRaw(json, "data"u8, reply.Data.Span);
        }
    }

    private static void WritePublications(Utf8JsonWriter json, IReadOnlyList<PublicationParts> publications, bool asText)
    {
        json.WriteStartArray("publications"u8);
        foreach (var publication in publications)
        {
            json.WriteStartObject();
            WritePublication(json, publication, asText);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WritePublication(Utf8JsonWriter json, in PublicationParts publication, bool asText)
    {
        if (asText)
        {
            json.WriteString("data"u8, publication.Data.Span);
        }
        else
        {
            WriteRaw(json, "data"u8, publication.Data.Span);
        }

        if (publication.Info is { } info)
        {
            json.WriteStartObject("info"u8);
            WriteInfoFields(json, info);
            json.WriteEndObject();
        }

        if (publication.Offset != 0)
        {
            json.WriteNumber("offset"u8, publication.Offset);
        }

        if (publication.Tags is { Count: > 0 } tags)
        {
            json.WriteStartObject("tags"u8);
            foreach (var (key, value) in tags)
            {
                json.WriteString(key, value);
            }

            json.WriteEndObject();
        }

        if (publication.IsDelta)
        {
            json.WriteBoolean("delta"u8, true);
        }

        if (publication.Time != 0)
        {
            json.WriteNumber("time"u8, publication.Time);
        }
    }

    private static void WriteInfoFields(Utf8JsonWriter json, ClientInfo info)
    {
        json.WriteString("user"u8, info.User);
        json.WriteString("client"u8, info.Client);
        if (!info.ConnInfo.IsEmpty)
        {
            WriteRaw(json, "conn_info"u8, info.ConnInfo.Span);
        }

        if (!info.ChanInfo.IsEmpty)
        {
            WriteRaw(json, "chan_info"u8, info.ChanInfo.Span);
        }
    }

    /// <summary>Embeds JSON. In valid JSON a line feed is only ever between two tokens, so a space says the same.</summary>
    private static void WriteRaw(Utf8JsonWriter json, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        json.WritePropertyName(name);
        if (!value.Contains((byte)'\n'))
        {
            json.WriteRawValue(value, skipInputValidation: true);
            return;
        }

        var line = ArrayPool<byte>.Shared.Rent(value.Length);
        value.Replace(line.AsSpan(0, value.Length), (byte)'\n', (byte)' ');
        json.WriteRawValue(line.AsSpan(0, value.Length), skipInputValidation: true);
        ArrayPool<byte>.Shared.Return(line);
    }

    private sealed class Scratch
    {
        private const int KeptBytes = 256 * 1024;

        private static readonly JsonWriterOptions Options = new() { SkipValidation = true, Encoder = JsonCodec.Encoder };

        private ArrayBufferWriter<byte> _buffer = new(4096);
        private Utf8JsonWriter? _json;

        public Utf8JsonWriter Start()
        {
            if (_buffer.Capacity > KeptBytes)
            {
                _buffer = new ArrayBufferWriter<byte>(4096);
                _json = null;
            }

            _buffer.ResetWrittenCount();
            (_json ??= new Utf8JsonWriter(_buffer, Options)).Reset();
            return _json;
        }

        public byte[] Take()
        {
            _json!.Flush();
            return _buffer.WrittenSpan.ToArray();
        }
    }
}
