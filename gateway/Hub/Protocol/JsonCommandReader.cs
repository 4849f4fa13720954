using System.Text.Json;
using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Hub.Protocol;

/// <summary>Reads one JSON command. Unknown fields are passed over, as clients may be newer; what is known must have its type.</summary>
internal static class JsonCommandReader
{
    private static readonly JsonReaderOptions Options = new() { MaxDepth = 64 };

    /// <summary>False when it is no command.</summary>
    public static bool TryRead(ReadOnlySpan<byte> line, ref HubCommand command)
    {
        command.Reset();
        try
        {
            var reader = new Utf8JsonReader(line, Options);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("id"u8))
                {
                    reader.Read();
                    command.Id = reader.GetUInt32();
                    continue;
                }

                var method = MethodOf(ref reader);
                reader.Read();
                if (method == HubMethod.None)
                {
                    reader.Skip();
                    continue;
                }

                if (command.Method != HubMethod.None || reader.TokenType != JsonTokenType.StartObject)
                {
                    return false;
                }

                command.Method = method;
                ReadParameters(ref reader, line, ref command);
            }

            return reader.TokenType == JsonTokenType.EndObject && !reader.Read();
        }
        catch (Exception error) when (error is JsonException or FormatException or InvalidOperationException)
        {
            return false;
        }
    }

    private static HubMethod MethodOf(ref Utf8JsonReader reader) =>
        reader.ValueTextEquals("publish"u8) ? HubMethod.Publish
        : reader.ValueTextEquals("subscribe"u8) ? HubMethod.Subscribe
        : reader.ValueTextEquals("connect"u8) ? HubMethod.Connect
        : reader.ValueTextEquals("unsubscribe"u8) ? HubMethod.Unsubscribe
        : reader.ValueTextEquals("rpc"u8) ? HubMethod.Rpc
        : reader.ValueTextEquals("history"u8) ? HubMethod.History
        : reader.ValueTextEquals("presence"u8) ? HubMethod.Presence
        : reader.ValueTextEquals("presence_stats"u8) ? HubMethod.PresenceStats
        : reader.ValueTextEquals("ping"u8) ? HubMethod.Ping
        : reader.ValueTextEquals("send"u8) ? HubMethod.Send
        : reader.ValueTextEquals("refresh"u8) ? HubMethod.Refresh
        : reader.ValueTextEquals("sub_refresh"u8) ? HubMethod.SubRefresh
        : HubMethod.None;

    private static void ReadParameters(ref Utf8JsonReader reader, ReadOnlySpan<byte> line, ref HubCommand command)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.ValueSpan;
            reader.Read();
            if (reader.TokenType == JsonTokenType.Null && !name.SequenceEqual("data"u8))
            {
                continue;
            }

            switch (name)
            {
                case var _ when name.SequenceEqual("channel"u8):
                    command.Channel = reader.GetString()!;
                    break;
                case var _ when name.SequenceEqual("data"u8):
                    var start = (int)reader.TokenStartIndex;
                    reader.Skip();
                    command.Data = line[start..(int)reader.BytesConsumed];
                    break;
                case var _ when name.SequenceEqual("token"u8):
                    command.Token = reader.GetString()!;
                    break;
                case var _ when name.SequenceEqual("name"u8) || name.SequenceEqual("method"u8):
                    command.Name = reader.GetString()!;
                    break;
                case var _ when name.SequenceEqual("version"u8):
                    command.Version = reader.GetString()!;
                    break;
                case var _ when name.SequenceEqual("recover"u8):
                    command.Recover = reader.GetBoolean();
                    break;
                case var _ when name.SequenceEqual("positioned"u8):
                    command.Positioned = reader.GetBoolean();
                    break;
                case var _ when name.SequenceEqual("recoverable"u8):
                    command.Recoverable = reader.GetBoolean();
                    break;
                case var _ when name.SequenceEqual("join_leave"u8):
                    command.JoinLeave = reader.GetBoolean();
                    break;
                case var _ when name.SequenceEqual("reverse"u8):
                    command.Reverse = reader.GetBoolean();
                    break;
                case var _ when name.SequenceEqual("delta"u8):
                    command.Delta = reader.ValueTextEquals("fossil"u8);
                    command.UnknownDelta = !command.Delta && !reader.ValueTextEquals(""u8);
                    break;
                case var _ when name.SequenceEqual("tf"u8):
                    command.HasFilter = true;
                    reader.Skip();
                    break;
                case var _ when name.SequenceEqual("flag"u8):
                    command.Flag = reader.GetInt64();
                    break;
                case var _ when name.SequenceEqual("type"u8):
                    command.Type = reader.GetInt64();
                    break;
                case var _ when name.SequenceEqual("limit"u8):
                    command.Limit = reader.GetInt64();
                    break;
                case var _ when name.SequenceEqual("offset"u8):
                    command.Offset = reader.GetUInt64();
                    break;
                case var _ when name.SequenceEqual("epoch"u8):
                    command.Epoch = reader.GetString()!;
                    break;
                case var _ when name.SequenceEqual("since"u8):
                    command.HasSince = true;
                    (command.Offset, command.Epoch) = ReadPosition(ref reader, out _);
                    break;
                case var _ when name.SequenceEqual("subs"u8):
                    command.Positions = ReadPositions(ref reader);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
    }

    private static List<KeyValuePair<string, StreamPosition>> ReadPositions(ref Utf8JsonReader reader)
    {
        var positions = new List<KeyValuePair<string, StreamPosition>>();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("subs is no object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var channel = reader.GetString()!;
            reader.Read();
            var (offset, epoch) = ReadPosition(ref reader, out var recover);
            if (recover)
            {
                positions.Add(new(channel, new StreamPosition(offset, epoch)));
            }
        }

        return positions;
    }

    private static (ulong Offset, string Epoch) ReadPosition(ref Utf8JsonReader reader, out bool recover)
    {
        var (offset, epoch) = (0ul, "");
        recover = false;
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("a position is no object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("offset"u8))
            {
                reader.Read();
                offset = reader.GetUInt64();
            }
            else if (reader.ValueTextEquals("epoch"u8))
            {
                reader.Read();
                epoch = reader.GetString() ?? "";
            }
            else if (reader.ValueTextEquals("recover"u8))
            {
                reader.Read();
                recover = reader.GetBoolean();
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        return (offset, epoch);
    }
}
