using System.Diagnostics;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Load;

/// <summary>Connections that are open, were used once, and do nothing.</summary>
internal sealed class IdleLoad : IDisposable
{
    // As many as a fleet's clients would at once: a thousand echoes under way at a time would measure buffers of busy connections.
    private const int UnderWayAtOnce = 32;

    private readonly Clients _clients;
    private readonly Echoes _messages;

    /// <summary>Opens the connections and makes one round trip on each, so that the server has connected each to its backend.</summary>
    public IdleLoad(LoadRequest request)
    {
        _clients = new Clients(request);
        _messages = Echoes.For(_clients, request);
        _clients.ConnectAll();
        ExchangeAll();
    }

    /// <summary>One round trip on each connection. Throws when one of them has died.</summary>
    public void ExchangeAll()
    {
        var watchdog = new Watchdog();
        var poller = _clients.Poller;
        for (int started = 0, done = 0; done < _clients.Count; )
        {
            while (started < _clients.Count && started - done < UnderWayAtOnce)
            {
                _messages.Send(started++);
            }

            for (int at = 0, ready = poller.Wait(100); at < ready; at++)
            {
                if ((poller.Events(at) & ~Libc.EPOLLOUT) != 0 && _messages.Receive(_clients.Index(poller.Descriptor(at))))
                {
                    done++;
                    watchdog.Progress(Stopwatch.GetTimestamp());
                }
            }

            watchdog.Check($"{_clients.Count - done} echoes");
        }
    }

    /// <summary>Waits until the server has closed them all.</summary>
    public LoadResult AwaitCloses() => CloseWatch.Run(_clients);

    public void Dispose() => _clients.Dispose();
}
