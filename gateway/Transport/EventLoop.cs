// Hot path: every event. See tests/benchmarks.
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Mooring.Gateway.Transport;

/// <summary>One thread that waits on one epoll instance and runs what its descriptors have to do.</summary>
/// <remarks>
/// Everything a loop owns is touched by its thread alone; other threads reach it through <see cref="Post"/>. Sockets are registered
/// once, edge-triggered for both directions, so a connection's life has one <c>epoll_ctl</c> per socket. Descriptors are closed only at
/// the end of a turn: the rest of the batch may still name them, and a number used again within the batch would get their events.
/// </remarks>
internal abstract unsafe class EventLoop : IDisposable
{
    /// <summary>Events taken in one turn.</summary>
    private const int MaxEvents = 512;

    /// <summary>High half of an event's data: what the low half is. Connections are 0, so their data is the bare descriptor.</summary>
    private const ulong ListenerMark = 1ul << 32;
    private const ulong WakeupMark = 2ul << 32;

    private readonly ConcurrentQueue<Action> _commands = new();
    private readonly Thread _thread;
    private readonly int _epoll;
    private readonly int _wakeup;
    private readonly byte* _events;
    private readonly byte* _registration;
    private readonly Action<int> _onTimer;
    private readonly UnwatchedSockets _unwatched;
    private int[] _closing = new int[256];
    private int _closingCount;
    private int[] _queued = new int[64];
    private int[] _running = new int[64];
    private int _queuedCount;
    private int _wakeupPending;
    private volatile bool _stopping;
    private volatile bool _stopped;
    private long _wakeAt = long.MaxValue;

    protected EventLoop(string name, ChannelTable table, int pipes, int readBytes)
    {
        Table = table;
        ReadBytes = readBytes;
        ReadBuffer = (byte*)NativeMemory.AlignedAlloc((nuint)readBytes, 4096);
        Pending = new PendingPool(readBytes);
        Pipes = new PipePool(pipes);
        ReadClock();
        Timers = new TimerWheel(table, Tick);
        _onTimer = OnTimer;
        _unwatched = new UnwatchedSockets(name, AddWatch);
        _events = (byte*)NativeMemory.Alloc((nuint)(MaxEvents * EpollEvent.Size));
        _registration = (byte*)NativeMemory.Alloc((nuint)EpollEvent.Size);
        _epoll = Check(Libc.EpollCreate(Epoll.CloseOnExec), "epoll_create1");
        _wakeup = Check(Libc.EventFd(0, SocketFlag.NonBlocking | SocketFlag.CloseOnExec), "eventfd");
        EpollEvent.Write(_registration, Epoll.In | Epoll.EdgeTriggered, WakeupMark);
        Check(Libc.EpollCtl(_epoll, Epoll.Add, _wakeup, _registration), "epoll_ctl");
        _thread = new Thread(Run) { Name = name, IsBackground = true };
    }

    /// <summary>Microseconds since some moment before the process; taken once per turn.</summary>
    public long Now { get; private set; }

    /// <summary><see cref="Now"/> in the timers' unit; wraps around.</summary>
    public uint Tick { get; private set; }

    /// <summary>Number of the turn; wraps around.</summary>
    public uint Turn { get; private set; }

    public ChannelTable Table { get; }

    public TimerWheel Timers { get; }

    public PendingPool Pending { get; }

    public PipePool Pipes { get; }

    /// <summary>Every read of this loop goes here first; nothing may stay in it past the event that read it.</summary>
    public byte* ReadBuffer { get; }

    public int ReadBytes { get; }

    /// <summary>Sockets of listeners that the kernel does not watch at present, and how often it refused.</summary>
    public UnwatchedSockets Unwatched => _unwatched;

    /// <summary>Microseconds of the monotonic clock, which every loop and <see cref="Channel.Started"/> share.</summary>
    public static long Clock() => Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1_000_000);

    /// <summary>The caller is on the loop's thread.</summary>
    public bool IsCurrent => Thread.CurrentThread == _thread;

    public void Start() => _thread.Start();

    /// <summary>Runs <paramref name="command"/> on the loop's thread in its next turn; dropped when the loop has stopped. Thread-safe.</summary>
    public void Post(Action command)
    {
        _commands.Enqueue(command);
        Wake();
    }

    /// <summary>Makes the loop run <see cref="OnWoken"/> in its next turn. Thread-safe.</summary>
    public void Wake()
    {
        // One write wakes the loop for any number of commands.
        if (Interlocked.Exchange(ref _wakeupPending, 1) == 0)
        {
            ulong one = 1;
            _ = Libc.Write(_wakeup, &one, sizeof(ulong));
        }
    }

    /// <summary>As <see cref="Post"/>, and completes when the command has run; cancelled when the loop has stopped.</summary>
    public Task<T> InvokeAsync<T>(Func<T> command)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(() =>
        {
            try
            {
                done.TrySetResult(command());
            }
            catch (Exception error)
            {
                done.TrySetException(error);
            }
        });
        if (_stopped)
        {
            // It may have come too late for the loop's last look at the queue.
            done.TrySetCanceled();
        }

        return done.Task;
    }

    /// <summary>
    /// Watches a connection's socket for good. One that an earlier stage watches already is watched anew: what waits gives an event again.
    /// False when the kernel has no memory for it.
    /// </summary>
    public bool Register(int descriptor)
    {
        EpollEvent.Write(_registration, Epoll.In | Epoll.Out | Epoll.ReadHangUp | Epoll.EdgeTriggered, (uint)descriptor);
        return Libc.EpollCtl(_epoll, Epoll.Add, descriptor, _registration) == 0
            || (Libc.LastError == Errno.EEXIST && Libc.EpollCtl(_epoll, Epoll.Modify, descriptor, _registration) == 0);
    }

    /// <summary>Watches a socket for input alone, as UDP sockets are: one that can be written to again has nobody waiting for it.</summary>
    public bool RegisterInput(int descriptor, bool edge)
    {
        EpollEvent.Write(_registration, Epoll.In | (edge ? Epoll.EdgeTriggered : 0), (uint)descriptor);
        return Libc.EpollCtl(_epoll, Epoll.Add, descriptor, _registration) == 0;
    }

    /// <summary>Watches a connection's socket for input, or no more. Input that waits gives an event.</summary>
    public void WatchInput(int descriptor, bool watch)
    {
        var channel = Table[descriptor];
        channel->Flags = watch ? channel->Flags & ~ChannelFlags.Muted : channel->Flags | ChannelFlags.Muted;
        EpollEvent.Write(_registration, (watch ? Epoll.In : 0) | Epoll.Out | Epoll.ReadHangUp | Epoll.EdgeTriggered, (uint)descriptor);
        _ = Libc.EpollCtl(_epoll, Epoll.Modify, descriptor, _registration);
    }

    /// <summary>
    /// Watches a listening socket, level-triggered: what one turn leaves in its queue comes again. Exclusive: of all the loops and
    /// processes that watch it, one is woken per connection. False: the kernel refuses, and it is tried again until it is watched or
    /// <see cref="Unregister"/> is called.
    /// </summary>
    public bool RegisterListener(int descriptor, int listener) =>
        WatchForGood(descriptor, Epoll.In | Epoll.Exclusive, ListenerMark | (uint)listener);

    /// <summary>As <see cref="Wake"/>, each time that something is written to it; whoever hears it takes it out.</summary>
    public bool RegisterBell(int descriptor) => WatchForGood(descriptor, Epoll.In | Epoll.EdgeTriggered, WakeupMark);

    /// <summary>As <see cref="RegisterListener"/>, for a UDP socket that new clients come in by; its events are of the descriptor.</summary>
    public bool RegisterShard(int descriptor) => WatchForGood(descriptor, Epoll.In, (uint)descriptor);

    public void Unregister(int descriptor)
    {
        _ = Libc.EpollCtl(_epoll, Epoll.Delete, descriptor, _registration);
        if (_unwatched.Count > 0)
        {
            _unwatched.Remove(descriptor);
        }
    }

    /// <summary>Ends a channel at once, and closes its descriptor at the end of the turn.</summary>
    public void CloseLater(int descriptor)
    {
        var channel = Table[descriptor];
        // Or the next turn would serve whoever has the number by then, perhaps on another loop.
        Unqueue(descriptor);
        if (_unwatched.Count > 0)
        {
            _unwatched.Remove(descriptor);
        }

        channel->Kind = ChannelKind.None;
        channel->Flags = ChannelFlags.None;
        channel->Loop = 0;
        if (_closingCount == _closing.Length)
        {
            Array.Resize(ref _closing, _closingCount * 2);
        }

        _closing[_closingCount++] = descriptor;
    }

    /// <summary>Comes back to a channel in the next turn: it has more to do than one turn may give it.</summary>
    public void Queue(int descriptor)
    {
        var channel = Table[descriptor];
        if (channel->Has(ChannelFlags.Queued))
        {
            return;
        }

        channel->Flags |= ChannelFlags.Queued;
        if (_queuedCount == _queued.Length)
        {
            Array.Resize(ref _queued, _queuedCount * 2);
        }

        _queued[_queuedCount++] = descriptor;
    }

    /// <summary>Takes back <see cref="Queue"/>.</summary>
    public void Unqueue(int descriptor)
    {
        var channel = Table[descriptor];
        if (!channel->Has(ChannelFlags.Queued))
        {
            return;
        }

        channel->Flags &= ~ChannelFlags.Queued;
        var at = Array.IndexOf(_queued, descriptor, 0, _queuedCount);
        if (at >= 0)
        {
            _queued[at] = -1;
        }
    }

    /// <summary>Makes sure that a turn starts in about that many microseconds, whatever happens.</summary>
    public void WakeAfter(long microseconds) => _wakeAt = Math.Min(_wakeAt, Now + microseconds);

    /// <summary>Ends the loop's thread and waits for it. Descriptors that are still open are the derived class's to close before.</summary>
    public void Stop()
    {
        _stopping = true;
        Post(static () => { });
        if (_thread.IsAlive)
        {
            _thread.Join();
        }
    }

    public virtual void Dispose()
    {
        Stop();
        _ = Libc.Close(_epoll);
        _ = Libc.Close(_wakeup);
        Pending.Dispose();
        Pipes.Dispose();
        NativeMemory.AlignedFree(ReadBuffer);
        NativeMemory.Free(_events);
        NativeMemory.Free(_registration);
        GC.SuppressFinalize(this);
    }

    /// <summary>Another thread has something for the loop.</summary>
    protected virtual void OnWoken() { }

    /// <summary>A connection's socket is ready for something.</summary>
    protected abstract void OnEvent(int descriptor, uint events);

    /// <summary>A listening socket has connections waiting.</summary>
    protected abstract void OnAcceptable(int listener);

    /// <summary>A client's timer is due, and disarmed.</summary>
    protected abstract void OnTimer(int descriptor);

    /// <summary>The turn's events are done; descriptors are closed after this.</summary>
    protected abstract void OnTurnEnd();

    /// <summary>A command threw what it should not have: whoever posted it may wait in vain, and everybody else goes on.</summary>
    protected abstract void OnCommandFault(Exception error);

    /// <summary>Descriptors of this loop were closed.</summary>
    protected abstract void OnDescriptorsFreed(int count);

    private static int Check(int result, string call) =>
        result >= 0 ? result : throw new IOException($"{call}: {Errno.Describe(Libc.LastError)}");

    private void Run()
    {
        while (!_stopping)
        {
            var count = Libc.EpollWait(_epoll, _events, MaxEvents, Timeout());
            // -1 is EINTR: the arguments are ours and right.
            ReadClock();
            Turn++;
            if (Timers.Count == 0)
            {
                // Before anything is armed: a wheel that stood still for days would have to turn through them.
                Timers.Advance(Tick, _onTimer);
            }

            var woken = false;
            for (var i = 0; i < count; i++)
            {
                var at = _events + (i * EpollEvent.Size);
                var data = EpollEvent.Data(at);
                if (data >> 32 == 0)
                {
                    OnEvent((int)data, EpollEvent.Events(at));
                }
                else if ((data & ListenerMark) != 0)
                {
                    OnAcceptable((int)(uint)data);
                }
                else
                {
                    woken = true;
                }
            }

            RunQueued();
            Timers.Advance(Tick, _onTimer);
            if (woken)
            {
                RunCommands();
            }

            OnTurnEnd();
            CloseDescriptors();
            if (_unwatched.Count > 0)
            {
                _unwatched.Retry(Now);
                WakeAfter(UnwatchedSockets.RetryMicroseconds);
            }
        }

        _stopped = true;
        RunCommands();
        OnTurnEnd();
        CloseDescriptors();
    }

    private bool WatchForGood(int descriptor, uint events, ulong data)
    {
        var error = AddWatch(descriptor, events, data);
        if (error == Errno.EEXIST)
        {
            // Under another number perhaps.
            _ = Libc.EpollCtl(_epoll, Epoll.Delete, descriptor, _registration);
            error = AddWatch(descriptor, events, data);
        }

        if (error != 0)
        {
            _unwatched.Add(descriptor, events, data, error, Now);
            WakeAfter(UnwatchedSockets.RetryMicroseconds);
        }

        return error == 0;
    }

    private int AddWatch(int descriptor, uint events, ulong data)
    {
        EpollEvent.Write(_registration, events, data);
        return Libc.EpollCtl(_epoll, Epoll.Add, descriptor, _registration) == 0 ? 0 : Libc.LastError;
    }

    private void ReadClock()
    {
        Now = Clock();
        if (Now >= _wakeAt)
        {
            _wakeAt = long.MaxValue;
        }

        Tick = (uint)(Now / (TimerWheel.TickMilliseconds * 1000));
    }

    private int Timeout()
    {
        // What was ended while descriptors were closed waits for the next turn's end.
        if (_queuedCount > 0 || _closingCount > 0)
        {
            return 0;
        }

        var ticks = Timers.TicksToNext();
        var timeout = ticks < 0 ? -1 : ticks * TimerWheel.TickMilliseconds;
        if (_wakeAt == long.MaxValue)
        {
            return timeout;
        }

        var rest = (int)Math.Clamp((_wakeAt - Now) / 1000 + 1, 0, 1000);
        return timeout < 0 ? rest : Math.Min(timeout, rest);
    }

    private void RunQueued()
    {
        if (_queuedCount == 0)
        {
            return;
        }

        // What is queued while this runs waits for the next turn.
        (_queued, _running) = (_running, _queued);
        var count = _queuedCount;
        _queuedCount = 0;
        for (var i = 0; i < count; i++)
        {
            var descriptor = _running[i];
            if (descriptor >= 0 && Table[descriptor]->Has(ChannelFlags.Queued))
            {
                Table[descriptor]->Flags &= ~ChannelFlags.Queued;
                // As an end-of-stream event, so that the channel is read to its end rather than to a short read.
                OnEvent(descriptor, Epoll.In | Epoll.ReadHangUp);
            }
        }
    }

    private void RunCommands()
    {
        ulong count;
        _ = Libc.Read(_wakeup, &count, sizeof(ulong));
        // Cleared before the queue is looked at: a command that comes after that wakes the loop again.
        Volatile.Write(ref _wakeupPending, 0);
        Interlocked.MemoryBarrier();
        OnWoken();
        while (_commands.TryDequeue(out var command))
        {
            try
            {
                command();
            }
            catch (Exception error)
            {
                OnCommandFault(error);
            }
        }
    }

    private void CloseDescriptors()
    {
        if (_closingCount == 0)
        {
            return;
        }

        for (var i = 0; i < _closingCount; i++)
        {
            _ = Libc.Close(_closing[i]);
        }

        var closed = _closingCount;
        _closingCount = 0;
        OnDescriptorsFreed(closed);
    }
}
