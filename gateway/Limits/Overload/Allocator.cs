using System.Runtime.InteropServices;

namespace Mooring.Gateway.Limits.Overload;

/// <summary>The C library's allocator.</summary>
internal static partial class Allocator
{
    private static bool _missing;

    /// <summary>Gives the kernel back what was freed. True where something was. Thread-safe; takes milliseconds, for which allocating waits.</summary>
    /// <remarks>glibc's malloc_trim(3). Other C libraries do without.</remarks>
    public static bool Trim()
    {
        if (_missing)
        {
            return false;
        }

        try
        {
            return MallocTrim(0) != 0;
        }
        catch (EntryPointNotFoundException)
        {
            _missing = true;
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nuint keep);
}
