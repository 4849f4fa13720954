using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.Load;

namespace Mooring.Benchmarks.L4;

/// <summary>What an idle connection costs in memory: opened, used once, then left alone.</summary>
internal static class IdleMemory
{
    private const int Connections = 5_000;

    /// <summary>Opened and closed before the base is read, so that code and tables every server sets up once are not counted.</summary>
    private const int WarmUpConnections = 200;

    public static async Task MeasureAsync(
        RunningServer server,
        string listener,
        LoadProcess load,
        Samples samples,
        CancellationToken cancellation
    )
    {
        await IdleAsync(WarmUpConnections, async () => await QuietAsync(server, cancellation));
        await QuietAsync(server, cancellation);
        var userBase = MemoryMeter.UserBytes(server.Processes);
        var slabBase = MemoryMeter.SlabBytes();
        samples.Add("idle/base", server.Name, MemoryMeter.ResidentBytes(server.Processes) / 1e6);
        await IdleAsync(
            Connections,
            async () =>
            {
                await QuietAsync(server, cancellation);
                samples.Add("idle/user", server.Name, Each(MemoryMeter.UserBytes(server.Processes) - userBase));
                samples.Add("idle/kernel", server.Name, Each(MemoryMeter.SlabBytes() - slabBase));
            }
        );

        static double Each(long bytes) => (double)bytes / Connections;

        async Task IdleAsync(int connections, Func<Task> whileOpen)
        {
            var open = new LoadRequest
            {
                Kind = LoadKind.OpenIdle,
                Target = server.Target(listener),
                Connections = connections,
            };
            await load.RunAsync(server.Name, open, cancellation);
            await whileOpen();
            await load.RunAsync(server.Name, open with { Kind = LoadKind.CloseIdle }, cancellation);
        }
    }

    /// <summary>Waits until the server has used less than 1 % of a core for 0.3 s, at most 5 s: a compiler may be at work in the background.</summary>
    private static async Task QuietAsync(RunningServer server, CancellationToken cancellation)
    {
        for (var tries = 0; tries < 16; tries++)
        {
            var before = CpuMeter.Read(server.Processes);
            await Task.Delay(300, cancellation);
            if ((CpuMeter.Read(server.Processes) - before).CpuNanoseconds < 3_000_000)
            {
                return;
            }
        }
    }
}
