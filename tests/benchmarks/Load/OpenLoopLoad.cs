using System.Diagnostics;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Load;

/// <summary>Telemetry: each WebSocket sends so many messages a second, evenly spread, whether or not the last ones are back.</summary>
/// <remarks>
/// A message's latency counts from when it was due, so a server or a generator that is late is seen in it. A connection with many under way sends no
/// more until some are back: then less is offered than was asked for, which <see cref="LoadResult.Operations"/> beside <see cref="LoadResult.Offered"/> shows.
/// </remarks>
internal static class OpenLoopLoad
{
    private const int MaxUnderWay = 32;

    /// <summary>Messages that are sent before what has come is read.</summary>
    private const int SendsAtOnce = 64;

    public static LoadResult Run(LoadRequest request)
    {
        using var clients = new Clients(request);
        clients.ConnectAll();
        var echoes = new WebSocketEchoes(clients, request.WebSocket, request.MessageBytes);
        var dueAt = new long[clients.Count * MaxUnderWay];
        var window = new Window(request);
        var watchdog = new Watchdog();
        var latencies = new LatencyHistogram();
        var nanosecondsPerTick = 1e9 / Stopwatch.Frequency;
        var interval = Stopwatch.Frequency / (request.Rate * clients.Count);
        double due = Stopwatch.GetTimestamp();
        var (next, offered, underWay) = (0, 0L, 0L);
        while (!window.Over || underWay > 0)
        {
            var now = Stopwatch.GetTimestamp();
            window.Advance(now);
            for (var sent = 0; due <= now && sent < SendsAtOnce && !window.Over; due += interval, next = (next + 1) % clients.Count)
            {
                offered += window.Measuring ? 1 : 0;
                if (echoes.Sent(next) - echoes.Received(next) < MaxUnderWay)
                {
                    dueAt[(next * MaxUnderWay) + (int)(echoes.Sent(next) % MaxUnderWay)] = (long)due;
                    echoes.Send(next);
                    underWay++;
                    sent++;
                }
            }

            var isLate = due <= now && !window.Over;
            for (int at = 0, ready = clients.Poller.Wait(isLate ? 0 : 1); at < ready; at++)
            {
                if ((clients.Poller.Events(at) & ~Libc.EPOLLOUT) == 0)
                {
                    continue;
                }

                var index = clients.Index(clients.Poller.Descriptor(at));
                var before = echoes.Received(index);
                if (!echoes.TryReceive(index))
                {
                    continue;
                }

                now = Stopwatch.GetTimestamp();
                watchdog.Progress(now);
                for (var number = before; number < echoes.Received(index); number++)
                {
                    underWay--;
                    if (window.Measuring)
                    {
                        latencies.Record((long)((now - dueAt[(index * MaxUnderWay) + (int)(number % MaxUnderWay)]) * nanosecondsPerTick));
                    }
                }
            }

            watchdog.Check($"{underWay} echoes");
        }

        return window.Result(latencies.Count, latencies.Count * request.MessageBytes, latencies) with
        {
            Offered = offered,
        };
    }
}
