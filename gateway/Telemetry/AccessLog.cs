namespace Mooring.Gateway.Telemetry;

/// <summary>Carries ended connections from the loops to one thread that writes them.</summary>
/// <remarks>
/// Bounded: where the writer cannot keep up, records are dropped and counted, never waited for. <see cref="Offer"/> is for any thread;
/// it allocates nothing and makes no system call but once per batch. A batch is what comes within 10 ms: a thread that woke for each
/// record would cost a short connection a quarter of its CPU in wake-ups (measured).
/// </remarks>
internal sealed class AccessLog : IDisposable
{
    private const int Capacity = 16_384;

    /// <summary>With this many the writer does not wait for more.</summary>
    private const int FullBatch = Capacity / 2;

    private static readonly TimeSpan BatchTime = TimeSpan.FromMilliseconds(10);

    private readonly Lock _gate = new();
    private readonly AutoResetEvent _filled = new(false);
    private readonly ManualResetEventSlim _full = new(false, spinCount: 0);
    private readonly Action<ReadOnlySpan<AccessRecord>> _write;
    private readonly Thread _thread;
    private AccessRecord[] _filling = new AccessRecord[64];
    private AccessRecord[] _writing = new AccessRecord[64];
    private int _count;
    private bool _stopping;
    private long _dropped;

    /// <param name="write">Called on the log's own thread with one record or more; must not throw.</param>
    public AccessLog(Action<ReadOnlySpan<AccessRecord>> write)
    {
        _write = write;
        _thread = new Thread(Run) { Name = "access-log", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Records that were lost.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    public void Offer(in AccessRecord record)
    {
        int count;
        lock (_gate)
        {
            if (_count == Capacity)
            {
                _dropped++;
                return;
            }

            if (_count == _filling.Length)
            {
                Array.Resize(ref _filling, Math.Min(_count * 4, Capacity));
            }

            _filling[_count++] = record;
            count = _count;
        }

        if (count == 1)
        {
            _filled.Set();
        }
        else if (count == FullBatch)
        {
            _full.Set();
        }
    }

    /// <summary>Writes what has come, and ends the thread.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
        }

        _full.Set();
        _filled.Set();
        _thread.Join();
        _filled.Dispose();
        _full.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            _filled.WaitOne();
            _full.Wait(BatchTime);
            bool stopping;
            int count;
            lock (_gate)
            {
                if (!_stopping)
                {
                    _full.Reset();
                }

                (_filling, _writing) = (_writing, _filling);
                count = _count;
                _count = 0;
                stopping = _stopping;
            }

            if (count > 0)
            {
                _write(_writing.AsSpan(0, count));
                // Or an idle gateway would keep listeners and endpoints alive that are gone.
                Array.Clear(_writing, 0, count);
            }

            if (stopping)
            {
                return;
            }
        }
    }
}
