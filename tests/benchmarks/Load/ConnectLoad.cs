using System.Diagnostics;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Load;

/// <summary>Short connections: connect, one message and its echo, close; each slot closed-loop.</summary>
internal static class ConnectLoad
{
    public static LoadResult Run(LoadRequest request)
    {
        using var clients = new Clients(request);
        var messages = Echoes.For(clients, request);
        var startedAt = new long[clients.Count];
        var sent = new bool[clients.Count];
        for (var i = 0; i < clients.Count; i++)
        {
            startedAt[i] = Stopwatch.GetTimestamp();
            clients.Connect(i);
        }

        var poller = clients.Poller;
        var window = new Window(request);
        var watchdog = new Watchdog();
        var latencies = new LatencyHistogram();
        var nanosecondsPerTick = 1e9 / Stopwatch.Frequency;
        for (var open = clients.Count; open > 0; )
        {
            for (int at = 0, ready = poller.Wait(100); at < ready; at++)
            {
                var descriptor = poller.Descriptor(at);
                var index = clients.Index(descriptor);
                if (!sent[index])
                {
                    if (!clients.Advance(index))
                    {
                        continue;
                    }

                    messages.Send(index);
                    sent[index] = true;
                    continue;
                }

                if (!messages.Receive(index))
                {
                    continue;
                }

                // The client closes first, as most clients do: the server has to pass the end on to the backend and take its own.
                clients.Close(index);
                sent[index] = false;
                var now = Stopwatch.GetTimestamp();
                watchdog.Progress(now);
                window.Advance(now);
                if (window.Measuring)
                {
                    latencies.Record((long)((now - startedAt[index]) * nanosecondsPerTick));
                }

                if (window.Over)
                {
                    open--;
                    continue;
                }

                startedAt[index] = now;
                clients.Connect(index);
            }

            watchdog.Check($"{open} short connections");
        }

        return window.Result(latencies.Count, latencies.Count * request.MessageBytes, latencies);
    }
}
