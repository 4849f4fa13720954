// Hot path: every event. See tests/benchmarks.
using System.Runtime.InteropServices;

namespace Mooring.Gateway.Listeners;

/// <summary>One loop's totals of each listener: a cache line each, written by the loop alone and read by anyone.</summary>
/// <remarks>Native and zeroed, so a page is taken only when a listener with such an index counts something.</remarks>
internal sealed unsafe class LoopCounters
{
    /// <summary>Listener names that a process can have seen.</summary>
    public const int MaxListeners = 4096;

    private readonly void* _memory = NativeMemory.AllocZeroed(MaxListeners + 1, (nuint)sizeof(ListenerTotals));

#pragma warning disable MA0055 // Whoever reads the totals may do so longer than the loop lives, so there is nobody to dispose of them.
    ~LoopCounters() => NativeMemory.Free(_memory);
#pragma warning restore MA0055

    /// <summary>Each on a cache line of its own: loops must not take lines from each other.</summary>
    public ListenerTotals* this[int listener] => (ListenerTotals*)(((nuint)_memory + 63) & ~(nuint)63) + listener;
}

[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct ListenerTotals
{
    public long Accepted;

    /// <summary>Bytes from clients.</summary>
    public long Received;

    /// <summary>Bytes from backends.</summary>
    public long Sent;

    /// <summary>Connections that a turn right after <see cref="LastTurn"/> tries to accept.</summary>
    public int Batch;

    /// <summary>Turn in which connections were last waiting.</summary>
    public uint LastTurn;

    /// <summary>Connections accepted since the socket went to the end of the queue of those who wait for it.</summary>
    public int SinceRotation;
}
