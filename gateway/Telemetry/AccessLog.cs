namespace Mooring.Gateway.Telemetry;

/// <summary>Carries ended connections from the loops to one thread that writes them.</summary>
/// <remarks>
/// Bounded: where the writer cannot keep up, records are dropped and counted, never waited for. <see cref="Offer"/> is for any thread;
/// it allocates nothing and, while the writer has work, makes no system call.
/// </remarks>
internal sealed class AccessLog : IDisposable
{
    private const int Capacity = 16_384;

    private readonly Lock _gate = new();
    private readonly AutoResetEvent _filled = new(false);
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
        bool first;
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

            first = _count == 0;
            _filling[_count++] = record;
        }

        if (first)
        {
            _filled.Set();
        }
    }

    /// <summary>Writes what has come, and ends the thread.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
        }

        _filled.Set();
        _thread.Join();
        _filled.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            _filled.WaitOne();
            bool stopping;
            int count;
            lock (_gate)
            {
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
