using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Million;

/// <summary>Memory in bytes at one moment.</summary>
/// <param name="Kernel">Slab, page tables, kernel stacks and socket buffers of the machine.</param>
/// <param name="Fleet">User memory of the operator, its gateways and its Redis.</param>
/// <param name="Clients">User memory of the processes of clients.</param>
internal readonly record struct MillionMemory(long Kernel, long Fleet, long Clients)
{
    public static MillionMemory Read(int[] fleet, int[] clients)
    {
        var lines = File.ReadAllLines("/proc/meminfo");
        return new MillionMemory(
            MemoryMeter.Field(lines, "Slab:")
                + MemoryMeter.Field(lines, "PageTables:")
                + MemoryMeter.Field(lines, "KernelStack:")
                + MemoryMeter.SocketBufferBytes(),
            MemoryMeter.UserBytes(fleet),
            MemoryMeter.UserBytes(clients)
        );
    }

    public static MillionMemory operator -(MillionMemory left, MillionMemory right) =>
        new(left.Kernel - right.Kernel, left.Fleet - right.Fleet, left.Clients - right.Clients);
}
