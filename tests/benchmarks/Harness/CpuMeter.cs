using System.Globalization;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Harness;

/// <summary>On-CPU time of processes, in nanoseconds, and how long their threads waited for a CPU that others had.</summary>
/// <param name="CpuNanoseconds">User and kernel time of all threads, ended ones too.</param>
/// <param name="WaitNanoseconds">Time that threads were ready but not running: what the machine's other work took from them.</param>
internal readonly record struct CpuReading(long CpuNanoseconds, long WaitNanoseconds)
{
    public static CpuReading operator -(CpuReading left, CpuReading right) =>
        new(left.CpuNanoseconds - right.CpuNanoseconds, left.WaitNanoseconds - right.WaitNanoseconds);
}

internal static unsafe class CpuMeter
{
    /// <summary>Sum over the given processes.</summary>
    /// <exception cref="SocketFailureException">One of them is gone.</exception>
    public static CpuReading Read(ReadOnlySpan<int> processes)
    {
        var sum = default(CpuReading);
        foreach (var process in processes)
        {
            sum = new CpuReading(sum.CpuNanoseconds + Cpu(process), sum.WaitNanoseconds + Wait(process));
        }

        return sum;
    }

    private static long Cpu(int process)
    {
        // The CPU clock of another process, see clock_getcpuclockid(3). /proc/PID/stat counts in ticks of 10 ms, and the sum over
        // /proc/PID/task forgets threads that have ended.
        var clock = (~process << 3) | 2;
        var time = stackalloc long[2];
        return Libc.ClockGetTime(clock, time) == 0
            ? (time[0] * 1_000_000_000) + time[1]
            : throw new SocketFailureException($"CPU clock of process {process}");
    }

    private static long Wait(int process)
    {
        long sum = 0;
        foreach (var task in Directory.EnumerateDirectories($"/proc/{process}/task"))
        {
            try
            {
                // "on-CPU ns, run-queue wait ns, time slices"
                var fields = File.ReadAllText($"{task}/schedstat").Split(' ');
                sum += long.Parse(fields[1], CultureInfo.InvariantCulture);
            }
            catch (IOException)
            {
                // The thread has ended, or the kernel keeps no such statistics: only a warning depends on the figure.
            }
        }

        return sum;
    }
}
