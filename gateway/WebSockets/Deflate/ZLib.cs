using System.Runtime.InteropServices;

namespace Mooring.Gateway.WebSockets.Deflate;

/// <summary>zlib's stream calls, as the .NET runtime carries them for System.IO.Compression, whose classes know no window size and no reset.</summary>
/// <remarks>
/// The runtime's library (zlib-ng) and not Debian's libz: it is in every image and on every host where the gateway runs at all, and twice as
/// fast. Its exports are no public contract, so a test holds them to what is expected; global.json pins the runtime. Meanings are zlib.h's.
/// </remarks>
internal static unsafe partial class ZLib
{
    private const string Library = "libSystem.IO.Compression.Native";

    public const int Ok = 0;
    public const int StreamEnd = 1;
    public const int MemoryError = -4;
    public const int BufferError = -5;

    public const int SyncFlush = 2;

    /// <summary>As <see cref="SyncFlush"/>, and what follows refers to nothing before.</summary>
    public const int FullFlush = 3;

    public const int Deflated = 8;

    [LibraryImport(Library, EntryPoint = "CompressionNative_DeflateInit2_")]
    public static partial int DeflateInit(Stream* stream, int level, int method, int windowBits, int memoryLevel, int strategy);

    [LibraryImport(Library, EntryPoint = "CompressionNative_Deflate")]
    public static partial int Deflate(Stream* stream, int flush);

    [LibraryImport(Library, EntryPoint = "CompressionNative_DeflateEnd")]
    public static partial int DeflateEnd(Stream* stream);

    [LibraryImport(Library, EntryPoint = "CompressionNative_InflateInit2_")]
    public static partial int InflateInit(Stream* stream, int windowBits);

    [LibraryImport(Library, EntryPoint = "CompressionNative_Inflate")]
    public static partial int Inflate(Stream* stream, int flush);

    [LibraryImport(Library, EntryPoint = "CompressionNative_InflateReset2_")]
    public static partial int InflateReset(Stream* stream, int windowBits);

    [LibraryImport(Library, EntryPoint = "CompressionNative_InflateEnd")]
    public static partial int InflateEnd(Stream* stream);

    [StructLayout(LayoutKind.Sequential)]
    public struct Stream
    {
        public byte* NextIn;
        public byte* NextOut;
        public nint Message;
        public nint State;
        public uint AvailableIn;
        public uint AvailableOut;
    }
}
