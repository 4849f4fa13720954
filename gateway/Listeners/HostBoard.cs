// Hot path: per turn and per batch of accepts, on hosts with several gateways. See tests/benchmarks.
using System.IO.MemoryMappedFiles;
using Mooring.Contracts.Handover;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>How many connections each gateway has that accepts from the same sockets as this one: memory that they share.</summary>
/// <remarks>Thread-safe. What is in it is others' word: it decides who accepts next, and for how long a connection waits at most, never whether it is served.</remarks>
internal sealed unsafe class HostBoard : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _memory;
    private readonly string _path;
    private bool _isOwed;

    private HostBoard(MemoryMappedFile file, string path)
    {
        (_file, _path) = (file, path);
        _view = file.CreateViewAccessor(0, HandoverBoard.Bytes);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _memory);
    }

    /// <summary>This gateway's slot.</summary>
    public int Own { get; private set; } = -1;

    /// <summary>Is written to by others that call this gateway; -1: they cannot.</summary>
    public int Bell { get; private set; } = -1;

    /// <summary>Slots from here on have never been used.</summary>
    public int Used => Math.Clamp(Volatile.Read(ref *(int*)_memory), 0, HandoverBoard.Slots);

    public ref Slot this[int index] => ref *(Slot*)(_memory + (HandoverBoard.SlotBytes * (index + 1)));

    /// <summary>Takes a slot; null: there is no such file, or none free.</summary>
    /// <param name="handoverPath">Path of the Unix socket by which the listening sockets come.</param>
    /// <param name="process">Id of this process.</param>
    public static HostBoard? TryOpen(string handoverPath, int process)
    {
        var path = HandoverBoard.PathOf(handoverPath);
        try
        {
            if (new FileInfo(path) is not { Exists: true, Length: HandoverBoard.Bytes })
            {
                return null;
            }

            var board = new HostBoard(MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, HandoverBoard.Bytes), path);
            if (board.TryTake(process))
            {
                return board;
            }

            board.Dispose();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It is gone: so is the owner of the sockets.
        }

        return null;
    }

    /// <summary>Wakes a gateway.</summary>
    public void Call(int slot)
    {
        if (Interlocked.Exchange(ref this[slot].Called, 1) != 0)
        {
            return;
        }

        var bell = Libc.Open(HandoverBoard.BellOf(_path, slot), SocketFlag.WriteOnly | SocketFlag.NonBlocking | SocketFlag.CloseOnExec);
        if (bell >= 0)
        {
            byte ring = 1;
            _ = Libc.Write(bell, &ring, 1);
            _ = Libc.Close(bell);
        }
    }

    /// <summary>Whether somebody has called since this was asked last. For one thread.</summary>
    public bool IsCalled()
    {
        var called = Volatile.Read(ref this[Own].Called) != 0;
        if (called || _isOwed)
        {
            Volatile.Write(ref this[Own].Called, 0);
            var rings = stackalloc byte[64];
            // The caller may be between its word and its ring.
            _isOwed = Libc.Read(Bell, rings, 64) <= 0;
        }

        return called;
    }

    public void Dispose()
    {
        if (Own >= 0)
        {
            File.Delete(HandoverBoard.BellOf(_path, Own));
            _ = Bell < 0 ? 0 : Libc.Close(Bell);
            ref var slot = ref this[Own];
            Volatile.Write(ref slot.Accepting, 0);
            Volatile.Write(ref slot.Open, 0);
            Volatile.Write(ref slot.Process, 0);
        }

        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    private bool TryTake(int process)
    {
        for (var i = 0; i < HandoverBoard.Slots; i++)
        {
            ref var slot = ref this[i];
            var owner = Volatile.Read(ref slot.Process);
            if (owner != 0 && owner != process && Directory.Exists($"/proc/{owner}"))
            {
                continue;
            }

            if (Interlocked.CompareExchange(ref slot.Process, process, owner) == owner)
            {
                Volatile.Write(ref slot.Accepting, 0);
                Volatile.Write(ref slot.Open, 0);
                Volatile.Write(ref slot.Called, 0);
                var bell = HandoverBoard.BellOf(_path, i);
                File.Delete(bell);
                // Both ways, so that it does not end when a caller closes its end.
                Bell =
                    Libc.MakeFifo(bell, 0x180) == 0
                        ? Libc.Open(bell, SocketFlag.ReadWrite | SocketFlag.NonBlocking | SocketFlag.CloseOnExec)
                        : -1;
                for (var used = Used; used <= i; used = Used)
                {
                    Interlocked.CompareExchange(ref *(int*)_memory, i + 1, used);
                }

                Own = i;
                return true;
            }
        }

        return false;
    }

    /// <summary>What one gateway tells the others.</summary>
    public struct Slot
    {
        /// <summary>0: nobody has it.</summary>
        public int Process;

        /// <summary>Its open connections.</summary>
        public int Open;

        /// <summary>Loops of it that accept.</summary>
        public int Accepting;

        /// <summary>Connections that it has accepted.</summary>
        public int Accepted;

        /// <summary>1: it was called, and has not looked yet.</summary>
        public int Called;
    }
}
