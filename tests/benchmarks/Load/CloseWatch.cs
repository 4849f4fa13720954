using System.Buffers.Binary;
using System.Diagnostics;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Load;

/// <summary>Open WebSockets whose server closes them: counts the codes, and how many came within a second.</summary>
internal static unsafe class CloseWatch
{
    private const int BufferBytes = 4096;

    public static LoadResult Run(Clients clients)
    {
        var codes = new Dictionary<int, int>();
        var times = new List<long>(clients.Count);
        var watchdog = new Watchdog();
        var buffer = new byte[BufferBytes];
        while (times.Count < clients.Count)
        {
            for (int at = 0, ready = clients.Poller.Wait(100); at < ready; at++)
            {
                var index = clients.Index(clients.Poller.Descriptor(at));
                if ((clients.Poller.Events(at) & ~Libc.EPOLLOUT) == 0 || clients.Descriptor(index) < 0)
                {
                    continue;
                }

                nint count;
                fixed (byte* bytes = buffer)
                {
                    count = clients.Receive(index, bytes, BufferBytes);
                }

                if (count < 0 && Libc.Errno is Libc.EAGAIN or Libc.EINTR)
                {
                    continue;
                }

                var code = CodeOf(buffer.AsSpan(0, (int)Math.Max(0, count)));
                if (code == 0 && count > 0)
                {
                    continue;
                }

                Answer(clients, index, code);
                clients.Close(index);
                codes[code] = codes.GetValueOrDefault(code) + 1;
                times.Add(Stopwatch.GetTimestamp());
                watchdog.Progress(times[^1]);
            }

            watchdog.Check($"{clients.Count - times.Count} connections to be closed");
        }

        return new LoadResult
        {
            Operations = times.Count,
            WallSeconds = Stopwatch.GetElapsedTime(times[0], times[^1]).TotalSeconds,
            Closes = codes,
            MostPerSecond = MostWithin(times, Stopwatch.Frequency),
        };
    }

    /// <summary>The most of them within any span of that length; they are in order.</summary>
    internal static int MostWithin(IReadOnlyList<long> times, long span)
    {
        var (most, from) = (0, 0);
        for (var to = 0; to < times.Count; to++)
        {
            while (times[to] - times[from] >= span)
            {
                from++;
            }

            most = Math.Max(most, to - from + 1);
        }

        return most;
    }

    /// <summary>Code of the close frame among what came; 0: there is none.</summary>
    private static int CodeOf(ReadOnlySpan<byte> bytes)
    {
        while (WebSocketFrames.TryRead(ref bytes, out var first, out var payload))
        {
            if (first == WebSocketFrames.Close)
            {
                return payload.Length >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(payload) : 1005;
            }
        }

        return 0;
    }

    private static void Answer(Clients clients, int index, int code)
    {
        if (code is 0 or 1005)
        {
            return;
        }

        var frame = stackalloc byte[WebSocketFrames.MaxHead + 2];
        var payload = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(new Span<byte>(payload, 2), (ushort)code);
        var length = WebSocketFrames.Write(
            new Span<byte>(frame, WebSocketFrames.MaxHead + 2),
            WebSocketFrames.Close,
            new ReadOnlySpan<byte>(payload, 2),
            0x3c5a_7e91
        );
        // Whether it is taken is the server's business by now.
        _ = clients.Send(index, frame, length);
    }
}
