using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Mooring.Gateway.Tuning;

/// <summary>Runs work in the network namespace of the host, which a pod without hostNetwork is not in (setns(2)).</summary>
/// <remarks>Needs CAP_SYS_ADMIN, and the host's processes in sight (<c>hostPID</c>).</remarks>
internal static partial class HostNamespace
{
    private const int CloneNewNet = 0x40000000;
    private const string OfInit = "/proc/1/ns/net";
    private const string OfKernelThreads = "/proc/2/ns/net";

    /// <summary>Runs <paramref name="work"/> on a thread of its own that has entered the namespace, and ends with it.</summary>
    /// <param name="path">Such as <c>/proc/1/ns/net</c>; null: stay where we are.</param>
    /// <param name="work">Reads and writes; must not await.</param>
    /// <exception cref="Win32Exception">The namespace cannot be entered.</exception>
    public static Task<T> RunAsync<T>(string? path, Func<T> work) =>
        Task.Factory.StartNew(
            () =>
            {
                if (path is not null)
                {
                    Enter(path);
                }

                return work();
            },
            CancellationToken.None,
            // A pool's thread would take the namespace to whatever runs on it next.
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default
        );

    private static void Enter(string path)
    {
        using var handle = Open(path);
        if (SetNamespace((int)handle.DangerousGetHandle(), CloneNewNet) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    // Some hosts let nobody look at their init; the kernel's own threads are in the initial namespace as well.
    private static SafeFileHandle Open(string path)
    {
        try
        {
            return File.OpenHandle(path);
        }
        catch (UnauthorizedAccessException) when (path == OfInit && IsKernelThread())
        {
            return File.OpenHandle(OfKernelThreads);
        }
    }

    private static bool IsKernelThread()
    {
        try
        {
            return File.ReadAllText("/proc/2/comm").Trim() == "kthreadd";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(int descriptor, int kind);
}
