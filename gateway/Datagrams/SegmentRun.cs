namespace Mooring.Gateway.Datagrams;

/// <summary>Gathers datagrams that one message can carry as a bundle: all of one size, the last one perhaps shorter. Pure.</summary>
/// <remarks>Documentation/networking: UDP_SEGMENT. The kernel cuts the message every <see cref="Segment"/> bytes, and sends the rest as the last.</remarks>
internal struct SegmentRun
{
    /// <summary>UDP_MAX_SEGMENTS before Linux 6.9; more since.</summary>
    public const int MaxSegments = 64;

    /// <summary>Of one message: what fits in an IPv4 packet.</summary>
    public const int MaxBytes = 65_507;

    private bool _closed;

    /// <summary>Bytes of each datagram but the last.</summary>
    public int Segment { get; private set; }

    /// <summary>Datagrams.</summary>
    public int Count { get; private set; }

    public int Bytes { get; private set; }

    /// <summary>Adds what was received as one message. False, changing nothing, where it must go in another run.</summary>
    /// <param name="length">Its bytes.</param>
    /// <param name="segment">Bytes of each of its datagrams but the last; 0 where it is one datagram.</param>
    public bool TryAdd(int length, int segment)
    {
        var size = segment > 0 ? Math.Min(segment, length) : length;
        var count = CountOf(length, segment);
        if (Count == 0)
        {
            (Segment, Count, Bytes) = (size, count, length);
            _closed = length == 0 || length % size != 0;
            return true;
        }

        // One that is shorter can only be the last, and so cannot be a bundle.
        if (_closed || length == 0 || size > Segment || (size < Segment && count > 1))
        {
            return false;
        }

        if (Count + count > MaxSegments || Bytes + length > MaxBytes)
        {
            return false;
        }

        Count += count;
        Bytes += length;
        _closed = length % Segment != 0;
        return true;
    }

    /// <summary>Datagrams in a received message.</summary>
    public static int CountOf(int length, int segment) => segment > 0 && length > segment ? (length + segment - 1) / segment : 1;
}
