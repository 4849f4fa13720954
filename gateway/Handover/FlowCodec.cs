using Mooring.Gateway.Datagrams;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Handover;

/// <summary>UDP flows as bytes, in the form of <see cref="BatchForm"/>. Little-endian, fields in the order below. Pure.</summary>
internal static class FlowCodec
{
    /// <summary>Flows at most in one batch: their descriptors fit into one message.</summary>
    public const int MaxFlows = Contracts.Handover.HandoverLimits.MaxDescriptors / 2;

    private const FlowState Kept = FlowState.Confirmed | FlowState.Answered;

    /// <summary>What of a flow's state means something in another process.</summary>
    public static FlowState Keep(FlowState state) => state & Kept;

    public static byte[] Write(IReadOnlyList<FlowRecord> records) => BatchForm.Write(records, Write);

    /// <exception cref="InvalidDataException">Not of this form; names the flow and the field.</exception>
    public static IReadOnlyList<FlowRecord> Read(byte[] bytes) => BatchForm.Read(bytes, "flows", MaxFlows, ReadOne);

    private static void Write(BinaryWriter writer, FlowRecord record)
    {
        BatchForm.WritePlace(writer, record);
        BatchForm.Write(writer, record.Client);
        writer.Write(record.Port);
        writer.Write(record.Scope);
        BatchForm.Write(writer, record.Local);
        writer.Write(record.LastActive);
        writer.Write(record.Started);
        writer.Write(record.Received);
        writer.Write(record.Sent);
        writer.Write(record.Requests);
        writer.Write(record.Answers);
        writer.Write((byte)record.State);
    }

    private static FlowRecord ReadOne(BinaryReader reader)
    {
        var (listener, backend, endpoint, address) = BatchForm.ReadPlace(reader);
        var record = new FlowRecord
        {
            Listener = listener,
            Backend = backend,
            Endpoint = endpoint,
            EndpointAddress = address,
            Client = BatchForm.Value<NetworkAddress>(reader),
            Port = reader.ReadUInt16(),
            Scope = reader.ReadUInt32(),
            Local = BatchForm.Value<NetworkAddress>(reader),
            LastActive = reader.ReadUInt32(),
            Started = reader.ReadInt64(),
            Received = Count(reader, "received"),
            Sent = Count(reader, "sent"),
            Requests = Count(reader, "requests"),
            Answers = Count(reader, "answers"),
            State = (FlowState)reader.ReadByte(),
        };
        return Keep(record.State) == record.State ? record : throw new InvalidDataException($"state is {(int)record.State}");
    }

    private static long Count(BinaryReader reader, string field)
    {
        var count = reader.ReadInt64();
        return count >= 0 ? count : throw new InvalidDataException($"{field} is {count}");
    }
}
