using System.Runtime.InteropServices;

namespace Mooring.Benchmarks.Sockets;

/// <summary>A system call failed in a way that ends the run; the message has the call and errno's text.</summary>
internal sealed class SocketFailureException(string call, int errno)
    : Exception($"{call}: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})")
{
    public SocketFailureException(string call)
        : this(call, Libc.Errno) { }
}
