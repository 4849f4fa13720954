using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Telemetry.Geo;

/// <summary>A country database of the user's, read through libmaxminddb.</summary>
/// <remarks>
/// Held as a copy in memory: the library maps the file, and a file that is overwritten in place would end the process. Look-ups are
/// thread-safe; closing is for whoever knows that there are none any more.
/// </remarks>
internal sealed unsafe partial class GeoDatabase : IDisposable
{
    /// <summary>Largest database that is taken.</summary>
    public const long MaxBytes = 512L << 20;

    private void* _database;

    private GeoDatabase(void* database) => _database = database;

    /// <summary>Opens a database. Null, and why, where that is not possible; the library itself may be missing.</summary>
    public static GeoDatabase? TryOpen(string path, out string? error)
    {
        try
        {
            using var file = File.OpenRead(path);
            if (file.Length is 0 or > MaxBytes)
            {
                error = $"{path}: must have 1 to {MaxBytes} bytes";
                return null;
            }

            return Open(file, path, out error);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or DllNotFoundException or ArgumentException)
        {
            error = problem is DllNotFoundException ? "libmaxminddb.so.0 is missing (Debian package libmaxminddb0)" : problem.Message;
            return null;
        }
    }

    /// <summary>Two upper-case letters (ISO 3166-1) in the low and the high byte; 0: not known.</summary>
    public ushort CountryOf(NetworkAddress address)
    {
        var kernel = stackalloc byte[KernelAddress.MaxBytes];
        new Span<byte>(kernel, KernelAddress.MaxBytes).Clear();
        var bytes = new Span<byte>(kernel, KernelAddress.MaxBytes);
        var v4 = address.IsIPv4;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)(v4 ? SocketFlag.Inet : SocketFlag.Inet6));
        Span<byte> raw = stackalloc byte[16];
        MemoryMarshal.Write(raw, address);
        (v4 ? raw[12..] : raw).CopyTo(bytes[(v4 ? 4 : 8)..]);
        var error = 0;
        var result = MaxMind.Lookup(_database, kernel, &error);
        if (error != 0 || result.Found == 0)
        {
            return 0;
        }

        return Code(&result.Entry, "country\0"u8) is > 0 and var country ? country : Code(&result.Entry, "registered_country\0"u8);
    }

    public void Dispose()
    {
        if (_database != null)
        {
            MaxMind.Close(_database);
            NativeMemory.Free(_database);
            _database = null;
        }
    }

    private static GeoDatabase? Open(FileStream file, string path, out string? error)
    {
        var memory = CreateMemoryFile("geoip", 1);
        if (memory < 0)
        {
            error = $"{path}: memfd_create: {Errno.Describe(Marshal.GetLastPInvokeError())}";
            return null;
        }

        using var copy = new Microsoft.Win32.SafeHandles.SafeFileHandle(memory, ownsHandle: true);
        using (var target = new FileStream(copy, FileAccess.Write))
        {
            file.CopyTo(target);
            target.Flush();
            var database = NativeMemory.AllocZeroed(MaxMind.DatabaseBytes);
            var status = MaxMind.Open($"/proc/self/fd/{memory}", MaxMind.MapFile, database);
            if (status != 0)
            {
                NativeMemory.Free(database);
                error = $"{path}: not a MaxMind database (libmaxminddb error {status})";
                return null;
            }

            error = null;
            return new GeoDatabase(database);
        }
    }

    private static ushort Code(MaxMind.Entry* entry, ReadOnlySpan<byte> key)
    {
        var data = default(MaxMind.EntryData);
        fixed (byte* first = key)
        fixed (byte* second = "iso_code\0"u8)
        {
            var path = stackalloc byte*[] { first, second, null };
            if (MaxMind.GetValue(entry, &data, path) != 0 || data.HasData == 0 || data.Type != MaxMind.Utf8Text || data.Size != 2)
            {
                return 0;
            }
        }

        return char.IsAsciiLetterUpper((char)data.Text[0]) && char.IsAsciiLetterUpper((char)data.Text[1])
            ? (ushort)(data.Text[0] | (data.Text[1] << 8))
            : (ushort)0;
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int CreateMemoryFile(string name, uint flags);
}
