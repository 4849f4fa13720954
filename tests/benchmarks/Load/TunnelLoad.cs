using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Load;

/// <summary>Opens tunnels and gives them up again, a number of them at a time, in the protocol of <c>gateway tunnel</c>.</summary>
internal static class TunnelLoad
{
    private static readonly byte[] Open =
        "{\"Open\":{\"version\":1,\"ports\":[{\"protocol\":\"Tcp\",\"port\":0}],\"pool\":0}}\0"u8.ToArray();
    private static readonly byte[] Bye = "\"Bye\"\0"u8.ToArray();
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <summary>As many slots as the request has connections.</summary>
    /// <exception cref="LoadFailedException">A tunnel was refused, or its answer does not come.</exception>
    public static async Task<LoadResult> RunAsync(LoadRequest request)
    {
        var latencies = new LatencyHistogram();
        var began = Stopwatch.GetTimestamp();
        var settled = TimeSpan.FromMilliseconds(request.SettleMilliseconds);
        var over = settled + TimeSpan.FromMilliseconds(request.MeasureMilliseconds);
        var before = default(CpuReading);
        var slots = Enumerable.Range(0, request.Connections).Select(_ => OpenInTurnAsync()).ToList();
        await Task.Delay(settled);
        before = CpuMeter.Read(request.Processes);
        await Task.WhenAll(slots);
        var used = CpuMeter.Read(request.Processes) - before;
        return new LoadResult
        {
            Operations = latencies.Count,
            WallSeconds = (over - settled).TotalSeconds,
            CpuSeconds = used.CpuNanoseconds / 1e9,
            WaitSeconds = used.WaitNanoseconds / 1e9,
            P50 = latencies.Percentile(50) / 1e3,
            P99 = latencies.Percentile(99) / 1e3,
            P999 = latencies.Percentile(99.9) / 1e3,
        };

        async Task OpenInTurnAsync()
        {
            while (Stopwatch.GetElapsedTime(began) < over)
            {
                var start = Stopwatch.GetTimestamp();
                await OpenOneAsync(IPEndPoint.Parse(request.Target));
                var took = Stopwatch.GetElapsedTime(start);
                var now = Stopwatch.GetElapsedTime(began);
                if (now >= settled && now < over)
                {
                    lock (latencies)
                    {
                        latencies.Record((long)took.TotalNanoseconds);
                    }
                }
            }
        }
    }

    private static async Task OpenOneAsync(IPEndPoint target)
    {
        using var patience = new CancellationTokenSource(Patience);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(target, patience.Token);
            await socket.SendAsync(Open, patience.Token);
            var answer = new byte[4096];
            var have = 0;
            do
            {
                var count = await socket.ReceiveAsync(answer.AsMemory(have), patience.Token);
                have = count > 0 ? have + count : throw new LoadFailedException("the gateway has closed before its answer");
            } while (answer.AsSpan(0, have).IndexOf((byte)0) < 0);
            if (!answer.AsSpan(0, have).StartsWith("{\"Opened\""u8))
            {
                throw new LoadFailedException($"no tunnel: {System.Text.Encoding.UTF8.GetString(answer, 0, have - 1)}");
            }

            await socket.SendAsync(Bye, patience.Token);
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException)
        {
            throw new LoadFailedException($"no tunnel: {error.Message}");
        }
    }
}
