using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.Load;

namespace Mooring.Benchmarks.L4;

/// <summary>What an idle connection costs in memory: opened, used once, then left alone.</summary>
internal static class IdleMemory
{
    private const int Connections = 9_000;

    /// <summary>Opened and closed before the base is read, so that code and tables every server sets up once are not counted.</summary>
    private const int WarmUpConnections = 200;

    /// <summary>
    /// Passes before the base is read. A just-in-time compiler goes over hot code again up to ten seconds after the first calls, and what it takes for
    /// that, a megabyte and more, is no connection's.
    /// </summary>
    public const int WarmUps = 14;

    /// <summary>Passes where there is no time: what is measured has some of the compiler's memory in it.</summary>
    public const int QuickWarmUps = 4;

    /// <summary>Times that they are opened and closed in each pass: few at a time, so that no table has grown for what is measured.</summary>
    private const int WarmUpTimes = 6;

    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(0.8);

    public static async Task MeasureAsync(
        RunningServer server,
        string listener,
        LoadProcess load,
        Samples samples,
        CancellationToken cancellation,
        LoadTls tls = LoadTls.None,
        int connections = Connections,
        int warmUps = WarmUps,
        LoadWebSocket webSocket = LoadWebSocket.None,
        string key = "idle"
    )
    {
        for (var i = 0; i < warmUps; i++)
        {
            for (var time = 0; time < WarmUpTimes; time++)
            {
                await IdleAsync(WarmUpConnections, () => Task.CompletedTask);
            }

            await server.QuietAsync(Quiet, cancellation);
        }

        var userBase = MemoryMeter.UserBytes(server.Processes);
        var slabBase = MemoryMeter.SlabBytes();
        var bufferBase = MemoryMeter.SocketBufferBytes();
        samples.Add($"{key}/base", server.Name, userBase / 1e6);
        samples.Add($"{key}/resident", server.Name, MemoryMeter.ResidentBytes(server.Processes) / 1e6);
        await IdleAsync(
            connections,
            async () =>
            {
                await server.QuietAsync(Quiet, cancellation);
                samples.Add($"{key}/user", server.Name, Each(MemoryMeter.UserBytes(server.Processes) - userBase));
                samples.Add($"{key}/kernel", server.Name, Each(MemoryMeter.SlabBytes() - slabBase));
                samples.Add($"{key}/buffers", server.Name, Each(MemoryMeter.SocketBufferBytes() - bufferBase));
            }
        );

        double Each(long bytes) => (double)bytes / connections;

        async Task IdleAsync(int count, Func<Task> whileOpen)
        {
            var open = new LoadRequest
            {
                Kind = LoadKind.OpenIdle,
                Target = server.Target(listener),
                Connections = count,
                Tls = tls,
                WebSocket = webSocket,
            };
            await load.RunAsync(server.Name, open, cancellation);
            await whileOpen();
            await load.RunAsync(server.Name, open with { Kind = LoadKind.CloseIdle }, cancellation);
        }
    }
}
