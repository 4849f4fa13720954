// Hot path: every event. See tests/benchmarks.
using System.Runtime.InteropServices;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Listeners;

/// <summary>One loop's totals of each listener and each backend, written by the loop alone and read by anyone.</summary>
/// <remarks>Native and zeroed, so a page is taken only when a listener or backend with such an index counts something.</remarks>
internal sealed unsafe class LoopCounters
{
    /// <summary>Listener names, and backend names, that a process can have seen.</summary>
    public const int MaxNames = 4096;

    private readonly void* _listeners = NativeMemory.AllocZeroed(MaxNames + 1, (nuint)sizeof(ListenerTotals));
    private readonly void* _backends = NativeMemory.AllocZeroed(MaxNames + 1, (nuint)sizeof(TrafficTotals));

#pragma warning disable MA0055 // Whoever reads the totals may do so longer than the loop lives, so there is nobody to dispose of them.
    ~LoopCounters()
    {
        NativeMemory.Free(_listeners);
        NativeMemory.Free(_backends);
    }
#pragma warning restore MA0055

    public ListenerTotals* this[int listener] => (ListenerTotals*)Align(_listeners) + listener;

    public TrafficTotals* Backend(int backend) => (TrafficTotals*)Align(_backends) + backend;

    /// <summary>On a cache line of its own, each: loops must not take lines from each other.</summary>
    private static void* Align(void* memory) => (void*)(((nuint)memory + 63) & ~(nuint)63);
}

/// <summary>A listener's totals, and where its accepting stands.</summary>
[StructLayout(LayoutKind.Sequential, Size = TrafficTotals.Size + 64)]
internal struct ListenerTotals
{
    public TrafficTotals Traffic;

    /// <summary>Times that reading waited for a limit of bandwidth.</summary>
    public long Pauses;

    /// <summary>Connections that a turn right after <see cref="LastTurn"/> tries to accept.</summary>
    public int Batch;

    /// <summary>Turn in which connections were last waiting.</summary>
    public uint LastTurn;

    /// <summary>Connections accepted since the socket went to the end of the queue of those who wait for it.</summary>
    public int SinceRotation;

    /// <summary>Clients that are at their TLS handshake, or on their way to it.</summary>
    public int Securing;

    /// <summary>Those of <see cref="Securing"/> that hold an <c>SSL</c>.</summary>
    public int Handshakes;

    /// <summary>WebSocket messages, both directions.</summary>
    public long Messages;
}

/// <summary>What a loop counts of a listener, or of a backend. The first cache line is what each read touches.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal unsafe struct TrafficTotals
{
    /// <summary>A multiple of a cache line.</summary>
    public const int Size = 832;

    /// <summary>Reasons to close that there is room for.</summary>
    public const int MaxReasons = 32;

    /// <summary>Connections: accepted, or connected to an endpoint.</summary>
    public long Connections;

    /// <summary>Bytes from clients, or from the backend.</summary>
    public long Received;

    /// <summary>Bytes to clients, or to the backend.</summary>
    public long Sent;

    public DurationHistogram Connect;
    public DurationHistogram FirstByte;
    public DurationHistogram Session;
    public fixed long Closed[MaxReasons];
}
