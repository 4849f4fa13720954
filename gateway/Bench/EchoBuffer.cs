using System.Buffers;
using System.Net.Sockets;

namespace Mooring.Gateway.Bench;

/// <summary>Receive buffer of one connection that is given back while the connection is idle. Not thread-safe.</summary>
internal sealed class EchoBuffer : IDisposable
{
    private const int Bytes = 16 * 1024;
    private byte[]? _bytes;
    private int _start;
    private int _end;

    /// <summary>What was received and not consumed.</summary>
    public Memory<byte> Data => _bytes is null ? default : _bytes.AsMemory(_start, _end - _start);

    /// <summary>The first bytes of <see cref="Data"/> are done with.</summary>
    public void Consume(int count)
    {
        _start += count;
        if (_start == _end)
        {
            Dispose();
        }
    }

    /// <summary>Adds to <see cref="Data"/> and returns what was added: empty at the end of the stream, or when the buffer is full.</summary>
    public async ValueTask<Memory<byte>> ReceiveAsync(Socket socket, CancellationToken cancellation)
    {
        await socket.WaitForDataAsync(cancellation);
        if (_bytes is null)
        {
            _bytes = ArrayPool<byte>.Shared.Rent(Bytes);
        }
        else if (_start > 0)
        {
            Data.CopyTo(_bytes);
            (_start, _end) = (0, _end - _start);
        }

        var received = await socket.ReceiveAsync(_bytes.AsMemory(_end), SocketFlags.None, cancellation);
        _end += received;
        return _bytes.AsMemory(_end - received, received);
    }

    public void Dispose()
    {
        if (_bytes is not null)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = null;
        }

        _start = _end = 0;
    }
}
