using System.Runtime.InteropServices;

namespace Mooring.Gateway.Telemetry.Geo;

/// <summary>libmaxminddb (Debian package libmaxminddb0), as far as a country needs it; maxminddb.h of 1.5 and later.</summary>
internal static unsafe partial class MaxMind
{
    public const uint MapFile = 1;
    public const uint Utf8Text = 2;

    /// <summary>More than <c>sizeof(MMDB_s)</c>, which is about 150 bytes.</summary>
    public const int DatabaseBytes = 1024;

    private const string Library = "libmaxminddb.so.0";

    [LibraryImport(Library, EntryPoint = "MMDB_open", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, uint flags, void* database);

    [LibraryImport(Library, EntryPoint = "MMDB_close")]
    public static partial void Close(void* database);

    [LibraryImport(Library, EntryPoint = "MMDB_lookup_sockaddr")]
    public static partial LookupResult Lookup(void* database, void* address, int* error);

    /// <param name="entry">Of a look-up.</param>
    /// <param name="data">What is there.</param>
    /// <param name="path">Keys as C strings; the last is null.</param>
    [LibraryImport(Library, EntryPoint = "MMDB_aget_value")]
    public static partial int GetValue(Entry* entry, EntryData* data, byte** path);

    /// <summary><c>MMDB_entry_s</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Entry
    {
        public nint Database;
        public uint Offset;
    }

    /// <summary><c>MMDB_lookup_result_s</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct LookupResult
    {
        public byte Found;
        public Entry Entry;
        public ushort MaskBits;
    }

    /// <summary><c>MMDB_entry_data_s</c>: its union holds a 128-bit integer, and so begins at 16.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 64)]
    public struct EntryData
    {
        [FieldOffset(0)]
        public byte HasData;

        [FieldOffset(44)]
        public uint Type;

        [FieldOffset(16)]
        public byte* Text;

        [FieldOffset(40)]
        public uint Size;
    }
}
