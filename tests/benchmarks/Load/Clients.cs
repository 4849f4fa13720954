using System.Diagnostics;
using System.Net;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Load;

/// <summary>The client sides of connections through the server under test, all on one poller. Used by one thread.</summary>
internal sealed class Clients : IDisposable
{
    /// <summary>Edge-triggered and registered once.</summary>
    private const uint Interest = Libc.EPOLLIN | Libc.EPOLLOUT | Libc.EPOLLRDHUP | Libc.EPOLLET;

    private const int MaxPendingConnects = 128;
    private const int SourceAddresses = 8;

    private readonly IPEndPoint _target;
    private readonly int[] _descriptors;

    // By descriptor: descriptors are small and dense.
    private readonly int[] _indexes = new int[65_536];
    private int _connectsStarted;
    private readonly TlsEnds? _tls;
    private readonly WebSocketEnds? _webSockets;
    private readonly bool[] _secured;
    private readonly bool[] _shaken;

    public Clients(LoadRequest request)
    {
        _target = IPEndPoint.Parse(request.Target);
        _descriptors = new int[request.Connections];
        Array.Fill(_descriptors, -1);
        _tls = request.Tls == LoadTls.None ? null : new TlsEnds(request.Connections, request.Tls);
        _webSockets = request.WebSocket == LoadWebSocket.None ? null : new WebSocketEnds(this, request.Target, request.WebSocket);
        _secured = new bool[request.Connections];
        _shaken = new bool[request.Connections];
    }

    public Poller Poller { get; } = new();

    public int Count => _descriptors.Length;

    public int Descriptor(int index) => _descriptors[index];

    /// <summary>Number of the connection that an event belongs to.</summary>
    public int Index(int descriptor) => _indexes[descriptor];

    /// <summary>Connects all, and returns when the kernel has all of them established.</summary>
    /// <exception cref="LoadFailedException">One was refused, or they take too long.</exception>
    public void ConnectAll()
    {
        var watchdog = new Watchdog();
        for (int started = 0, established = 0; established < Count; )
        {
            while (started < Count && started - established < MaxPendingConnects)
            {
                Connect(started++);
            }

            for (int at = 0, ready = Poller.Wait(100); at < ready; at++)
            {
                var index = Index(Poller.Descriptor(at));
                if (_shaken[index] || !Advance(index))
                {
                    continue;
                }

                established++;
                watchdog.Progress(Stopwatch.GetTimestamp());
            }

            watchdog.Check($"{Count - established} of {Count} connections to open");
        }
    }

    /// <summary>Starts to connect the <paramref name="index"/>-th connection. It must not be open.</summary>
    public void Connect(int index)
    {
        var descriptor = TcpSocket.Connect(new IPAddress([127, 0, 2, (byte)(1 + (_connectsStarted++ % SourceAddresses))]), _target);
        _descriptors[index] = descriptor;
        _indexes[descriptor] = index;
        (_secured[index], _shaken[index]) = (false, false);
        _webSockets?.Open(index);
        _tls?.Open(index, descriptor);
        Poller.Add(descriptor, Interest);
    }

    /// <summary>Looks how a connect ended.</summary>
    /// <exception cref="LoadFailedException">The connection was refused.</exception>
    public static void CheckConnected(int descriptor)
    {
        if (TcpSocket.TakeError(descriptor) is not 0 and var error)
        {
            throw new LoadFailedException(new SocketFailureException("connect", error).Message);
        }
    }

    /// <summary>Goes on with opening a connection. True once it is open.</summary>
    /// <exception cref="LoadFailedException">The connection, or its handshake, failed.</exception>
    public bool Advance(int index)
    {
        if (!_secured[index])
        {
            if (_tls is null)
            {
                CheckConnected(_descriptors[index]);
            }
            else if (!_tls.Shake(index))
            {
                return false;
            }

            _secured[index] = true;
        }

        return _shaken[index] = _webSockets?.Advance(index) ?? true;
    }

    /// <summary>The Hub's channel of a connection.</summary>
    public string Channel(int index) => _webSockets!.Channel(index);

    /// <summary>As <c>send</c>.</summary>
    public unsafe nint Send(int index, void* bytes, nint length) =>
        _tls is null ? Libc.Send(_descriptors[index], bytes, length, Libc.MSG_NOSIGNAL) : _tls.Send(index, bytes, length);

    /// <summary>As <c>recv</c>.</summary>
    public unsafe nint Receive(int index, void* bytes, nint length) =>
        _tls is null ? Libc.Recv(_descriptors[index], bytes, length, 0) : _tls.Receive(index, bytes, length);

    /// <summary>Ends what is sent on a connection.</summary>
    public void End(int index)
    {
        _tls?.End(index);
        _ = Libc.Shutdown(_descriptors[index], Libc.SHUT_WR);
    }

    public void Close(int index)
    {
        _tls?.Close(index);
        _ = Libc.Close(_descriptors[index]);
        _descriptors[index] = -1;
    }

    public void Dispose()
    {
        for (var i = 0; i < Count; i++)
        {
            if (_descriptors[i] >= 0)
            {
                Close(i);
            }
        }

        _tls?.Dispose();
        Poller.Dispose();
    }
}
