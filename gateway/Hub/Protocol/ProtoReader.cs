namespace Mooring.Gateway.Hub.Protocol;

/// <summary>Reads the fields of one protobuf message, in the order they were written. Unknown fields are the caller's to pass over.</summary>
internal ref struct ProtoReader(ReadOnlySpan<byte> message)
{
    private readonly ReadOnlySpan<byte> _message = message;
    private int _at;

    /// <summary>Number of the field that was read last.</summary>
    public int Field { get; private set; }

    /// <summary>Of a varint or fixed field.</summary>
    public ulong Number { get; private set; }

    /// <summary>Of a length-delimited field.</summary>
    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>Where <see cref="Value"/> begins in the message.</summary>
    public int ValueStart { get; private set; }

    /// <summary>The bytes are no protobuf message.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Reads the next field. False at the end, or when broken.</summary>
    public bool Next()
    {
        Value = default;
        Number = 0;
        if (_at >= _message.Length)
        {
            return false;
        }

        if (!TryVarint(_message, ref _at, out var tag) || tag >> 3 is 0 or > 536_870_911)
        {
            return Break();
        }

        Field = (int)(tag >> 3);
        switch (tag & 7)
        {
            case 0:
                if (!TryVarint(_message, ref _at, out var number))
                {
                    return Break();
                }

                Number = number;
                return true;
            case 1:
                return Skip(8);
            case 2:
                if (!TryVarint(_message, ref _at, out var length) || length > (ulong)(_message.Length - _at))
                {
                    return Break();
                }

                ValueStart = _at;
                Value = _message.Slice(_at, (int)length);
                _at += (int)length;
                return true;
            case 5:
                return Skip(4);
            default:
                return Break();
        }
    }

    /// <summary>Reads a varint of at most 10 bytes at <paramref name="at"/>, which moves behind it.</summary>
    public static bool TryVarint(ReadOnlySpan<byte> bytes, ref int at, out ulong value)
    {
        value = 0;
        for (var shift = 0; shift < 70; shift += 7)
        {
            if (at >= bytes.Length)
            {
                return false;
            }

            var one = bytes[at++];
            value |= shift == 63 ? (ulong)(one & 1) << 63 : (ulong)(one & 0x7F) << shift;
            if (one < 0x80)
            {
                return true;
            }
        }

        return false;
    }

    private bool Skip(int bytes)
    {
        if (_message.Length - _at < bytes)
        {
            return Break();
        }

        _at += bytes;
        return true;
    }

    private bool Break()
    {
        IsBroken = true;
        _at = _message.Length;
        return false;
    }
}
