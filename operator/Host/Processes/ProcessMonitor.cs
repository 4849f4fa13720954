using System.Collections.Concurrent;
using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Mooring.Operator.Host.Processes;

/// <summary>Starts children, reads their output and reaps them, all on one thread that polls pidfds and pipes.</summary>
/// <remarks>
/// One thread for all: a blocked thread for each child would be a hundred with fifty children, and .NET reads pipes on the pool's.
/// <see cref="Start"/> is for any thread. Output lines come on the monitor's thread, which must not be held up.
/// </remarks>
internal sealed class ProcessMonitor : IDisposable
{
    private const int ReadBytes = 16 * 1024;
    private const int FSetFlags = 4;
    private readonly TimeProvider _time;
    private readonly Action<string, string> _onLine;
    private readonly ConcurrentQueue<Watched> _started = new();
    private readonly List<Watched> _watched = [];
    private readonly int _wakeRead;
    private readonly int _wakeWrite;
    private readonly Thread _thread;
    private volatile bool _stop;

    /// <param name="onLine">Gets each child's name and each of its lines.</param>
    /// <param name="time">For the bound on lines per second.</param>
    public ProcessMonitor(Action<string, string> onLine, TimeProvider time)
    {
        (_onLine, _time) = (onLine, time);
        (_wakeRead, _wakeWrite) = OpenPipe();
        _thread = new Thread(Run) { IsBackground = true, Name = "children" };
        _thread.Start();
    }

    /// <summary>Starts a child.</summary>
    /// <exception cref="FileNotFoundException">There is no such program.</exception>
    /// <exception cref="IOException">The kernel refused.</exception>
    public ChildProcess Start(ProcessSpec spec)
    {
        var (read, write) = OpenPipe();
        try
        {
            var id = ProcessLauncher.Start(spec, write);
            var pidfd = Libc.PidfdOpen(id);
            if (pidfd < 0)
            {
                var error = Marshal.GetLastPInvokeError();
                _ = Libc.Kill(-id, Libc.SigKill);
                _ = Libc.WaitPid(id, out _, 0);
                throw new IOException($"pidfd_open: {new Win32Exception(error).Message}");
            }

            var child = new ChildProcess(id, pidfd);
            var lines = new LineSplitter(
                line =>
                {
                    child.Said(line);
                    _onLine(spec.Name, line);
                },
                _time
            );
            _started.Enqueue(new Watched(child, pidfd, read, lines));
            Wake();
            return child;
        }
        catch
        {
            _ = Libc.Close(read);
            throw;
        }
        finally
        {
            _ = Libc.Close(write);
        }
    }

    /// <summary>Ends the thread. Children that still run are left alone, unwatched: end them before.</summary>
    public void Dispose()
    {
        _stop = true;
        Wake();
        _thread.Join();
        _ = Libc.Close(_wakeRead);
        _ = Libc.Close(_wakeWrite);
        foreach (var watched in _watched.Concat(_started))
        {
            _ = Libc.Close(watched.Output);
        }
    }

    internal static unsafe (int Read, int Write) OpenPipe()
    {
        var both = stackalloc int[2];
        if (Libc.Pipe(both, Libc.OCloexec) < 0)
        {
            throw new IOException($"pipe2: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");
        }

        // Only our end: a child that finds its output non-blocking loses lines.
        _ = Libc.Fcntl(both[0], FSetFlags, Libc.ONonblock);
        return (both[0], both[1]);
    }

    private unsafe void Wake()
    {
        byte one = 1;
        _ = Libc.Write(_wakeWrite, &one, 1);
    }

    private unsafe void Run()
    {
        var entries = new Libc.PollEntry[1];
        var buffer = new byte[ReadBytes];
        while (!_stop)
        {
            while (_started.TryDequeue(out var started))
            {
                _watched.Add(started);
            }

            if (entries.Length != 1 + (2 * _watched.Count))
            {
                entries = new Libc.PollEntry[1 + (2 * _watched.Count)];
            }

            entries[0] = new Libc.PollEntry { Descriptor = _wakeRead, Events = Libc.PollIn };
            for (var i = 0; i < _watched.Count; i++)
            {
                entries[1 + (2 * i)] = new Libc.PollEntry { Descriptor = _watched[i].Pidfd, Events = Libc.PollIn };
                entries[2 + (2 * i)] = new Libc.PollEntry
                {
                    Descriptor = _watched[i].AtEnd ? -1 : _watched[i].Output,
                    Events = Libc.PollIn,
                };
            }

            fixed (Libc.PollEntry* first = entries)
            {
                if (Libc.Poll(first, (nuint)entries.Length, -1) < 0)
                {
                    continue;
                }
            }

            if (entries[0].Returned != 0)
            {
                ReadOnce(_wakeRead, buffer);
            }

            // Backwards, because the ended are taken out.
            for (var i = _watched.Count - 1; i >= 0; i--)
            {
                if (entries[2 + (2 * i)].Returned != 0)
                {
                    Take(_watched[i], ReadOnce(_watched[i].Output, buffer), buffer);
                }

                if (entries[1 + (2 * i)].Returned != 0)
                {
                    Finish(_watched[i], buffer);
                    _watched.RemoveAt(i);
                }
            }
        }
    }

    private static void Finish(Watched watched, byte[] buffer)
    {
        // A pipe holds 64 KiB: what the child wrote last is in there, and no one adds to it for ever, so four times that is plenty.
        for (var reads = 0; !watched.AtEnd && reads < 16; reads++)
        {
            var read = ReadOnce(watched.Output, buffer);
            if (read < 0)
            {
                break;
            }

            Take(watched, read, buffer);
        }

        watched.Lines.Flush();
        _ = Libc.Close(watched.Output);
        watched.Child.Reap();
    }

    private static void Take(Watched watched, int read, byte[] buffer)
    {
        if (read > 0)
        {
            watched.Lines.Add(buffer.AsSpan(0, read));
        }

        watched.AtEnd |= read == 0;
    }

    /// <summary>Returns the bytes read, 0 at the end, -1 when there is nothing.</summary>
    private static unsafe int ReadOnce(int descriptor, byte[] buffer)
    {
        fixed (byte* start = buffer)
        {
            return (int)Libc.Read(descriptor, start, (nuint)buffer.Length);
        }
    }

    private sealed class Watched(ChildProcess child, int pidfd, int output, LineSplitter lines)
    {
        public ChildProcess Child => child;

        public int Pidfd => pidfd;

        public int Output => output;

        public LineSplitter Lines => lines;

        public bool AtEnd { get; set; }
    }
}
