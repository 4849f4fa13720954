using System.Diagnostics;
using System.Net;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.Load;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.WebSockets.FanOut;

/// <summary>Many subscribers and one publisher, on one poller. Everybody must get every message, once and in order.</summary>
internal sealed unsafe class FanOutLoad : IDisposable
{
    private const uint Interest = Libc.EPOLLIN | Libc.EPOLLRDHUP | Libc.EPOLLOUT | Libc.EPOLLET;
    private const int MaxPending = 64;
    private const int SourceAddresses = 8;
    private const int SentTimes = 65_536;

    private readonly FanOutRequest _request;
    private readonly Poller _poller = new();
    private readonly int[] _descriptors;
    private readonly FanOutClient[] _clients;
    private readonly int[] _indexes = new int[65_536];
    private readonly byte[] _buffer = new byte[256 * 1024];
    private readonly long[] _sentAt = new long[SentTimes];
    private readonly LatencyHistogram _latencies = new();
    private readonly LatencyHistogram _arrivals = new();
    private readonly long[] _sentAtReal = new long[SentTimes];
    private readonly bool _stamped;
    private readonly Watchdog _watchdog = new();
    private readonly List<byte> _burst = [];
    private byte[]? _unsent;
    private int _unsentFrom;
    private Window? _window;
    private long _published;
    private long _delivered;
    private long _counted;
    private long _readings;

    public FanOutLoad(FanOutRequest request)
    {
        _request = request;
        // Where nothing waits, as in the closed loop, there is nothing to tell apart.
        _stamped = request.BurstsPerSecond > 0;
        // The last one publishes.
        _descriptors = new int[request.Subscribers + 1];
        _clients = new FanOutClient[_descriptors.Length];
        Array.Fill(_descriptors, -1);
    }

    private int Publisher => _descriptors.Length - 1;

    public FanOutResult Run()
    {
        ConnectAll();
        var window = _window = new Window(
            new LoadRequest
            {
                Kind = LoadKind.RoundTrips,
                Target = _request.Targets[0],
                Connections = _descriptors.Length,
                SettleMilliseconds = _request.SettleMilliseconds,
                MeasureMilliseconds = _request.MeasureMilliseconds,
                Processes = _request.Processes,
            }
        );
        var interval = _request.BurstsPerSecond > 0 ? Stopwatch.Frequency / _request.BurstsPerSecond : 0;
        double next = Stopwatch.GetTimestamp();
        while (!window.Over || _delivered < _published * _request.Subscribers)
        {
            var now = Stopwatch.GetTimestamp();
            window.Advance(now);
            var isDue = interval > 0 ? now >= next : _delivered == _published * _request.Subscribers;
            if (isDue && !window.Over && _unsent is null)
            {
                Publish();
                next += interval;
            }

            Turn(interval > 0 ? 1 : 20);
            _watchdog.Check($"{(_published * _request.Subscribers) - _delivered} deliveries");
        }

        var result = window.Result(_counted, 0, _latencies);
        return new FanOutResult
        {
            Deliveries = _counted,
            WallSeconds = result.WallSeconds,
            CpuSeconds = result.CpuSeconds,
            WaitSeconds = result.WaitSeconds,
            Coalescing = _readings == 0 ? 0 : (double)_counted / _readings,
            P50 = result.P50,
            P99 = result.P99,
            ArrivalP50 = _arrivals.Percentile(50) / 1e3,
            ArrivalP99 = _arrivals.Percentile(99) / 1e3,
        };
    }

    public void Dispose()
    {
        foreach (var descriptor in _descriptors.Where(descriptor => descriptor >= 0))
        {
            _ = Libc.Close(descriptor);
        }

        _poller.Dispose();
    }

    private void ConnectAll()
    {
        for (int started = 0, ready = 0; ready < _descriptors.Length; )
        {
            while (started < _descriptors.Length && started - ready < MaxPending)
            {
                Connect(started++);
            }

            Turn(20);
            ready = _clients.Take(started).Count(client => client.IsReady && !client.WantsHello);
            _watchdog.Check($"{_descriptors.Length - ready} connections to be ready");
        }
    }

    private void Connect(int index)
    {
        var target = IPEndPoint.Parse(_request.Targets[index == Publisher ? 0 : index % _request.Targets.Length]);
        var descriptor = TcpSocket.Connect(new IPAddress([127, 0, 3, (byte)(1 + (index % SourceAddresses))]), target);
        if (_stamped)
        {
            ArrivalStamps.Enable(descriptor);
        }

        _descriptors[index] = descriptor;
        _indexes[descriptor] = index;
        _clients[index] = new FanOutClient(index, _request.Dialect, subscribes: index != Publisher);
        _poller.Add(descriptor, Interest);
    }

    private void Turn(int milliseconds)
    {
        for (int at = 0, ready = _poller.Wait(milliseconds); at < ready; at++)
        {
            var index = _indexes[_poller.Descriptor(at)];
            var events = _poller.Events(at);
            if ((events & Libc.EPOLLOUT) != 0)
            {
                Writable(index);
            }

            if ((events & ~Libc.EPOLLOUT) != 0)
            {
                Read(index);
            }
        }
    }

    private void Writable(int index)
    {
        if (_clients[index].Last == -1 && !_clients[index].IsReady && !_clients[index].WantsHello && !_upgrading.Contains(index))
        {
            Clients.CheckConnected(_descriptors[index]);
            _upgrading.Add(index);
            SendAll(index, FanOutFrames.Upgrade(_request.Targets[0]));
        }
        else if (index == Publisher && _unsent is not null)
        {
            Flush();
        }
    }

    private readonly HashSet<int> _upgrading = [];

    private void Read(int index)
    {
        var client = _clients[index];
        while (true)
        {
            nint count;
            long arrived = 0;
            fixed (byte* buffer = _buffer)
            {
                count = _stamped
                    ? ArrivalStamps.Receive(_descriptors[index], buffer, _buffer.Length, out arrived)
                    : Libc.Recv(_descriptors[index], buffer, _buffer.Length, 0);
            }

            if (count < 0 && Libc.Errno == Libc.EAGAIN)
            {
                return;
            }

            if (count <= 0)
            {
                throw new LoadFailedException($"connection {index} was closed by the server");
            }

            var messages = client.Take(_buffer.AsSpan(0, (int)count));
            if (client.WantsHello)
            {
                client.WantsHello = false;
                SendAll(index, FanOutFrames.Hello(_request.Dialect, subscribes: index != Publisher));
            }

            if (messages > 0)
            {
                Count(client.Last, messages, arrived);
            }

            if (count < _buffer.Length)
            {
                return;
            }
        }
    }

    private void Count(long last, int messages, long arrived)
    {
        var now = Stopwatch.GetTimestamp();
        _watchdog.Progress(now);
        _delivered += messages;
        if (_window is { Measuring: true })
        {
            _counted += messages;
            _readings++;
            for (var number = last; number > last - messages; number--)
            {
                _latencies.Record((long)((now - _sentAt[number % SentTimes]) * (1e9 / Stopwatch.Frequency)));
                if (arrived != 0)
                {
                    _arrivals.Record(arrived - _sentAtReal[number % SentTimes]);
                }
            }
        }
    }

    private void Publish()
    {
        _burst.Clear();
        var (now, real) = (Stopwatch.GetTimestamp(), ArrivalStamps.Now);
        for (var i = 0; i < _request.Burst; i++)
        {
            _sentAt[_published % SentTimes] = now;
            _sentAtReal[_published % SentTimes] = real;
            _burst.AddRange(FanOutFrames.Publish(_request.Dialect, _published++));
        }

        (_unsent, _unsentFrom) = (_burst.ToArray(), 0);
        Flush();
    }

    private void Flush()
    {
        fixed (byte* bytes = _unsent)
        {
            var sent = Libc.Send(_descriptors[Publisher], bytes + _unsentFrom, _unsent!.Length - _unsentFrom, Libc.MSG_NOSIGNAL);
            if (sent < 0 && Libc.Errno != Libc.EAGAIN)
            {
                throw new LoadFailedException(new SocketFailureException("send").Message);
            }

            _unsentFrom += (int)Math.Max(0, sent);
        }

        if (_unsentFrom == _unsent.Length)
        {
            _unsent = null;
        }
    }

    private void SendAll(int index, byte[] bytes)
    {
        fixed (byte* start = bytes)
        {
            if (bytes.Length > 0 && Libc.Send(_descriptors[index], start, bytes.Length, Libc.MSG_NOSIGNAL) != bytes.Length)
            {
                throw new LoadFailedException("a fresh connection does not take a few bytes");
            }
        }
    }
}
