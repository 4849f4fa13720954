using System.Buffers.Binary;
using System.Buffers.Text;
using System.Text;
using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Hub.Broker;

/// <summary>What comes over a channel of Redis. Pure.</summary>
internal readonly record struct BrokerMessage
{
    /// <summary>Bytes before the payload of a message without history.</summary>
    public const int PlainHead = 17;

    private const int MaxEpoch = 32;

    public BrokerMessageKind Kind { get; private init; }

    /// <summary>Of a publication with history.</summary>
    public StreamPosition Position { get; private init; }

    /// <summary>Of one without: who sent it, and which of his it is.</summary>
    public (ulong Sender, ulong Number) Sent { get; private init; }

    public ReadOnlyMemory<byte> Payload { get; private init; }

    /// <summary><c>n</c>, sender, number: the head of a message without history.</summary>
    public static byte[] Plain(ulong sender, ulong number, ReadOnlySpan<byte> payload)
    {
        var bytes = new byte[PlainHead + payload.Length];
        bytes[0] = (byte)'n';
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(1), sender);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(9), number);
        payload.CopyTo(bytes.AsSpan(PlainHead));
        return bytes;
    }

    /// <summary><c>j</c> or <c>l</c>, and who.</summary>
    public static byte[] Presence(bool joined, ReadOnlySpan<byte> info) => [joined ? (byte)'j' : (byte)'l', .. info];

    /// <summary>Null: none of ours.</summary>
    public static BrokerMessage? Read(ReadOnlyMemory<byte> bytes)
    {
        var span = bytes.Span;
        switch (span.IsEmpty ? 0 : span[0])
        {
            case (byte)'p':
                return Publication(bytes);
            case (byte)'n' when span.Length >= PlainHead:
                return new BrokerMessage
                {
                    Kind = BrokerMessageKind.Plain,
                    Sent = (BinaryPrimitives.ReadUInt64BigEndian(span[1..]), BinaryPrimitives.ReadUInt64BigEndian(span[9..])),
                    Payload = bytes[PlainHead..],
                };
            case (byte)'j':
                return new BrokerMessage { Kind = BrokerMessageKind.Joined, Payload = bytes[1..] };
            case (byte)'l':
                return new BrokerMessage { Kind = BrokerMessageKind.Left, Payload = bytes[1..] };
            case (byte)'q' when span.Length == 1:
                return new BrokerMessage { Kind = BrokerMessageKind.Work };
            default:
                return null;
        }
    }

    /// <summary><c>p</c>, offset, colon, epoch, colon, payload.</summary>
    private static BrokerMessage? Publication(ReadOnlyMemory<byte> bytes)
    {
        var span = bytes.Span[1..];
        if (!Utf8Parser.TryParse(span, out ulong offset, out var digits) || digits >= span.Length || span[digits] != ':')
        {
            return null;
        }

        var rest = span[(digits + 1)..];
        var end = rest[..Math.Min(rest.Length, MaxEpoch + 1)].IndexOf((byte)':');
        return end <= 0
            ? null
            : new BrokerMessage
            {
                Kind = BrokerMessageKind.Publication,
                Position = new StreamPosition(offset, Encoding.ASCII.GetString(rest[..end])),
                Payload = bytes[(1 + digits + 1 + end + 1)..],
            };
    }
}

/// <summary>Kinds of <see cref="BrokerMessage"/>.</summary>
internal enum BrokerMessageKind : byte
{
    Publication,

    /// <summary>A publication without history.</summary>
    Plain,

    Joined,
    Left,

    /// <summary>The queue of that name may have something.</summary>
    Work,
}
