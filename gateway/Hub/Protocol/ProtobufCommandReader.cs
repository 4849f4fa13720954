using System.Text;
using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Hub.Protocol;

/// <summary>Reads one protobuf command. Field numbers are those of Centrifugo's client.proto.</summary>
internal static class ProtobufCommandReader
{
    /// <summary>False when it is no command.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, ref HubCommand command)
    {
        command.Reset();
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                command.Id = (uint)reader.Number;
            }
            else if (reader.Field is >= (int)HubMethod.Connect and <= (int)HubMethod.SubRefresh)
            {
                if (command.Method != HubMethod.None)
                {
                    return false;
                }

                command.Method = (HubMethod)reader.Field;
                if (!TryReadParameters(reader.Value, ref command))
                {
                    return false;
                }
            }
        }

        return !reader.IsBroken;
    }

    private static bool TryReadParameters(ReadOnlySpan<byte> parameters, ref HubCommand command)
    {
        var reader = new ProtoReader(parameters);
        while (reader.Next())
        {
            var read = command.Method switch
            {
                HubMethod.Connect => ReadConnect(ref reader, ref command),
                HubMethod.Subscribe => ReadSubscribe(ref reader, ref command),
                HubMethod.Publish => ReadPublish(ref reader, ref command),
                HubMethod.History => ReadHistory(ref reader, ref command),
                HubMethod.Refresh => ReadToken(ref reader, ref command, field: 1),
                HubMethod.SubRefresh => ReadChannel(ref reader, ref command) && ReadSubRefresh(ref reader, ref command),
                HubMethod.Rpc => ReadRpc(ref reader, ref command),
                HubMethod.Send => ReadRpc(ref reader, ref command),
                _ => ReadChannel(ref reader, ref command),
            };
            if (!read)
            {
                return false;
            }
        }

        return !reader.IsBroken;
    }

    private static bool ReadConnect(ref ProtoReader reader, ref HubCommand command)
    {
        switch (reader.Field)
        {
            case 2:
                command.Data = reader.Value;
                break;
            case 3:
                return ReadPositions(reader.Value, ref command);
            case 4:
                command.Name = Text(reader.Value);
                break;
            case 5:
                command.Version = Text(reader.Value);
                break;
        }

        return ReadToken(ref reader, ref command, field: 1);
    }

    private static bool ReadPositions(ReadOnlySpan<byte> entry, ref HubCommand command)
    {
        var reader = new ProtoReader(entry);
        var channel = "";
        var position = new HubCommand();
        position.Reset();
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                channel = Text(reader.Value);
            }
            else if (reader.Field == 2)
            {
                var request = new ProtoReader(reader.Value);
                while (request.Next())
                {
                    ReadSubscribe(ref request, ref position);
                }

                if (request.IsBroken)
                {
                    return false;
                }
            }
        }

        if (position.Recover)
        {
            (command.Positions ??= []).Add(new(channel, new StreamPosition(position.Offset, position.Epoch ?? "")));
        }

        return !reader.IsBroken;
    }

    private static bool ReadSubscribe(ref ProtoReader reader, ref HubCommand command)
    {
        switch (reader.Field)
        {
            case 3:
                command.Recover = reader.Number != 0;
                break;
            case 6:
                command.Epoch = Text(reader.Value);
                break;
            case 7:
                command.Offset = reader.Number;
                break;
            case 8:
                command.Data = reader.Value;
                break;
            case 9:
                command.Positioned = reader.Number != 0;
                break;
            case 10:
                command.Recoverable = reader.Number != 0;
                break;
            case 11:
                command.JoinLeave = reader.Number != 0;
                break;
            case 12:
                command.Delta = reader.Value.SequenceEqual("fossil"u8);
                command.UnknownDelta = !command.Delta && !reader.Value.IsEmpty;
                break;
            case 13:
                command.HasFilter = true;
                break;
            case 14:
                command.Flag = (long)reader.Number;
                break;
            case 15:
                command.Type = (long)reader.Number;
                break;
        }

        return ReadChannel(ref reader, ref command) && ReadToken(ref reader, ref command, field: 2);
    }

    private static bool ReadPublish(ref ProtoReader reader, ref HubCommand command)
    {
        if (reader.Field == 2)
        {
            command.Data = reader.Value;
        }
        else if (reader.Field == 3)
        {
            command.Type = (long)reader.Number;
        }

        return ReadChannel(ref reader, ref command);
    }

    private static bool ReadHistory(ref ProtoReader reader, ref HubCommand command)
    {
        switch (reader.Field)
        {
            case 7:
                command.Limit = (int)reader.Number;
                break;
            case 8:
                command.HasSince = true;
                var since = new ProtoReader(reader.Value);
                while (since.Next())
                {
                    if (since.Field == 1)
                    {
                        command.Offset = since.Number;
                    }
                    else if (since.Field == 2)
                    {
                        command.Epoch = Text(since.Value);
                    }
                }

                return !since.IsBroken;
            case 9:
                command.Reverse = reader.Number != 0;
                break;
        }

        return ReadChannel(ref reader, ref command);
    }

    private static bool ReadSubRefresh(ref ProtoReader reader, ref HubCommand command)
    {
        if (reader.Field == 3)
        {
            command.Type = (long)reader.Number;
        }

        return ReadToken(ref reader, ref command, field: 2);
    }

    private static bool ReadRpc(ref ProtoReader reader, ref HubCommand command)
    {
        if (reader.Field == 1)
        {
            command.Data = reader.Value;
        }
        else if (reader.Field == 2 && command.Method == HubMethod.Rpc)
        {
            command.Name = Text(reader.Value);
        }

        return true;
    }

    private static bool ReadChannel(ref ProtoReader reader, ref HubCommand command)
    {
        if (reader.Field == 1)
        {
            command.Channel = Text(reader.Value);
        }

        return true;
    }

    private static bool ReadToken(ref ProtoReader reader, ref HubCommand command, int field)
    {
        if (reader.Field == field)
        {
            command.Token = Text(reader.Value);
        }

        return true;
    }

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);
}
