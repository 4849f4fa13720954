using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Load;

/// <summary>Bytes as fast as they come, from the backend to each client. Every byte is compared with what was asked for.</summary>
internal sealed unsafe class BulkLoad : IDisposable
{
    private const int ChunkBytes = 64 * 1024 * 1024;

    /// <summary>The next chunk is asked for while this much of the last is under way, so that the stream never stands still.</summary>
    private const int AskAhead = 16 * 1024 * 1024;

    private readonly Clients _clients;
    private readonly Window _window;
    private readonly byte* _buffer = (byte*)NativeMemory.Alloc(Pattern.MaxSlice);
    private readonly long[] _asked;
    private readonly long[] _received;
    private long _counted;

    private BulkLoad(LoadRequest request)
    {
        _clients = new Clients(request);
        _clients.ConnectAll();
        _window = new Window(request);
        _asked = new long[_clients.Count];
        _received = new long[_clients.Count];
    }

    public static LoadResult Run(LoadRequest request)
    {
        using var load = new BulkLoad(request);
        load.Transfer();
        return load._window.Result(0, load._counted, latencies: null);
    }

    public void Dispose()
    {
        _clients.Dispose();
        NativeMemory.Free(_buffer);
    }

    private void Transfer()
    {
        for (var i = 0; i < _clients.Count; i++)
        {
            Ask(i);
        }

        var watchdog = new Watchdog();
        for (var open = _clients.Count; open > 0; )
        {
            for (int at = 0, ready = _clients.Poller.Wait(100); at < ready; at++)
            {
                if ((_clients.Poller.Events(at) & ~Libc.EPOLLOUT) != 0 && Drain(_clients.Index(_clients.Poller.Descriptor(at))))
                {
                    open--;
                }
            }

            watchdog.Check("bulk bytes");
            watchdog.Progress(Stopwatch.GetTimestamp());
        }
    }

    /// <summary>Reads until nothing is left. Returns true at the end of the stream, after all that was asked for.</summary>
    private bool Drain(int index)
    {
        while (true)
        {
            var length = (int)_clients.Receive(index, _buffer, Pattern.MaxSlice);
            if (length < 0)
            {
                return Libc.Errno is Libc.EAGAIN or Libc.EINTR
                    ? false
                    : throw new LoadFailedException(new SocketFailureException($"recv on connection {index}").Message);
            }

            if (length == 0)
            {
                return _window.Over && _received[index] == _asked[index]
                    ? true
                    : throw new LoadFailedException($"connection {index} ended after {_received[index]} of {_asked[index]} bytes");
            }

            Take(index, length);
        }
    }

    private void Take(int index, int length)
    {
        if (!new ReadOnlySpan<byte>(_buffer, length).SequenceEqual(Pattern.At(_received[index], length)))
        {
            throw new LoadFailedException(
                $"connection {index}: wrong bytes between offset {_received[index]} and {_received[index] + length}"
            );
        }

        _received[index] += length;
        _window.Advance(Stopwatch.GetTimestamp());
        if (_window.Measuring)
        {
            _counted += length;
        }

        if (_received[index] > _asked[index])
        {
            throw new LoadFailedException($"connection {index}: {_received[index] - _asked[index]} bytes more than asked for");
        }

        if (!_window.Over && _asked[index] - _received[index] < AskAhead)
        {
            Ask(index);
        }
        else if (_window.Over && _received[index] == _asked[index])
        {
            // Half-close: the backend answers with its own end, and nothing may come before that.
            _clients.End(index);
        }
    }

    private void Ask(int index)
    {
        var request = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(new Span<byte>(request, sizeof(long)), ChunkBytes);
        if (_clients.Send(index, request, sizeof(long)) != sizeof(long))
        {
            throw new LoadFailedException(new SocketFailureException($"send on connection {index}").Message);
        }

        _asked[index] += ChunkBytes;
    }
}
