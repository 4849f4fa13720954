namespace Mooring.Benchmarks.Sockets;

/// <summary>The bytes that bulk transfers carry: a fixed stream with a prime period, so that a lost, doubled or swapped chunk shows.</summary>
/// <remarks>Both ends know the stream, and so compare at the speed of memory. Immutable and thread-safe.</remarks>
internal static class Pattern
{
    /// <summary>Most bytes that one look at the stream gives.</summary>
    public const int MaxSlice = 256 * 1024;

    // Prime, and near no power of two: buffers and pipes are multiples of 4 KiB, so no whole number of them is a period.
    private const int Period = 65_521;

    private static readonly byte[] Bytes = Create();

    /// <summary>The next <paramref name="length"/> bytes at <paramref name="offset"/> of the endless stream; at most <see cref="MaxSlice"/>.</summary>
    public static ReadOnlySpan<byte> At(long offset, int length) => Bytes.AsSpan((int)(offset % Period), Math.Min(length, MaxSlice));

    private static byte[] Create()
    {
        var bytes = GC.AllocateUninitializedArray<byte>(Period + MaxSlice, pinned: true);
        new Random(0x4d6f6f72).NextBytes(bytes.AsSpan(0, Period));
        for (var i = Period; i < bytes.Length; i++)
        {
            bytes[i] = bytes[i - Period];
        }

        return bytes;
    }
}
