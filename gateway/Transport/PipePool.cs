namespace Mooring.Gateway.Transport;

/// <summary>Pipes for <c>splice</c>, which moves pages between sockets without copying them.</summary>
/// <remarks>
/// Made when first wanted, up to a cap, and given back as soon as they are empty. 1 MiB pipes cost half the CPU per byte of the
/// kernel's default of 64 KiB (measured); where the user's pipe budget refuses that size, the default serves. One pool per loop; not
/// thread-safe.
/// </remarks>
internal sealed unsafe class PipePool : IDisposable
{
    public const int PipeBytes = 1 << 20;

    private readonly Stack<int> _free = new();
    private readonly int _capacity;
    private Pipe[] _pipes;
    private int _made;

    /// <param name="capacity">Pipes at most.</param>
    public PipePool(int capacity) => (_capacity, _pipes) = (capacity, new Pipe[capacity + 1]);

    /// <summary>Pipes that exist.</summary>
    public int Open => _made - _vacant.Count;

    private readonly Stack<int> _vacant = new();

    /// <summary>An empty pipe's handle, from 1 on; 0 when all are in use or none can be made.</summary>
    public int Rent()
    {
        if (_free.TryPop(out var handle))
        {
            return handle;
        }

        if (Open >= _capacity)
        {
            return 0;
        }

        handle = Vacant();
        var ends = stackalloc int[2];
        if (Libc.Pipe(ends, SocketFlag.NonBlocking | SocketFlag.CloseOnExec) < 0)
        {
            _vacant.Push(handle);
            return 0;
        }

        _ = Libc.Control(ends[1], PipeFlag.SetSize, PipeBytes);
        _pipes[handle] = new Pipe { ReadEnd = ends[0], WriteEnd = ends[1] };
        return handle;
    }

    /// <summary>Takes in a pipe with bytes in it, made elsewhere, be it over the cap: those bytes have nowhere else to be.</summary>
    public int Adopt(int readEnd, int writeEnd, int filled)
    {
        var handle = Vacant();
        _pipes[handle] = new Pipe
        {
            ReadEnd = readEnd,
            WriteEnd = writeEnd,
            Filled = filled,
        };
        return handle;
    }

    public ref Pipe this[int handle] => ref _pipes[handle];

    /// <summary>Gives a pipe back; one with bytes left in it is closed instead, as they belong to a connection that is gone.</summary>
    public void Return(int handle)
    {
        ref var pipe = ref _pipes[handle];
        if (pipe.Filled == 0 && Open <= _capacity)
        {
            _free.Push(handle);
            return;
        }

        Close(ref pipe);
        _vacant.Push(handle);
    }

    public void Dispose()
    {
        foreach (ref var pipe in _pipes.AsSpan())
        {
            Close(ref pipe);
        }
    }

    private int Vacant()
    {
        if (_vacant.TryPop(out var handle))
        {
            return handle;
        }

        handle = ++_made;
        if (handle == _pipes.Length)
        {
            Array.Resize(ref _pipes, handle * 2);
        }

        return handle;
    }

    private static void Close(ref Pipe pipe)
    {
        if (pipe.WriteEnd != 0)
        {
            _ = Libc.Close(pipe.ReadEnd);
            _ = Libc.Close(pipe.WriteEnd);
        }

        pipe = default;
    }
}

internal struct Pipe
{
    public int ReadEnd;
    public int WriteEnd;

    /// <summary>Bytes in the pipe.</summary>
    public int Filled;
}
