using System.Diagnostics;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Tests;

public sealed class MeterTests
{
    [Fact]
    public void Read_BusyProcess_CountsWhatItUsed()
    {
        int[] self = [Environment.ProcessId];
        var before = CpuMeter.Read(self).CpuNanoseconds;
        var used = Process.GetCurrentProcess().TotalProcessorTime;
        while ((Process.GetCurrentProcess().TotalProcessorTime - used).TotalMilliseconds < 50)
        {
            // Work: the clock of the process must move as the system's own accounting does.
        }

        (CpuMeter.Read(self).CpuNanoseconds - before).ShouldBeGreaterThan(30_000_000);
    }

    [Fact]
    public void UserBytes_TouchedMemory_Shows()
    {
        int[] self = [Environment.ProcessId];
        var before = MemoryMeter.UserBytes(self);
        var block = GC.AllocateUninitializedArray<byte>(64 * 1024 * 1024, pinned: true);
        block.AsSpan().Fill(1);
        (MemoryMeter.UserBytes(self) - before).ShouldBeGreaterThan(48 * 1024 * 1024);
        GC.KeepAlive(block);
    }

    [Fact]
    public void Field_Kilobytes_AreBytes() => MemoryMeter.Field(["Cached: 1 kB", "Slab:           12 kB"], "Slab:").ShouldBe(12 * 1024);

    [Theory]
    [InlineData(new[] { 3.0, 1.0, 2.0 }, 2.0)]
    [InlineData(new[] { 4.0, 1.0, 2.0, 3.0 }, 2.5)]
    [InlineData(new double[0], double.NaN)]
    public void Median_Values_IsTheMiddle(double[] values, double expected) => Statistics.Median(values).ShouldBe(expected);
}
