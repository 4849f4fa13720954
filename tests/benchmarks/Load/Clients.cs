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

    public Clients(LoadRequest request)
    {
        _target = IPEndPoint.Parse(request.Target);
        _descriptors = new int[request.Connections];
        Array.Fill(_descriptors, -1);
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

            for (var remaining = Poller.Wait(100); remaining > 0; remaining--)
            {
                CheckConnected(Poller.Descriptor(remaining - 1));
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

    public void Close(int index)
    {
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

        Poller.Dispose();
    }
}
