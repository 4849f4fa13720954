using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.Load;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Udp;

/// <summary>Clients that each keep one burst under way, and the backends that echo it, on one epoll instance.</summary>
/// <remarks>Every datagram carries flow and number: one that is changed, doubled, or out of its flow's order fails the run. A lost one is sent again and counted.</remarks>
internal sealed unsafe class UdpLoad : IDisposable
{
    private const int BackendMark = 1 << 30;

    // struct epoll_event is packed on x86-64 alone.
    private static readonly int EventBytes = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private const int MaxEvents = 256;
    private static readonly long Patience = Stopwatch.Frequency / 5;

    private readonly int _poller = Libc.EpollCreate1(Libc.EPOLL_CLOEXEC);
    private readonly byte* _events = (byte*)NativeMemory.Alloc((nuint)(MaxEvents * EventBytes));
    private readonly int[] _backends;
    private readonly Messages _echoes = new(64);
    private readonly Messages _answers = new(4);
    private readonly byte* _data = (byte*)NativeMemory.AllocZeroed(64 * 1024);
    private readonly byte* _control = (byte*)NativeMemory.AllocZeroed(64);
    private readonly LatencyHistogram _latency = new();
    private Flow[] _flows = [];
    private int _bytes;
    private int _burst;
    private bool _bundled;
    private long _datagrams;
    private long _lost;

    public UdpLoad(IReadOnlyList<IPEndPoint> echo)
    {
        _backends = [.. echo.Select(address => UdpSocket.Open(address, null, 8 << 20))];
        for (var i = 0; i < _backends.Length; i++)
        {
            Watch(_backends[i], BackendMark | i);
        }
    }

    public UdpLoadResult Run(UdpLoadRequest request)
    {
        var target = IPEndPoint.Parse(request.Target);
        (_bytes, _burst, _bundled) = (request.Bytes, request.Burst, request.Bundled);
        _flows = new Flow[request.Flows];
        try
        {
            for (var i = 0; i < _flows.Length; i++)
            {
                // Many addresses, so that a hash of the address spreads them.
                var from = new IPEndPoint(new IPAddress([127, 0, (byte)(2 + (i / 250)), (byte)(1 + (i % 250))]), 0);
                _flows[i].Socket = UdpSocket.Open(from, target, 1 << 20);
                Watch(_flows[i].Socket, i);
                Send(i);
            }

            Turn(request.SettleMilliseconds);
            _latency.Clear();
            (_datagrams, _lost) = (0, 0);
            var cpu = CpuMeter.Read(request.Processes);
            var began = Stopwatch.GetTimestamp();
            Turn(request.MeasureMilliseconds);
            var wall = Stopwatch.GetElapsedTime(began);
            cpu = CpuMeter.Read(request.Processes) - cpu;
            return new UdpLoadResult
            {
                Datagrams = _datagrams,
                Lost = _lost,
                WallSeconds = wall.TotalSeconds,
                CpuSeconds = cpu.CpuNanoseconds / 1e9,
                WaitSeconds = cpu.WaitNanoseconds / 1e9,
                P50 = _latency.Percentile(50) / 1e3,
                P99 = _latency.Percentile(99) / 1e3,
            };
        }
        finally
        {
            foreach (var flow in _flows.Where(flow => flow.Socket > 0))
            {
                _ = Libc.Close(flow.Socket);
            }

            _flows = [];
        }
    }

    public void Dispose()
    {
        foreach (var socket in _backends)
        {
            _ = Libc.Close(socket);
        }

        _ = Libc.Close(_poller);
    }

    private void Turn(int milliseconds)
    {
        var end = Stopwatch.GetTimestamp() + (milliseconds * Stopwatch.Frequency / 1000);
        var look = Stopwatch.GetTimestamp() + Patience;
        for (var now = Stopwatch.GetTimestamp(); now < end; now = Stopwatch.GetTimestamp())
        {
            var count = Libc.EpollWait(_poller, _events, MaxEvents, 50);
            for (var i = 0; i < count; i++)
            {
                var data = *(int*)(_events + ((i + 1) * EventBytes) - 8);
                if ((data & BackendMark) != 0)
                {
                    Echo(_backends[data & ~BackendMark]);
                }
                else
                {
                    Receive(data);
                }
            }

            if (now >= look)
            {
                look = now + Patience;
                SendAgain(now);
            }
        }
    }

    private void Echo(int socket)
    {
        var count = _echoes.Receive(socket, names: true);
        if (count > 0)
        {
            _echoes.SendBack(socket, count);
        }
    }

    private void Receive(int number)
    {
        ref var flow = ref _flows[number];
        int count;
        do
        {
            count = _answers.Receive(flow.Socket, names: false);
            for (var i = 0; i < count; i++)
            {
                Check(number, ref flow, _answers.Data(i), UdpNative.ReadSegment(_answers.Headers[i]));
            }
        } while (count == _answers.Count);

        if (flow.Left == 0)
        {
            _latency.Record((Stopwatch.GetTimestamp() - flow.SentAt) * 1_000_000_000 / Stopwatch.Frequency);
            Send(number);
        }
    }

    private void Check(int number, ref Flow flow, ReadOnlySpan<byte> data, int segment)
    {
        var size = segment > 0 ? segment : data.Length;
        for (; data.Length > 0; data = data[Math.Min(size, data.Length)..])
        {
            var datagram = data[..Math.Min(size, data.Length)];
            if (datagram.Length != _bytes || MemoryMarshal.Read<int>(datagram) != number)
            {
                throw new LoadFailedException($"flow {number} got {datagram.Length} bytes that are not its own");
            }

            var burst = MemoryMarshal.Read<int>(datagram[4..]);
            if (burst != flow.Burst)
            {
                // Of a burst that was given up: late, not wrong.
                if (burst > flow.Burst)
                {
                    throw new LoadFailedException($"flow {number} got burst {burst} before it was sent");
                }

                continue;
            }

            var expected = _burst - flow.Left;
            var place = MemoryMarshal.Read<int>(datagram[8..]);
            if (place < expected)
            {
                throw new LoadFailedException($"flow {number} got datagram {place} of a burst twice or out of order");
            }

            // One that is missing is never coming: the burst is sent again.
            flow.Left = place == expected ? flow.Left - 1 : flow.Left;
            _datagrams++;
        }
    }

    private void Send(int number)
    {
        ref var flow = ref _flows[number];
        flow.Burst++;
        flow.Left = _burst;
        flow.SentAt = Stopwatch.GetTimestamp();
        for (var i = 0; i < _burst; i++)
        {
            var at = (int*)(_data + (i * _bytes));
            (at[0], at[1], at[2]) = (number, flow.Burst, i);
        }

        if (!_bundled)
        {
            SendSingly(flow.Socket);
            return;
        }

        var vector = new IoVector { Base = _data, Length = (nuint)(_bytes * _burst) };
        var header = new MessageHeader { Vectors = &vector, VectorCount = 1 };
        if (_burst > 1)
        {
            UdpNative.WriteSegment(_control, _bytes);
            header.Control = _control;
            header.ControlLength = UdpNative.ControlBytes;
        }

        _ = UdpNative.SendMany(flow.Socket, &header, 1, UdpNative.DontWait);
    }

    private void SendSingly(int socket)
    {
        var vectors = stackalloc IoVector[_burst];
        var headers = stackalloc MessageHeader[_burst];
        for (var i = 0; i < _burst; i++)
        {
            vectors[i] = new IoVector { Base = _data + (i * _bytes), Length = (nuint)_bytes };
            headers[i] = new MessageHeader { Vectors = vectors + i, VectorCount = 1 };
        }

        _ = UdpNative.SendMany(socket, headers, (uint)_burst, UdpNative.DontWait);
    }

    private void SendAgain(long now)
    {
        for (var i = 0; i < _flows.Length; i++)
        {
            if (now - _flows[i].SentAt > Patience)
            {
                _lost++;
                Send(i);
            }
        }
    }

    private void Watch(int socket, int data)
    {
        var change = stackalloc byte[EventBytes];
        *(uint*)change = Libc.EPOLLIN;
        *(long*)(change + EventBytes - 8) = data;
        if (Libc.EpollCtl(_poller, Libc.EPOLL_CTL_ADD, socket, change) < 0)
        {
            throw new SocketFailureException("epoll_ctl");
        }
    }

    private struct Flow
    {
        public int Socket;
        public int Burst;
        public int Left;
        public long SentAt;
    }
}
