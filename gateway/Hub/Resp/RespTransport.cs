namespace Mooring.Gateway.Hub.Resp;

/// <summary>Who gets what comes over a <see cref="RespTransport"/>; called by one thread at a time.</summary>
internal interface IRespReceiver
{
    /// <summary>One value.</summary>
    /// <exception cref="RespException">It has no place here; ends the connection.</exception>
    void Receive(in RespValue value);

    /// <summary>All that had come has been given; what is worth collecting may be passed on now.</summary>
    void ReceivedAll();

    /// <summary>Nothing comes any more, and nothing goes. Called once.</summary>
    void End(string why);
}

/// <summary>One life of a connection: what is written goes out in one piece per turn, what comes is taken apart.</summary>
/// <remarks>Thread-safe. No task or buffer for sending exists while nothing is to be sent.</remarks>
internal sealed class RespTransport : IAsyncDisposable
{
    private const int ReadBytes = 64 * 1024;
    private const int KeptBytes = 256 * 1024;

    private readonly Lock _gate = new();
    private readonly Stream _stream;
    private readonly RespLimits _limits;
    private readonly RespCounters _counters;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource<string> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private byte[] _pending = [];
    private int _pendingLength;
    private byte[] _spare = [];
    private int _sending;
    private bool _isWriting;
    private string? _why;
    private long _lastReceived;
    private Task _reading = Task.CompletedTask;

    public RespTransport(Stream stream, RespServer server, RespLimits limits, RespCounters counters, TimeProvider time)
    {
        _stream = stream;
        Server = server;
        _limits = limits;
        _counters = counters;
        _time = time;
        _lastReceived = time.GetTimestamp();
    }

    /// <summary>What the server said of itself.</summary>
    public RespServer Server { get; }

    /// <summary>Completes with why, once it has ended.</summary>
    public Task<string> Ended => _ended.Task;

    /// <summary>Timestamp of the last byte from the server.</summary>
    public long LastReceived => Volatile.Read(ref _lastReceived);

    /// <summary>Since the last byte from the server.</summary>
    public TimeSpan Silence => _time.GetElapsedTime(LastReceived);

    /// <summary>Bytes that wait to be sent.</summary>
    public int Unsent
    {
        get
        {
            lock (_gate)
            {
                return _pendingLength + _sending;
            }
        }
    }

    /// <summary>Begins to read.</summary>
    public void Start(IRespReceiver receiver) => _reading = Task.Run(() => ReadAsync(receiver));

    /// <summary>Queues bytes to be sent in this order. Null: done; else why not, and then nothing of them is.</summary>
    public string? Write(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            if (_why is not null)
            {
                return _why;
            }

            // One that is larger than the limit by itself goes when it is alone.
            if (_pendingLength + _sending > 0 && _pendingLength + _sending + (long)bytes.Length > _limits.MaxUnsent)
            {
                return $"{_pendingLength + _sending} bytes wait to be sent";
            }

            if (_pendingLength + bytes.Length > _pending.Length)
            {
                Array.Resize(ref _pending, Math.Max(_pendingLength + bytes.Length, Math.Max(4096, _pending.Length * 2)));
            }

            bytes.CopyTo(_pending.AsSpan(_pendingLength));
            _pendingLength += bytes.Length;
            if (_isWriting)
            {
                return null;
            }

            _isWriting = true;
        }

        // Not here: what else the caller writes in this turn goes along.
        if (RespTurn.Current is { } turn)
        {
            turn.Add(this);
        }
        else
        {
            _ = Task.Run(WriteAsync);
        }

        return null;
    }

    /// <summary>Sends what was written, for <see cref="RespTurn"/>: at once as far as the socket takes it.</summary>
    public void Send() => _ = WriteAsync();

    /// <summary>Ends it; the first reason counts.</summary>
    public void Abort(string why)
    {
        lock (_gate)
        {
            if (_why is not null)
            {
                return;
            }

            _why = why;
            (_pending, _pendingLength) = ([], 0);
        }

        _ = _stop.CancelAsync();
        _ended.TrySetResult(why);
    }

    public async ValueTask DisposeAsync()
    {
        Abort("closed");
        await _stream.DisposeAsync();
        await _reading;
        _stop.Dispose();
    }

    private async Task WriteAsync()
    {
        try
        {
            while (true)
            {
                byte[] bytes;
                int length;
                lock (_gate)
                {
                    if (_pendingLength == 0 || _why is not null)
                    {
                        (_isWriting, _sending) = (false, 0);
                        return;
                    }

                    (bytes, length) = (_pending, _pendingLength);
                    (_pending, _pendingLength, _sending) = (_spare, 0, length);
                }

                await _stream.WriteAsync(bytes.AsMemory(0, length), _stop.Token);
                _counters.CountSent(length);
                _spare = bytes.Length <= KeptBytes ? bytes : [];
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
        {
            Abort(RespDialer.Reason(e));
        }
    }

    private async Task ReadAsync(IRespReceiver receiver)
    {
        try
        {
            var reader = new RespReader(_limits);
            var buffer = new byte[ReadBytes];
            while (true)
            {
                var count = await _stream.ReadAsync(buffer, _stop.Token);
                if (count == 0)
                {
                    Abort("the server has closed the connection");
                    break;
                }

                _counters.CountReceived(count);
                Volatile.Write(ref _lastReceived, _time.GetTimestamp());
                Take(reader, buffer.AsSpan(0, count), receiver);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            Abort(RespDialer.Reason(e));
        }

        receiver.End(_why ?? "ended");
    }

    private static void Take(RespReader reader, ReadOnlySpan<byte> bytes, IRespReceiver receiver)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[reader.Read(bytes, out var value, out var isWhole)..];
            if (isWhole)
            {
                receiver.Receive(in value);
            }
        }

        receiver.ReceivedAll();
    }
}
