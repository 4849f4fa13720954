using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.Handover;

/// <summary>Connections as bytes. Each has its length in front, so that a later version may add fields at the end. Pure.</summary>
/// <remarks>
/// Little-endian, fields in the order below. The reader comes from the same user's process, but perhaps from an older or newer program: it
/// checks every value and reads nothing beyond a record's end.
/// </remarks>
internal static class RecordCodec
{
    /// <summary>Connections at most in one batch: with their pipes, six descriptors each, they may be fewer.</summary>
    public const int MaxConnections = 64;

    /// <summary>Bytes at most that wait in one direction of a connection that is handed over; more has to be written first.</summary>
    public const int MaxPending = 512 * 1024;

    /// <summary>A batch is closed when it has this many bytes.</summary>
    public const int FullBatch = 256 * 1024;

    /// <summary>A batch at most: the last connection may bring <see cref="MaxPending"/> each way, and 64 KiB are more than all else of it.</summary>
    public const int MaxBatch = FullBatch + (2 * MaxPending) + (64 * 1024);

    private const ChannelFlags Kept =
        ChannelFlags.ReadEnded | ChannelFlags.ReadPaused | ChannelFlags.ShutdownAfterFlush | ChannelFlags.Bulk | ChannelFlags.WriteEnded;

    /// <summary>What of a channel's flags means something in another process.</summary>
    public static ChannelFlags Keep(ChannelFlags flags) => flags & Kept;

    /// <summary>Bytes that a connection takes of a batch.</summary>
    public static int SizeOf(ConnectionRecord record) => BatchForm.SizeOf(record, Write);

    public static byte[] Write(IReadOnlyList<ConnectionRecord> records) => BatchForm.Write(records, Write);

    /// <exception cref="InvalidDataException">Not of this form; names the connection and the field.</exception>
    public static IReadOnlyList<ConnectionRecord> Read(byte[] bytes) => BatchForm.Read(bytes, "connections", MaxConnections, ReadOne);

    private static void Write(BinaryWriter writer, ConnectionRecord record)
    {
        BatchForm.WritePlace(writer, record);
        writer.Write(record.Frames is not null);
        writer.Write(record.Frames ?? []);
        BatchForm.Write(writer, record.Address);
        writer.Write(record.Port);
        writer.Write(record.LastActive);
        writer.Write(record.TimerDeadline is not null);
        writer.Write(record.TimerDeadline ?? 0);
        writer.Write(record.NoDelay);
        Write(writer, record.Client);
        Write(writer, record.Upstream);
        writer.Write(record.Proxy is not null);
        if (record.Proxy is { } proxy)
        {
            BatchForm.Write(writer, proxy.Sender);
            writer.Write(proxy.SenderPort);
            writer.Write(proxy.Destination is not null);
            BatchForm.Write(writer, proxy.Destination ?? default);
            writer.Write(proxy.DestinationPort);
            writer.Write((ushort)proxy.Header.Length);
            writer.Write(proxy.Header);
        }

        writer.Write(record.Bandwidth is not null);
        writer.Write(record.Bandwidth?.Receive ?? 0);
        writer.Write(record.Bandwidth?.Send ?? 0);
        writer.Write(record.Identity is not null);
        writer.Write(record.Identity?.User ?? 0);
        writer.Write(record.Identity?.Device ?? 0);
        writer.Write((byte)record.ServerName.Length);
        writer.Write(record.ServerName);
        writer.Write(record.Messages is not null);
        writer.Write(record.Messages?.Bucket ?? 0);
        writer.Write(record.Messages?.Bytes ?? 0);
    }

    private static void Write(BinaryWriter writer, SideRecord side)
    {
        writer.Write((ushort)side.Flags);
        writer.Write(side.Started);
        writer.Write(side.Received);
        writer.Write(side.PipeBytes);
        writer.Write(side.Pending.Length);
        writer.Write(side.Pending);
    }

    private static ConnectionRecord ReadOne(BinaryReader reader)
    {
        var (listener, backend, endpoint, address) = BatchForm.ReadPlace(reader);
        var frames = reader.ReadBoolean() ? Frames(reader) : null;
        var client = BatchForm.Value<NetworkAddress>(reader);
        var port = reader.ReadUInt16();
        var active = reader.ReadUInt32();
        var armed = reader.ReadBoolean();
        var deadline = reader.ReadUInt32();
        return new ConnectionRecord
        {
            Listener = listener,
            Backend = backend,
            Endpoint = endpoint,
            EndpointAddress = address,
            Frames = frames,
            Address = client,
            Port = port,
            LastActive = active,
            TimerDeadline = armed ? deadline : null,
            NoDelay = reader.ReadBoolean(),
            Client = Side(reader, "client"),
            Upstream = Side(reader, "upstream"),
            Proxy = reader.ReadBoolean() ? Proxy(reader) : null,
            Bandwidth = Bandwidth(reader),
            Identity = Identity(reader),
            ServerName = ServerName(reader),
            Messages = Messages(reader),
        };
    }

    /// <summary>Not there in what an older program wrote.</summary>
    private static (ulong User, ulong Device)? Identity(BinaryReader reader)
    {
        if (reader.BaseStream.Position == reader.BaseStream.Length)
        {
            return null;
        }

        var (has, user, device) = (reader.ReadBoolean(), reader.ReadUInt64(), reader.ReadUInt64());
        return has ? (user, device) : null;
    }

    /// <summary>Not there in what an older program wrote.</summary>
    private static byte[] ServerName(BinaryReader reader) =>
        reader.BaseStream.Position == reader.BaseStream.Length ? [] : BatchForm.Bytes(reader, reader.ReadByte());

    /// <summary>Not there in what an older program wrote.</summary>
    private static (long Bucket, ulong Bytes)? Messages(BinaryReader reader)
    {
        if (reader.BaseStream.Position == reader.BaseStream.Length)
        {
            return null;
        }

        var (has, bucket, bytes) = (reader.ReadBoolean(), reader.ReadInt64(), reader.ReadUInt64());
        return has ? (bucket, Math.Min(bytes, ulong.MaxValue / 2)) : null;
    }

    private static (long Receive, long Send)? Bandwidth(BinaryReader reader)
    {
        var (has, receive, send) = (reader.ReadBoolean(), reader.ReadInt64(), reader.ReadInt64());
        return has ? (receive, send) : null;
    }

    private static ProxyRecord Proxy(BinaryReader reader)
    {
        var (sender, port) = (BatchForm.Value<NetworkAddress>(reader), reader.ReadUInt16());
        var known = reader.ReadBoolean();
        var (destination, destinationPort) = (BatchForm.Value<NetworkAddress>(reader), reader.ReadUInt16());
        var header = BatchForm.Bytes(reader, reader.ReadUInt16());
        if (header.Length > 0 && !ProxySide.TryParse(header, out _))
        {
            throw new InvalidDataException("proxy.header is no PROXY header");
        }

        return new ProxyRecord(sender, port, known ? destination : null, destinationPort, header);
    }

    private static SideRecord Side(BinaryReader reader, string name)
    {
        var flags = (ChannelFlags)reader.ReadUInt16();
        var started = reader.ReadInt64();
        var received = reader.ReadInt64();
        var pipe = reader.ReadInt32();
        var pending = reader.ReadInt32();
        if ((flags & ~Kept) != ChannelFlags.None || received < 0)
        {
            throw new InvalidDataException($"{name} has flags {(int)flags} and {received} bytes received");
        }

        if (pipe is < 0 or > PipePool.PipeBytes || pending is < 0 or > MaxPending || (pipe > 0 && pending > 0))
        {
            throw new InvalidDataException($"{name} has {pipe} bytes in a pipe and {pending} in a buffer");
        }

        return new SideRecord
        {
            Flags = flags,
            Started = started,
            Received = received,
            PipeBytes = pipe,
            Pending = BatchForm.Bytes(reader, pending),
        };
    }

    private static byte[] Frames(BinaryReader reader)
    {
        var bytes = BatchForm.Bytes(reader, 2 * FrameTracker.SavedBytes);
        FrameTracker.Restore(bytes);
        FrameTracker.Restore(bytes.AsSpan(FrameTracker.SavedBytes));
        return bytes;
    }
}
