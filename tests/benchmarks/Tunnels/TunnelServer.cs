using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.Load;

namespace Mooring.Benchmarks.Tunnels;

/// <summary>A way from public ports to services behind two processes.</summary>
internal abstract class TunnelServer(string name) : ServerUnderTest(name)
{
    /// <summary>Tunnels opened in a second, several at a time; null where there is nothing to open.</summary>
    public abstract Task<double?> OpenedPerSecondAsync(TimeSpan during, LoadProcess load, CancellationToken cancellation);

    protected static string NewDirectory(string name) => Directory.CreateTempSubdirectory($"mooring-bench-{name}-").FullName;

    /// <summary>Stops what was started of it, after a failure.</summary>
    protected static async Task StopAsync(IEnumerable<ChildProcess> processes, string directory)
    {
        foreach (var process in processes.Reverse())
        {
            await process.DisposeAsync();
        }

        Directory.Delete(directory, recursive: true);
    }
}
