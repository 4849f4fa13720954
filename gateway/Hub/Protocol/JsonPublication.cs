// Hot path: per publication. See tests/benchmarks.
using System.Buffers.Text;
using System.Text;
using Mooring.Gateway.WebSockets.Framing;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Hub.Protocol;

/// <summary>The JSON push of a publication straight from what the broker carries, without a string or a second copy of it.</summary>
/// <remarks>
/// The same bytes as <see cref="JsonCodec.PushPublication"/> writes of a decoded one. What is seldom — tags, text that needs escapes, payloads with line feeds, a field
/// that comes twice — is left to that.
/// </remarks>
internal ref struct JsonPublication
{
    private const int MaxDigits = 20;

    private ReadOnlySpan<byte> _data;
    private ReadOnlySpan<byte> _user;
    private ReadOnlySpan<byte> _client;
    private ReadOnlySpan<byte> _conn;
    private ReadOnlySpan<byte> _chan;
    private bool _hasInfo;
    private ulong _time;

    /// <summary>The WebSocket frame; null: it is for the slower way to say.</summary>
    public static byte[]? TryFrame(string channel, ulong offset, ReadOnlySpan<byte> payload)
    {
        var publication = default(JsonPublication);
        return publication.TryRead(payload) && publication.IsPlain() && channel.Length > 0 && Ascii.IsValid(channel)
            ? publication.Write(channel, offset)
            : null;
    }

    private bool TryRead(ReadOnlySpan<byte> payload)
    {
        var reader = new ProtoReader(payload);
        var seen = 0;
        while (reader.Next())
        {
            if (!IsFirst(ref seen, reader.Field))
            {
                return false;
            }

            switch (reader.Field)
            {
                case 4:
                    _data = reader.Value;
                    break;
                case 5:
                    _hasInfo = true;
                    if (!TryReadInfo(reader.Value))
                    {
                        return false;
                    }

                    break;
                case 9:
                    _time = reader.Number;
                    break;
                default:
                    return false;
            }
        }

        return !reader.IsBroken && _time <= long.MaxValue;
    }

    private bool TryReadInfo(ReadOnlySpan<byte> info)
    {
        var reader = new ProtoReader(info);
        var seen = 0;
        while (reader.Next())
        {
            if (!IsFirst(ref seen, reader.Field))
            {
                return false;
            }

            switch (reader.Field)
            {
                case 1:
                    _user = reader.Value;
                    break;
                case 2:
                    _client = reader.Value;
                    break;
                case 3:
                    _conn = reader.Value;
                    break;
                case 4:
                    _chan = reader.Value;
                    break;
                default:
                    return false;
            }
        }

        return !reader.IsBroken;
    }

    private static bool IsFirst(ref int seen, int field)
    {
        var bit = field < 32 ? 1 << field : 0;
        var isFirst = (seen & bit) == 0;
        seen |= bit;
        return isFirst;
    }

    private readonly bool IsPlain() =>
        HubCodec.Json.CanCarry(_data)
        && !_data.Contains((byte)'\n')
        && !_conn.Contains((byte)'\n')
        && !_chan.Contains((byte)'\n')
        && IsPlain(_user)
        && IsPlain(_client);

    private static bool IsPlain(ReadOnlySpan<byte> text) => JsonCodec.Encoder.FindFirstCharacterToEncodeUtf8(text) < 0;

    private readonly byte[]? Write(string channel, ulong offset)
    {
        Span<byte> name = stackalloc byte[Math.Min(channel.Length, 1024)];
        if (name.Length < channel.Length)
        {
            return null;
        }

        Encoding.ASCII.GetBytes(channel, name);
        if (!IsPlain(name))
        {
            return null;
        }

        Span<byte> place = stackalloc byte[MaxDigits];
        Span<byte> time = stackalloc byte[MaxDigits];
        Utf8Formatter.TryFormat(offset, place, out var placeDigits);
        Utf8Formatter.TryFormat(_time, time, out var timeDigits);
        place = place[..(offset == 0 ? 0 : placeDigits)];
        time = time[..(_time == 0 ? 0 : timeDigits)];

        var size = "{'push':{'channel':'','pub':{'data':}}}"u8.Length + name.Length + _data.Length;
        size += _hasInfo ? ",'info':{'user':'','client':''}"u8.Length + _user.Length + _client.Length : 0;
        size += _conn.IsEmpty ? 0 : ",'conn_info':"u8.Length + _conn.Length;
        size += _chan.IsEmpty ? 0 : ",'chan_info':"u8.Length + _chan.Length;
        size += place.IsEmpty ? 0 : ",'offset':"u8.Length + place.Length;
        size += time.IsEmpty ? 0 : ",'time':"u8.Length + time.Length;
        var frame = new byte[ServerFrame.SizeOf(size)];
        var rest = frame.AsSpan(ServerFrame.WriteHeader(frame, Opcode.Text, size, compressed: false));
        Append(ref rest, "{\"push\":{\"channel\":\""u8, name);
        Append(ref rest, "\",\"pub\":{\"data\":"u8, _data);
        if (_hasInfo)
        {
            Append(ref rest, ",\"info\":{\"user\":\""u8, _user);
            Append(ref rest, "\",\"client\":\""u8, _client);
            Append(ref rest, "\""u8, default);
            AppendUnlessEmpty(ref rest, ",\"conn_info\":"u8, _conn);
            AppendUnlessEmpty(ref rest, ",\"chan_info\":"u8, _chan);
            Append(ref rest, "}"u8, default);
        }

        AppendUnlessEmpty(ref rest, ",\"offset\":"u8, place);
        AppendUnlessEmpty(ref rest, ",\"time\":"u8, time);
        Append(ref rest, "}}}"u8, default);
        return frame;
    }

    private static void AppendUnlessEmpty(ref Span<byte> rest, scoped ReadOnlySpan<byte> name, scoped ReadOnlySpan<byte> value)
    {
        if (!value.IsEmpty)
        {
            Append(ref rest, name, value);
        }
    }

    private static void Append(ref Span<byte> rest, scoped ReadOnlySpan<byte> first, scoped ReadOnlySpan<byte> second)
    {
        first.CopyTo(rest);
        second.CopyTo(rest[first.Length..]);
        rest = rest[(first.Length + second.Length)..];
    }
}
