using Mooring.Gateway.Limits.Overload;

namespace Mooring.Gateway.Tests.Limits.Overload;

public sealed class MemoryGaugeTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("memory-gauge");

    [Theory]
    [InlineData("/", "")]
    [InlineData("/kubepods/pod1", "kubepods/pod1/")]
    [InlineData("/kubepods/pod1", "")]
    public void Read_Version2_LeavesUnusedPageCacheOut(string group, string folder)
    {
        Write("proc/cgroup", $"0::{group}\n");
        Write($"cgroup/{folder}memory.current", "5000\n");
        Write($"cgroup/{folder}memory.max", "8000\n");
        Write($"cgroup/{folder}memory.stat", "anon 100\ninactive_file 700\nactive_file 50\n");
        Gauge().Read(0).ShouldBe(new MemoryReading(4300, 8000));

        Write($"cgroup/{folder}memory.max", "max\n");
        Gauge().Read(0).ShouldBe(new MemoryReading(4300, 0));
    }

    [Fact]
    public void Read_Version1_KnowsWhatNoLimitLooksLike()
    {
        Write("proc/cgroup", "5:cpu,cpuacct:/a\n4:memory:/a\n0::/\n");
        Write("cgroup/memory/a/memory.usage_in_bytes", "5000\n");
        Write("cgroup/memory/a/memory.limit_in_bytes", "8000\n");
        Write("cgroup/memory/a/memory.stat", "cache 900\ntotal_inactive_file 600\n");
        Gauge().Read(0).ShouldBe(new MemoryReading(4400, 8000));

        Write("cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
        Gauge().Read(0).ShouldBe(new MemoryReading(4400, 0));
    }

    [Fact]
    public void Read_ConfiguredLimit_IsAgainstTheResidentSet()
    {
        Write("proc/status", "Name:\tgateway\nVmRSS:\t    2048 kB\n");
        Gauge().Read(1 << 30).ShouldBe(new MemoryReading(2 << 20, 1 << 30));

        var own = new MemoryGauge("/sys/fs/cgroup", "/proc/self").Read(1 << 30).UsedBytes;
        own.ShouldBeInRange(10 << 20, Environment.WorkingSet * 2);
    }

    [Fact]
    public void Read_NothingThere_HasNoLimit() => Gauge().Read(0).ShouldBe(default);

    public void Dispose() => _folder.Delete(recursive: true);

    private MemoryGauge Gauge() => new($"{_folder.FullName}/cgroup", $"{_folder.FullName}/proc");

    private void Write(string name, string text)
    {
        var path = Path.Combine(_folder.FullName, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
