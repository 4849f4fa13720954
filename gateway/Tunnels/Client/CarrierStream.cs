using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Tunnels.Client;

/// <summary>A connection on the <see cref="Carrier"/>'s loop, for as long as messages go over it. One may read while another writes.</summary>
internal sealed class CarrierStream(Carrier carrier, int descriptor) : Stream
{
    private readonly Lock _gate = new();
    private readonly Readiness _input = new();
    private readonly Readiness _output = new();
    private bool _gone;

    public int Descriptor => descriptor;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>What the loop has seen.</summary>
    public void Signal(uint events)
    {
        const uint Over = Epoll.ReadHangUp | Epoll.HangUp | Epoll.Error;
        if ((events & (Epoll.In | Over)) != 0)
        {
            _input.Set();
        }

        if ((events & (Epoll.Out | Over)) != 0)
        {
            _output.Set();
        }
    }

    /// <summary>Until it may be written to, which after a connect says that this is over.</summary>
    public Task WritableAsync(CancellationToken cancellation) => _output.WaitAsync(cancellation);

    /// <summary>Leaves the socket to the caller.</summary>
    /// <exception cref="IOException">It is closed.</exception>
    public int Detach()
    {
        lock (_gate)
        {
            return Leave() ? descriptor : throw new IOException("the connection is closed");
        }
    }

    /// <summary>The loop has ended, and closes it.</summary>
    public void Abandon()
    {
        lock (_gate)
        {
            _gone = true;
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (Receive(buffer.Span) is >= 0 and var count)
            {
                return count;
            }

            await _input.WaitAsync(cancellationToken);
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (buffer.Length > 0)
        {
            if (Send(buffer.Span) is > 0 and var count)
            {
                buffer = buffer[count..];
            }
            else
            {
                await _output.WaitAsync(cancellationToken);
            }
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        lock (_gate)
        {
            if (Leave())
            {
                carrier.Release(descriptor);
            }
        }

        // Whoever waits is told by the next call.
        _input.Set();
        _output.Set();
        base.Dispose(disposing);
    }

    private bool Leave()
    {
        var was = _gone;
        _gone = true;
        return !was;
    }

    /// <summary>-1: nothing for now.</summary>
    private unsafe int Receive(Span<byte> buffer)
    {
        // Held over the call, or the number might be another's by then.
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_gone, this);
            fixed (byte* bytes = buffer)
            {
                return Result((int)Libc.Receive(descriptor, bytes, (nuint)buffer.Length, 0));
            }
        }
    }

    private unsafe int Send(ReadOnlySpan<byte> buffer)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_gone, this);
            fixed (byte* bytes = buffer)
            {
                return Result((int)Libc.Send(descriptor, bytes, (nuint)buffer.Length, SocketFlag.NoSignal));
            }
        }
    }

    private static int Result(int count)
    {
        if (count >= 0)
        {
            return count;
        }

        var error = Libc.LastError;
        return error == Errno.EAGAIN ? -1 : throw new IOException(Errno.Describe(error));
    }

    /// <summary>Remembers that something has come until somebody waits for it. One may wait at a time.</summary>
    private sealed class Readiness
    {
        private readonly Lock _gate = new();
        private TaskCompletionSource? _waiter;
        private bool _set;

        public void Set()
        {
            lock (_gate)
            {
                _set = _waiter is null;
                _waiter?.TrySetResult();
                _waiter = null;
            }
        }

        public Task WaitAsync(CancellationToken cancellation)
        {
            lock (_gate)
            {
                if (_set)
                {
                    _set = false;
                    return Task.CompletedTask;
                }

                _waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                return _waiter.Task.WaitAsync(cancellation);
            }
        }
    }
}
