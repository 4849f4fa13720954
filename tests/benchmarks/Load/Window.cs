using System.Diagnostics;
using System.Globalization;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Load;

/// <summary>Divides a load's run into settling, measuring and the time after, and reads the server's CPU time at the seams.</summary>
internal sealed class Window(LoadRequest request)
{
    private readonly long _settled = Stopwatch.GetTimestamp() + Ticks(request.SettleMilliseconds);
    private long _start;
    private long _end;
    private CpuReading _atStart;
    private CpuReading _used;
    private long _packetsAtStart;
    private long _packets;

    /// <summary>What completes now counts.</summary>
    public bool Measuring { get; private set; }

    /// <summary>The load starts nothing new.</summary>
    public bool Over { get; private set; }

    /// <summary>Moves on to the next part when its time has come. Call it at least every few milliseconds.</summary>
    public void Advance(long now)
    {
        if (!Measuring && !Over && now >= _settled)
        {
            _packetsAtStart = LoopbackPackets();
            _atStart = CpuMeter.Read(request.Processes);
            _start = Stopwatch.GetTimestamp();
            Measuring = true;
        }
        else if (Measuring && now >= _start + Ticks(request.MeasureMilliseconds))
        {
            _used = CpuMeter.Read(request.Processes) - _atStart;
            _packets = LoopbackPackets() - _packetsAtStart;
            _end = Stopwatch.GetTimestamp();
            Measuring = false;
            Over = true;
        }
    }

    public LoadResult Result(long operations, long bytes, LatencyHistogram? latencies) =>
        new()
        {
            Operations = operations,
            Bytes = bytes,
            WallSeconds = Stopwatch.GetElapsedTime(_start, _end).TotalSeconds,
            CpuSeconds = _used.CpuNanoseconds / 1e9,
            WaitSeconds = _used.WaitNanoseconds / 1e9,
            Packets = _packets,
            P50 = (latencies?.Percentile(50) ?? 0) / 1e3,
            P99 = (latencies?.Percentile(99) ?? 0) / 1e3,
            P999 = (latencies?.Percentile(99.9) ?? 0) / 1e3,
        };

    private static long LoopbackPackets()
    {
        // "  lo: bytes packets errs drop fifo frame compressed multicast | bytes packets …": received, then sent. Of this network namespace,
        // which /sys need not be.
        var line = File.ReadLines("/proc/self/net/dev").First(line => line.AsSpan().TrimStart().StartsWith("lo:"));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[2], CultureInfo.InvariantCulture);
    }

    private static long Ticks(int milliseconds) => milliseconds * (Stopwatch.Frequency / 1000);
}
