namespace Mooring.Gateway.Hub.Resp;

/// <summary>Which of a Redis Cluster's 16,384 slots a key is in. Pure. https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/</summary>
internal static class KeySlot
{
    public const int Count = 16_384;

    /// <summary>CRC16/XMODEM, polynomial 0x1021.</summary>
    private static readonly ushort[] Table = Build();

    /// <summary>0 to 16,383: of what stands between the first <c>{</c> and the next <c>}</c> where that is not empty, else of the whole key.</summary>
    public static int Of(ReadOnlySpan<byte> key)
    {
        var open = key.IndexOf((byte)'{');
        if (open >= 0)
        {
            var length = key[(open + 1)..].IndexOf((byte)'}');
            if (length > 0)
            {
                key = key.Slice(open + 1, length);
            }
        }

        return Crc16(key) & (Count - 1);
    }

    internal static ushort Crc16(ReadOnlySpan<byte> bytes)
    {
        ushort crc = 0;
        foreach (var one in bytes)
        {
            crc = (ushort)((crc << 8) ^ Table[((crc >> 8) ^ one) & 0xFF]);
        }

        return crc;
    }

    private static ushort[] Build()
    {
        var table = new ushort[256];
        for (var i = 0; i < 256; i++)
        {
            var crc = (ushort)(i << 8);
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (ushort)((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
            }

            table[i] = crc;
        }

        return table;
    }
}
