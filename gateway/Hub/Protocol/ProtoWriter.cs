using System.Text;

namespace Mooring.Gateway.Hub.Protocol;

/// <summary>Writes one protobuf message. Fields with the default value are left out, as proto3 does.</summary>
internal struct ProtoWriter(int capacity)
{
    /// <summary>Room for a nested message's length: its size is not known when it begins.</summary>
    private const int LengthBytes = 5;

    private byte[] _buffer = new byte[Math.Max(16, capacity)];

    public const int UuidLength = 36;

    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Written => _buffer.AsSpan(0, Length);

    public readonly byte[] ToArray() => Written.ToArray();

    /// <summary>What was written, where the capacity was just that, without a copy. The writer is done with.</summary>
    public readonly byte[] Take() => Length == _buffer.Length ? _buffer : ToArray();

    public void Number(int field, ulong value)
    {
        if (value != 0)
        {
            Varint((ulong)field << 3);
            Varint(value);
        }
    }

    public void Flag(int field, bool value) => Number(field, value ? 1ul : 0);

    public void Text(int field, string value)
    {
        if (value.Length == 0)
        {
            return;
        }

        var size = Encoding.UTF8.GetByteCount(value);
        Header(field, size);
        Encoding.UTF8.GetBytes(value, _buffer.AsSpan(Length));
        Length += size;
    }

    public void Bytes(int field, ReadOnlySpan<byte> value)
    {
        if (!value.IsEmpty)
        {
            Header(field, value.Length);
            Raw(value);
        }
    }

    /// <summary>Begins a nested message, which is written even when nothing follows; give what it returns to <see cref="End"/>.</summary>
    public int Begin(int field)
    {
        Varint(((ulong)field << 3) | 2);
        Ensure(LengthBytes);
        Length += LengthBytes;
        return Length;
    }

    public void End(int start)
    {
        var size = Length - start;
        var header = VarintSize((ulong)size);
        // The room that its length did not need.
        _buffer.AsSpan(start, size).CopyTo(_buffer.AsSpan(start - LengthBytes + header));
        Length = start - LengthBytes;
        Varint((ulong)size);
        Length += size;
    }

    public void Raw(ReadOnlySpan<byte> bytes)
    {
        Ensure(bytes.Length);
        bytes.CopyTo(_buffer.AsSpan(Length));
        Length += bytes.Length;
    }

    public static int VarintSize(ulong value)
    {
        var size = 1;
        while ((value >>= 7) != 0)
        {
            size++;
        }

        return size;
    }

    public void Varint(ulong value)
    {
        Ensure(10);
        while (value >= 0x80)
        {
            _buffer[Length++] = (byte)(value | 0x80);
            value >>= 7;
        }

        _buffer[Length++] = (byte)value;
    }

    /// <summary>A UUID as text, of which there is one whatever its value.</summary>
    public void Text(int field, Guid value)
    {
        Header(field, UuidLength);
        value.TryFormat(_buffer.AsSpan(Length), out _);
        Length += UuidLength;
    }

    /// <summary>Of a field of text, bytes or a nested message, whose bytes come next. Field numbers up to 15 have a header of one byte and the length's.</summary>
    public void Header(int field, int size)
    {
        Varint(((ulong)field << 3) | 2);
        Varint((ulong)size);
        Ensure(size);
    }

    private void Ensure(int more)
    {
        if (_buffer.Length - Length < more)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, Length + more));
        }
    }
}
