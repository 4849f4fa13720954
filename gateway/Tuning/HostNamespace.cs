using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Mooring.Gateway.Tuning;

/// <summary>Runs work in the network namespace of the host, which a pod without hostNetwork is not in (setns(2)).</summary>
/// <remarks>Needs CAP_SYS_ADMIN, and the host's processes in sight (<c>hostPID</c>).</remarks>
internal static partial class HostNamespace
{
    private const int CloneNewNet = 0x40000000;

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
        using var handle = File.OpenHandle(path);
        if (SetNamespace((int)handle.DangerousGetHandle(), CloneNewNet) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(int descriptor, int kind);
}
