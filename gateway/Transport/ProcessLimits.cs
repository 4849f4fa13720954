namespace Mooring.Gateway.Transport;

/// <summary>The process's cap on open descriptors.</summary>
internal static unsafe class ProcessLimits
{
    private const int OpenFiles = 7;

    /// <summary>Descriptors kept for everything that is no connection: the runtime, logs, the stream, pipes, the admin side.</summary>
    public const int ReservedDescriptors = 256;

    /// <summary>Raises the soft limit to the hard one, and returns what is in force then.</summary>
    public static long RaiseOpenFiles()
    {
        var limits = stackalloc ulong[2];
        if (Libc.GetLimit(OpenFiles, limits) < 0)
        {
            return 1024;
        }

        if (limits[0] < limits[1])
        {
            var raised = stackalloc ulong[] { limits[1], limits[1] };
            if (Libc.SetLimit(OpenFiles, raised) == 0)
            {
                limits[0] = limits[1];
            }
        }

        return (long)Math.Min(limits[0], int.MaxValue);
    }

    /// <summary>The soft limit in force now, which others may change (prlimit(1)).</summary>
    public static long OpenFilesNow()
    {
        var limits = stackalloc ulong[2];
        return Libc.GetLimit(OpenFiles, limits) < 0 ? int.MaxValue : (long)Math.Min(limits[0], int.MaxValue);
    }

    /// <summary>Connections that <paramref name="openFiles"/> descriptors allow: a proxied one needs two.</summary>
    /// <param name="openFiles">RLIMIT_NOFILE.</param>
    /// <param name="each">Descriptors of one connection.</param>
    public static int ConnectionsFor(long openFiles, int each = 2) =>
        (int)Math.Clamp((openFiles - ReservedDescriptors) / each, 1, 10_000_000);
}
