using System.Net;
using System.Runtime.InteropServices;
using System.Text;

namespace Mooring.Gateway.Handover;

/// <summary>The form that all batches share: a count, then each record with its length in front. Pure.</summary>
internal static class BatchForm
{
    private const int MaxName = 253;

    public static byte[] Write<T>(IReadOnlyList<T> records, Action<BinaryWriter, T> write)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream, Encoding.UTF8);
        writer.Write((ushort)records.Count);
        foreach (var record in records)
        {
            writer.Write(SizeOf(record, write) - sizeof(int));
            write(writer, record);
        }

        writer.Flush();
        return stream.ToArray();
    }

    /// <summary>Bytes of a record in a batch, with its length in front: counted by writing it nowhere, so no field can be forgotten.</summary>
    public static int SizeOf<T>(T record, Action<BinaryWriter, T> write)
    {
        using var counter = new ByteCounter();
        using var writer = new BinaryWriter(counter, Encoding.UTF8);
        write(writer, record);
        writer.Flush();
        return sizeof(int) + (int)counter.Length;
    }

    /// <param name="bytes">The batch.</param>
    /// <param name="what">What it is of, for the error.</param>
    /// <param name="most">Records at most.</param>
    /// <param name="read">Reads one; what is left of its bytes is a newer version's.</param>
    /// <exception cref="InvalidDataException">Not of this form; names the record and the field.</exception>
    public static IReadOnlyList<T> Read<T>(byte[] bytes, string what, int most, Func<BinaryReader, T> read)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes, writable: false), Encoding.UTF8);
        var at = -1;
        try
        {
            var count = reader.ReadUInt16();
            var records = new List<T>(Math.Min((int)count, most));
            for (at = 0; at < count; at++)
            {
                var length = reader.ReadInt32();
                if (at >= most || length < 0 || length > reader.BaseStream.Length - reader.BaseStream.Position)
                {
                    throw new InvalidDataException($"length {length} is beyond the batch, or there are more than {most}");
                }

                using var part = new BinaryReader(
                    new MemoryStream(bytes, (int)reader.BaseStream.Position, length, writable: false),
                    Encoding.UTF8
                );
                records.Add(read(part));
                reader.BaseStream.Position += length;
            }

            return records;
        }
        catch (Exception problem) when (problem is IOException or InvalidDataException or FormatException)
        {
            throw new InvalidDataException($"batch of {what}, [{at}]: {problem.Message}", problem);
        }
    }

    public static void WritePlace(BinaryWriter writer, MovedRecord record)
    {
        writer.Write(record.Listener);
        writer.Write(record.Backend);
        writer.Write(record.Endpoint);
        writer.Write(record.EndpointAddress.ToString());
    }

    public static (string Listener, string Backend, string Endpoint, IPEndPoint Address) ReadPlace(BinaryReader reader)
    {
        var (listener, backend, endpoint) = (Name(reader, "listener"), Name(reader, "backend"), Name(reader, "endpoint"));
        var address = IPEndPoint.TryParse(Name(reader, "endpointAddress"), out var parsed)
            ? parsed
            : throw new InvalidDataException("endpointAddress is no address and port");
        return (listener.Length > 0 ? listener : throw new InvalidDataException("listener is empty"), backend, endpoint, address);
    }

    public static void Write<T>(BinaryWriter writer, T value)
        where T : unmanaged => writer.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

    public static unsafe T Value<T>(BinaryReader reader)
        where T : unmanaged => MemoryMarshal.Read<T>(Bytes(reader, sizeof(T)));

    public static byte[] Bytes(BinaryReader reader, int count)
    {
        var bytes = reader.ReadBytes(count);
        return bytes.Length == count ? bytes : throw new EndOfStreamException();
    }

    private static string Name(BinaryReader reader, string field)
    {
        var text = reader.ReadString();
        return text.Length <= MaxName ? text : throw new InvalidDataException($"{field} is longer than {MaxName} characters");
    }
}
