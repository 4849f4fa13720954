using System.Buffers.Binary;

namespace Mooring.Gateway.Tunnels.Protocol;

/// <summary>Datagrams on a data connection: two bytes of length, four of the flow's number (one visitor's address and port), then the datagram. Big-endian.</summary>
internal static class DatagramFrame
{
    public const int HeaderBytes = 6;

    /// <summary>Greatest datagram of UDP over IPv4.</summary>
    public const int MaxBytes = 65_507;

    /// <summary>Flows of one port at a time.</summary>
    public const int MaxFlows = 4096;

    /// <summary>No visitor's: an empty frame of it asks the gateway for one like it. Gateways that do not know it say nothing.</summary>
    public const uint Beat = 0;

    /// <summary>Between two of them, which the client sends.</summary>
    public static readonly TimeSpan BeatInterval = TimeSpan.FromSeconds(2);

    /// <summary>Who has heard one, and then nothing for so long, takes the stream for dead: some gateway on its way may be paused.</summary>
    public static readonly TimeSpan SilentAfter = TimeSpan.FromSeconds(8);

    public static void WriteHeader(Span<byte> buffer, uint flow, int length)
    {
        BinaryPrimitives.WriteUInt16BigEndian(buffer, (ushort)length);
        BinaryPrimitives.WriteUInt32BigEndian(buffer[2..], flow);
    }
}

/// <summary>Reads <see cref="DatagramFrame"/>s off a stream. For one reader.</summary>
internal sealed class DatagramReader(Stream stream, ReadOnlyMemory<byte> first)
{
    private readonly byte[] _buffer = new byte[2 * (DatagramFrame.HeaderBytes + DatagramFrame.MaxBytes)];
    private int _start;
    private int _end = -1;

    /// <summary>The next datagram, good until the next call; null: the stream has ended.</summary>
    public async ValueTask<(uint Flow, ReadOnlyMemory<byte> Datagram)?> ReadAsync(CancellationToken cancellation)
    {
        if (_end < 0)
        {
            first.CopyTo(_buffer);
            _end = first.Length;
        }

        while (true)
        {
            var have = _end - _start;
            if (have >= DatagramFrame.HeaderBytes)
            {
                var length = BinaryPrimitives.ReadUInt16BigEndian(_buffer.AsSpan(_start));
                if (have >= DatagramFrame.HeaderBytes + length)
                {
                    var flow = BinaryPrimitives.ReadUInt32BigEndian(_buffer.AsSpan(_start + 2));
                    var datagram = _buffer.AsMemory(_start + DatagramFrame.HeaderBytes, length);
                    _start += DatagramFrame.HeaderBytes + length;
                    return (flow, datagram);
                }
            }

            if (_start > 0)
            {
                _buffer.AsSpan(_start, have).CopyTo(_buffer);
                (_start, _end) = (0, have);
            }

            var count = await stream.ReadAsync(_buffer.AsMemory(_end), cancellation);
            if (count == 0)
            {
                return null;
            }

            _end += count;
        }
    }
}
