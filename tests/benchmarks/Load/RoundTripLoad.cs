using System.Diagnostics;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Load;

/// <summary>Round trips on all connections at once, each closed-loop: the next message goes out when the last one is back.</summary>
internal static class RoundTripLoad
{
    public static LoadResult Run(LoadRequest request)
    {
        using var clients = new Clients(request);
        clients.ConnectAll();
        var messages = Echoes.For(clients, request);
        var sentAt = new long[clients.Count];
        for (var i = 0; i < clients.Count; i++)
        {
            sentAt[i] = Stopwatch.GetTimestamp();
            messages.Send(i);
        }

        var poller = clients.Poller;
        var window = new Window(request);
        var watchdog = new Watchdog();
        var latencies = new LatencyHistogram();
        var nanosecondsPerTick = 1e9 / Stopwatch.Frequency;
        for (var underWay = clients.Count; underWay > 0; )
        {
            for (int at = 0, ready = poller.Wait(100); at < ready; at++)
            {
                if ((poller.Events(at) & ~Libc.EPOLLOUT) == 0)
                {
                    continue;
                }

                var index = clients.Index(poller.Descriptor(at));
                if (!messages.Receive(index))
                {
                    continue;
                }

                var now = Stopwatch.GetTimestamp();
                watchdog.Progress(now);
                window.Advance(now);
                if (window.Measuring)
                {
                    latencies.Record((long)((now - sentAt[index]) * nanosecondsPerTick));
                }

                if (window.Over)
                {
                    underWay--;
                    continue;
                }

                sentAt[index] = now;
                messages.Send(index);
            }

            watchdog.Check($"{underWay} echoes");
        }

        return window.Result(latencies.Count, latencies.Count * request.MessageBytes, latencies);
    }
}
