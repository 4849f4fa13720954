// Warm path: per visitor. What flows is the CarrierPump's.
using System.Net;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Tunnels.Client;

/// <summary>The reactor of <c>gateway tunnel</c>: one loop with every plain connection of a client.</summary>
/// <remarks>
/// While a connection says what it is, it is a <see cref="CarrierStream"/>. A data connection and the local service's connection then become
/// a pair, of which nothing is left but two channels: 128 bytes of native memory.
/// </remarks>
internal sealed class Carrier : EventLoop
{
    /// <summary>
    /// Of every connection of a client, as the gateways have it of theirs: one whose other end is gone without a word, or that a NAT has forgotten, would stay for good where nobody
    /// writes, and take a visitor's place.
    /// </summary>
    public static readonly TcpSocketOptions SocketOptions = new(new KeepAliveOptions(IdleSeconds: 120, IntervalSeconds: 30, Probes: 4), 0);

    private const int MaxPipes = 64;
    private const byte Own = 1;

    private readonly Dictionary<int, CarrierStream> _streams = [];
    private readonly CarrierPump _pump;
    private int _pairs;

    public Carrier()
        : base("carrier", new ChannelTable(ProcessLimits.RaiseOpenFiles()), MaxPipes, readBytes: 64 * 1024)
    {
        _pump = new CarrierPump(this);
        Start();
    }

    /// <summary>Visitors that are carried now. Thread-safe.</summary>
    public int Pairs => Volatile.Read(ref _pairs);

    /// <summary>Connects to an address. Thread-safe.</summary>
    /// <exception cref="IOException">It cannot.</exception>
    public async Task<CarrierStream> ConnectAsync(IPAddress address, int port, CancellationToken cancellation)
    {
        var (socket, failure) = Begin(address, port);
        if (socket < 0)
        {
            throw new IOException(Errno.Describe(failure));
        }

        var stream = new CarrierStream(this, socket);
        try
        {
            await InvokeAsync(() => Take(stream));
            await stream.WritableAsync(cancellation);
            return Libc.TakeError(socket) is var error and not 0 ? throw new IOException(Errno.Describe(error)) : stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>From here on what comes from one goes to the other; the streams are spent. Thread-safe.</summary>
    public unsafe void Pair(CarrierStream data, CarrierStream local)
    {
        var (from, to) = (data.Detach(), local.Detach());
        Interlocked.Increment(ref _pairs);
        Post(() =>
        {
            _streams.Remove(from);
            _streams.Remove(to);
            Join(from, to, ChannelKind.Client)->Loop = Own;
            Join(to, from, ChannelKind.Upstream);

            // Their edges are spent.
            Queue(from);
            Queue(to);
        });
    }

    /// <summary>A stream is done with. Thread-safe.</summary>
    public void Release(int descriptor) =>
        Post(() =>
        {
            if (_streams.Remove(descriptor))
            {
                CloseLater(descriptor);
            }
            else
            {
                _ = Libc.Close(descriptor);
            }
        });

    /// <summary>Ends a pair.</summary>
    /// <param name="descriptor">Of either.</param>
    /// <param name="reset">With RST, so that neither end takes what came so far for the whole.</param>
    public unsafe void End(int descriptor, bool reset)
    {
        var peer = Table[descriptor]->Peer;
        Close(descriptor, reset);
        Close(peer, reset);
        Interlocked.Decrement(ref _pairs);
    }

    public override unsafe void Dispose()
    {
        Stop();
        foreach (var client in Table.ClientsOf(Own))
        {
            _ = Libc.Close(Table[client]->Peer);
            _ = Libc.Close(client);
        }

        foreach (var stream in _streams.Values)
        {
            stream.Abandon();
            _ = Libc.Close(stream.Descriptor);
        }

        base.Dispose();
        Table.Dispose();
    }

    protected override unsafe void OnEvent(int descriptor, uint events)
    {
        var channel = Table[descriptor];
        if (channel->Kind == ChannelKind.None)
        {
            return;
        }

        if (channel->Phase == ChannelPhase.Relaying)
        {
            _pump.OnEvent(descriptor, channel, events);
        }
        else if (_streams.TryGetValue(descriptor, out var stream))
        {
            stream.Signal(events);
        }
    }

    protected override void OnAcceptable(int listener) { }

    protected override void OnTimer(int descriptor) { }

    protected override void OnTurnEnd() { }

    protected override void OnCommandFault(Exception error) =>
        Console.Error.WriteLine($"{Thread.CurrentThread.Name}: a fault of the client: {error}");

    protected override void OnDescriptorsFreed(int count) { }

    private static unsafe (int Socket, int Error) Begin(IPAddress address, int port)
    {
        var kernel = KernelAddress.From(address, port);
        var socket = Libc.Socket(kernel.Family, SocketFlag.Stream | SocketFlag.NonBlocking | SocketFlag.CloseOnExec, 0);
        if (socket < 0)
        {
            return (-1, Libc.LastError);
        }

        Libc.SetOption(socket, SocketLevel.Tcp, SocketOption.TcpNoDelay, 1);
        SocketOptions.Apply(socket);
        if (Libc.Connect(socket, &kernel, kernel.Length) == 0 || Libc.LastError is Errno.EINPROGRESS)
        {
            return (socket, 0);
        }

        var error = Libc.LastError;
        _ = Libc.Close(socket);
        return (-1, error);
    }

    private unsafe bool Take(CarrierStream stream)
    {
        if (Table.Claim(stream.Descriptor, ChannelKind.Upstream, ChannelPhase.Connecting) == null)
        {
            throw new IOException("there are too many connections");
        }

        _streams[stream.Descriptor] = stream;
        return Register(stream.Descriptor) ? true : throw new IOException("the kernel has no memory for another connection");
    }

    private unsafe Channel* Join(int descriptor, int peer, ChannelKind kind)
    {
        var channel = Table[descriptor];
        channel->Kind = kind;
        channel->Phase = ChannelPhase.Relaying;
        channel->Peer = peer;
        return channel;
    }

    private unsafe void Close(int descriptor, bool reset)
    {
        var channel = Table[descriptor];
        if (channel->Pending != 0)
        {
            if (channel->Has(ChannelFlags.PendingPipe))
            {
                Pipes.Return(channel->Pending);
            }
            else
            {
                Pending.Release(channel->Pending);
            }

            channel->Pending = 0;
        }

        if (reset)
        {
            Libc.ResetOnClose(descriptor);
        }

        CloseLater(descriptor);
    }
}
