using System.Runtime.InteropServices;

namespace Mooring.Gateway.Tests.Transport.ProxyProtocol;

/// <summary>Memory that ends at a page nobody may read: reading one byte too many ends the process.</summary>
internal sealed unsafe partial class GuardedPage : IDisposable
{
    private const int Bytes = 8192;
    private const int Page = 4096;
    private readonly byte* _memory;

    public GuardedPage()
    {
        // PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS.
        _memory = (byte*)Map(0, Bytes + Page, 3, 0x22, -1, 0);
        Protect((nint)_memory + Bytes, Page, 0).ShouldBe(0);
    }

    /// <summary>Copies the bytes to the very end.</summary>
    public ReadOnlySpan<byte> Place(ReadOnlySpan<byte> bytes)
    {
        var target = new Span<byte>(_memory + Bytes - bytes.Length, bytes.Length);
        bytes.CopyTo(target);
        return target;
    }

    public void Dispose() => _ = Unmap((nint)_memory, Bytes + Page);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}
