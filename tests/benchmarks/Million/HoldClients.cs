using System.Diagnostics;
using System.Net;
using System.Text;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Million;

/// <summary>Many Centrifugo clients on one thread: they connect, answer pings, count what comes, and come back when they are closed.</summary>
internal sealed class HoldClients : IDisposable
{
    private const int MaxDescriptors = 20_000;

    private readonly HoldRequest _request;
    private readonly IPAddress[] _sources;
    private readonly IPEndPoint _target;
    private readonly byte[] _upgrade;
    private readonly byte[] _key;
    private readonly Poller _poller = new();
    private readonly int[] _owners = new int[MaxDescriptors];
    private readonly int[] _descriptors;
    private readonly Stage[] _stages;
    private readonly byte[] _attempts;
    private readonly long[] _closedAt;
    private readonly Dictionary<int, byte[]> _partial = [];
    private readonly PriorityQueue<int, long> _waiting = new();
    private readonly byte[] _buffer = new byte[64 * 1024];
    private readonly LatencyHistogram _delays = new();
    private readonly SortedDictionary<int, long> _closes = [];
    private readonly Random _random = new();
    private int _live;
    private int _underWay;
    private int _started;
    private long _connected;
    private int _connectedNow;
    private long _failed;
    private string? _lastFailure;
    private long _pings;
    private long _messages;
    private long _strays;
    private double _longestAway;

    public HoldClients(HoldRequest request)
    {
        _request = request;
        _sources = [.. request.Sources.Select(IPAddress.Parse)];
        _target = IPEndPoint.Parse(request.Target);
        _upgrade = HubFrames.Upgrade(request.Target);
        _key = Encoding.UTF8.GetBytes(request.Secret);
        _descriptors = new int[request.Connections];
        Array.Fill(_descriptors, -1);
        _stages = new Stage[request.Connections];
        _attempts = new byte[request.Connections];
        _closedAt = new long[request.Connections];
    }

    private enum Stage : byte
    {
        None,
        Connecting,
        Upgrading,
        Greeting,
        Live,
    }

    /// <summary>Holds until it is told to stop, and reports once a second.</summary>
    public void Run(Action<HoldReport> report, CancellationToken stop)
    {
        var began = Stopwatch.GetTimestamp();
        var reported = began;
        while (!stop.IsCancellationRequested)
        {
            var now = Stopwatch.GetTimestamp();
            Start(began, now);
            // Once all stand nothing is due but the report, and a wake of each process for nothing is the fleet's time.
            var wait = _started < _request.Connections || _waiting.Count > 0 ? 10 : 200;
            for (int at = 0, ready = _poller.Wait(wait); at < ready; at++)
            {
                OnEvent(_poller.Descriptor(at), _poller.Events(at));
            }

            if (Stopwatch.GetElapsedTime(reported).TotalSeconds >= 1)
            {
                reported += Stopwatch.Frequency;
                report(Report());
            }
        }
    }

    public void Dispose()
    {
        foreach (var descriptor in _descriptors.Where(descriptor => descriptor >= 0))
        {
            _ = Libc.Close(descriptor);
        }

        _poller.Dispose();
    }

    private void Start(long began, long now)
    {
        while (_underWay < _request.UnderWay && _waiting.TryPeek(out var index, out var due) && due <= now)
        {
            _waiting.Dequeue();
            Connect(index);
        }

        var allowed = (long)(Stopwatch.GetElapsedTime(began, now).TotalSeconds * _request.ConnectsPerSecond) + 1;
        while (_started < _request.Connections && _started < allowed && _underWay < _request.UnderWay)
        {
            Connect(_started++);
        }
    }

    private void Connect(int index)
    {
        int descriptor;
        try
        {
            descriptor = TcpSocket.Connect(_sources[index % _sources.Length], _target);
        }
        catch (SocketFailureException failure)
        {
            _failed++;
            _lastFailure = failure.Message;
            Later(index);
            return;
        }

        _underWay++;
        _descriptors[index] = descriptor;
        _owners[descriptor] = index;
        _stages[index] = Stage.Connecting;
        _poller.Add(descriptor, Libc.EPOLLIN | Libc.EPOLLOUT | Libc.EPOLLRDHUP | Libc.EPOLLET);
    }

    private void OnEvent(int descriptor, uint events)
    {
        var index = _owners[descriptor];
        if (_descriptors[index] != descriptor)
        {
            return;
        }

        if (_stages[index] == Stage.Connecting)
        {
            if ((events & (Libc.EPOLLERR | Libc.EPOLLHUP)) != 0)
            {
                Drop(index, 1006, $"connect: errno {TcpSocket.TakeError(descriptor)}");
                return;
            }

            if ((events & Libc.EPOLLOUT) == 0)
            {
                return;
            }

            _stages[index] = Stage.Upgrading;
            Send(index, _upgrade);
        }

        if ((events & (Libc.EPOLLIN | Libc.EPOLLRDHUP | Libc.EPOLLERR | Libc.EPOLLHUP)) != 0)
        {
            Receive(index, descriptor);
        }
    }

    private unsafe void Receive(int index, int descriptor)
    {
        while (_descriptors[index] == descriptor)
        {
            var kept = 0;
            if (_partial.Count > 0 && _partial.Remove(index, out var before))
            {
                before.CopyTo(_buffer, 0);
                kept = before.Length;
            }

            nint count;
            fixed (byte* bytes = _buffer)
            {
                count = Libc.Recv(descriptor, bytes + kept, _buffer.Length - kept, 0);
            }

            if (count <= 0)
            {
                if (count == 0 || Libc.Errno != Libc.EAGAIN)
                {
                    Drop(index, 1006, count == 0 ? "closed without a close frame" : $"errno {Libc.Errno}");
                }
                else if (kept > 0)
                {
                    _partial[index] = _buffer[..kept];
                }

                return;
            }

            var length = kept + (int)count;
            var used = Take(index, _buffer.AsSpan(0, length));
            if (_descriptors[index] == descriptor && used < length)
            {
                _partial[index] = _buffer[used..length];
            }

            if (length < _buffer.Length)
            {
                // Edges: what comes later tells of itself.
                return;
            }
        }
    }

    /// <summary>Uses what is whole. Returns how many bytes that was.</summary>
    private int Take(int index, ReadOnlySpan<byte> bytes)
    {
        var used = 0;
        if (_stages[index] == Stage.Upgrading)
        {
            var end = bytes.IndexOf("\r\n\r\n"u8);
            if (end < 0)
            {
                return 0;
            }

            if (!bytes.StartsWith("HTTP/1.1 101 "u8))
            {
                Drop(index, 1006, Encoding.Latin1.GetString(bytes[..Math.Min(end, 100)]));
                return bytes.Length;
            }

            used = end + 4;
            _stages[index] = Stage.Greeting;
            Span<byte> frame = stackalloc byte[HubFrames.MaxBytes];
            Send(index, frame[..HubFrames.WriteConnect(frame, _key, _request.FirstUser + index, _request.Namespace)]);
        }

        while (_descriptors[index] >= 0 && HubFrames.TryRead(bytes[used..], out var opcode, out var payload, out var length))
        {
            if (length < 0)
            {
                Drop(index, 1002, "a frame that no server may send");
                return bytes.Length;
            }

            OnFrame(index, opcode, bytes[used..][payload]);
            used += length;
        }

        return used;
    }

    private void OnFrame(int index, int opcode, ReadOnlySpan<byte> payload)
    {
        switch (opcode)
        {
            case 1:
                foreach (var line in payload.Split((byte)'\n'))
                {
                    OnMessage(index, payload[line]);
                }

                break;
            case 8:
                var code = payload.Length >= 2 ? (payload[0] << 8) | payload[1] : 1005;
                Send(index, HubFrames.Close);
                Drop(index, code, $"close {code} {Encoding.UTF8.GetString(payload.Length > 2 ? payload[2..] : [])}");
                break;
            case 9:
                // A ping without payload: the Hub pings by messages, so this is its check of a silent peer.
                _pings++;
                Send(index, [0x8A, 0x80, 0, 0, 0, 0]);
                break;
        }
    }

    private void OnMessage(int index, ReadOnlySpan<byte> json)
    {
        if (_stages[index] == Stage.Greeting)
        {
            if (json.IndexOf("\"connect\":"u8) < 0 || json.IndexOf("\"error\":"u8) >= 0)
            {
                Drop(index, 1006, Encoding.UTF8.GetString(json[..Math.Min(json.Length, 200)]));
                return;
            }

            _stages[index] = Stage.Live;
            _attempts[index] = 0;
            _underWay--;
            _live++;
            _connected++;
            _connectedNow++;
            if (_closedAt[index] != 0)
            {
                _longestAway = Math.Max(_longestAway, Stopwatch.GetElapsedTime(_closedAt[index]).TotalSeconds);
            }
        }
        else if (json.SequenceEqual("{}"u8))
        {
            _pings++;
            Send(index, HubFrames.Pong);
        }
        else if (HubFrames.Number(json, "\"sent\":"u8) is >= 0 and var sent)
        {
            _messages++;
            _strays += HubFrames.Number(json, "\"user\":"u8) == _request.FirstUser + index ? 0 : 1;
            _delays.Record((Stopwatch.GetTimestamp() - sent) * (1_000_000_000 / Stopwatch.Frequency));
        }
        else if (json.IndexOf("\"disconnect\":"u8) < 0)
        {
            _strays++;
        }
    }

    private unsafe void Send(int index, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* first = bytes)
        {
            // So little, and so seldom, that a socket without room for it is broken.
            if (Libc.Send(_descriptors[index], first, bytes.Length, Libc.MSG_NOSIGNAL) != bytes.Length)
            {
                Drop(index, 1006, $"send: errno {Libc.Errno}");
            }
        }
    }

    private void Drop(int index, int code, string why)
    {
        var descriptor = _descriptors[index];
        if (descriptor < 0)
        {
            return;
        }

        if (_stages[index] == Stage.Live)
        {
            _live--;
            _closes[code] = _closes.GetValueOrDefault(code) + 1;
            _closedAt[index] = Stopwatch.GetTimestamp();
        }
        else
        {
            _underWay--;
            _failed++;
            _lastFailure = why;
        }

        _partial.Remove(index);
        _stages[index] = Stage.None;
        _descriptors[index] = -1;
        _ = Libc.Close(descriptor);
        Later(index);
    }

    /// <summary>Full jitter, as centrifuge-js: min(20 s, 0.5 s + rand(0 … min(20 s, 0.5 s × 2^attempt))).</summary>
    private void Later(int index)
    {
        var attempt = _attempts[index];
        _attempts[index] = (byte)Math.Min(attempt + 1, 20);
        var seconds = Math.Min(20, 0.5 + (_random.NextDouble() * Math.Min(20, 0.5 * Math.Pow(2, attempt))));
        _waiting.Enqueue(index, Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency));
    }

    private HoldReport Report()
    {
        var report = new HoldReport
        {
            Live = _live,
            Connected = _connected,
            Failed = _failed,
            LastFailure = _lastFailure,
            Closes = _closes,
            Pings = _pings,
            Messages = _messages,
            Strays = _strays,
            P50 = _delays.Percentile(50) / 1000.0,
            P99 = _delays.Percentile(99) / 1000.0,
            Max = _delays.Percentile(100) / 1000.0,
            ConnectedNow = _connectedNow,
            LongestAway = _longestAway,
        };
        _delays.Clear();
        (_connectedNow, _longestAway) = (0, 0);
        return report;
    }
}
