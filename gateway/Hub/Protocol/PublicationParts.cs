using System.Text;

namespace Mooring.Gateway.Hub.Protocol;

/// <summary>A publication as the Hub hands it to a broker and gets it back: the protobuf message Publication without its offset.</summary>
internal readonly record struct PublicationParts
{
    private const int DataField = 4;
    private const int InfoField = 5;
    private const int TagsField = 7;
    private const int TimeField = 9;

    public ulong Offset { get; init; }
    public ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>Who published it; null: the server's API.</summary>
    public ClientInfo? Info { get; init; }

    /// <summary>Null: none.</summary>
    public IReadOnlyList<KeyValuePair<string, string>>? Tags { get; init; }

    /// <summary>Unix milliseconds; 0: not known.</summary>
    public long Time { get; init; }

    /// <summary><see cref="Data"/> is a delta against the publication before.</summary>
    public bool IsDelta { get; init; }

    /// <summary>Writes what a broker carries.</summary>
    public static byte[] Encode(ReadOnlySpan<byte> data, ClientInfo? info, IReadOnlyList<KeyValuePair<string, string>>? tags, long time)
    {
        var writer = new ProtoWriter(data.Length + 128);
        writer.Bytes(DataField, data);
        if (info is not null)
        {
            WriteInfo(ref writer, InfoField, info);
        }

        WriteTags(ref writer, tags);
        writer.Number(TimeField, (ulong)time);
        return writer.ToArray();
    }

    /// <summary>The same for what a client publishes, in one array of just that size.</summary>
    public static byte[] Encode(
        ReadOnlySpan<byte> data,
        string user,
        Guid client,
        ReadOnlySpan<byte> conn,
        ReadOnlySpan<byte> chan,
        long time
    )
    {
        var userBytes = Encoding.UTF8.GetByteCount(user);
        var info = SizeOf(userBytes) + SizeOf(ProtoWriter.UuidLength) + SizeOf(conn.Length) + SizeOf(chan.Length);
        var size = SizeOf(data.Length) + 1 + ProtoWriter.VarintSize((ulong)info) + info + 1 + ProtoWriter.VarintSize((ulong)time);
        var writer = new ProtoWriter(size);
        writer.Bytes(DataField, data);
        writer.Header(InfoField, info);
        writer.Text(1, user);
        writer.Text(2, client);
        writer.Bytes(3, conn);
        writer.Bytes(4, chan);
        writer.Number(TimeField, (ulong)time);
        return writer.Take();
    }

    /// <summary>Reads what <see cref="Encode(ReadOnlySpan{byte}, ClientInfo?, IReadOnlyList{KeyValuePair{string, string}}?, long)"/> has written. False when it is something else.</summary>
    public static bool TryDecode(ReadOnlyMemory<byte> payload, ulong offset, out PublicationParts parts)
    {
        parts = default;
        var reader = new ProtoReader(payload.Span);
        ReadOnlyMemory<byte> data = default;
        ClientInfo? info = null;
        List<KeyValuePair<string, string>>? tags = null;
        long time = 0;
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case DataField:
                    data = payload.Slice(reader.ValueStart, reader.Value.Length);
                    break;
                case InfoField:
                    if (!TryDecodeInfo(payload.Slice(reader.ValueStart, reader.Value.Length), out info))
                    {
                        return false;
                    }

                    break;
                case TagsField:
                    (tags ??= []).Add(ReadTag(reader.Value));
                    break;
                case TimeField:
                    time = (long)reader.Number;
                    break;
            }
        }

        parts = new PublicationParts
        {
            Offset = offset,
            Data = data,
            Info = info,
            Tags = tags,
            Time = time,
        };
        return !reader.IsBroken;
    }

    public static byte[] EncodeInfo(ClientInfo info)
    {
        var writer = new ProtoWriter(64 + info.ConnInfo.Length + info.ChanInfo.Length);
        WriteInfoFields(ref writer, info);
        return writer.ToArray();
    }

    public static bool TryDecodeInfo(ReadOnlyMemory<byte> bytes, out ClientInfo? info)
    {
        var reader = new ProtoReader(bytes.Span);
        var (user, client) = ("", "");
        ReadOnlyMemory<byte> conn = default;
        ReadOnlyMemory<byte> chan = default;
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    user = Encoding.UTF8.GetString(reader.Value);
                    break;
                case 2:
                    client = Encoding.UTF8.GetString(reader.Value);
                    break;
                case 3:
                    conn = bytes.Slice(reader.ValueStart, reader.Value.Length);
                    break;
                case 4:
                    chan = bytes.Slice(reader.ValueStart, reader.Value.Length);
                    break;
            }
        }

        info = new ClientInfo(user, client, conn, chan);
        return !reader.IsBroken;
    }

    public static void WriteInfo(ref ProtoWriter writer, int field, ClientInfo info)
    {
        var nested = writer.Begin(field);
        WriteInfoFields(ref writer, info);
        writer.End(nested);
    }

    public static void WriteTags(ref ProtoWriter writer, IReadOnlyList<KeyValuePair<string, string>>? tags)
    {
        foreach (var (key, value) in tags ?? [])
        {
            var nested = writer.Begin(TagsField);
            writer.Text(1, key);
            writer.Text(2, value);
            writer.End(nested);
        }
    }

    private static void WriteInfoFields(ref ProtoWriter writer, ClientInfo info)
    {
        writer.Text(1, info.User);
        writer.Text(2, info.Client);
        writer.Bytes(3, info.ConnInfo.Span);
        writer.Bytes(4, info.ChanInfo.Span);
    }

    /// <summary>Of a field with so many bytes, which is left out where there are none.</summary>
    private static int SizeOf(int bytes) => bytes == 0 ? 0 : 1 + ProtoWriter.VarintSize((ulong)bytes) + bytes;

    private static KeyValuePair<string, string> ReadTag(ReadOnlySpan<byte> entry)
    {
        var reader = new ProtoReader(entry);
        var (key, value) = ("", "");
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                key = Encoding.UTF8.GetString(reader.Value);
            }
            else if (reader.Field == 2)
            {
                value = Encoding.UTF8.GetString(reader.Value);
            }
        }

        return new(key, value);
    }
}
