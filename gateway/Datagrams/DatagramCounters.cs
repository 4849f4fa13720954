using System.Runtime.InteropServices;
using Mooring.Gateway.Listeners;

namespace Mooring.Gateway.Datagrams;

/// <summary>One loop's totals of the datagrams of each listener, written by the loop alone and read by anyone.</summary>
/// <remarks>Native and zeroed, so a page is taken only when a UDP listener with such an index counts something.</remarks>
internal sealed unsafe class DatagramCounters
{
    private readonly void* _memory = NativeMemory.AllocZeroed(LoopCounters.MaxNames + 1, (nuint)sizeof(DatagramTotals));

#pragma warning disable MA0055 // Whoever reads the totals may do so longer than the loop lives, so there is nobody to dispose of them.
    ~DatagramCounters() => NativeMemory.Free(_memory);
#pragma warning restore MA0055

    /// <summary>Each on cache lines of its own.</summary>
    public DatagramTotals* this[int listener] => (DatagramTotals*)(((nuint)_memory + 63) & ~(nuint)63) + listener;
}

[StructLayout(LayoutKind.Sequential, Size = 128)]
internal unsafe struct DatagramTotals
{
    /// <summary>Datagrams from clients.</summary>
    public long Received;

    /// <summary>Datagrams to clients.</summary>
    public long Sent;

    /// <summary>By <see cref="DropReason"/>.</summary>
    public fixed long Dropped[8];
}
