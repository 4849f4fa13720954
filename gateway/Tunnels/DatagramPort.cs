using System.Net;
using System.Net.Sockets;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels;

/// <summary>A tunnel's public UDP port: the datagrams of all its visitors go through one stream, which the loops take for one visitor.</summary>
/// <remarks>A flow is one visitor's address and port; the least recently used one gives way to a new one. While the stream does not take more, the kernel drops.</remarks>
internal sealed class DatagramPort : IAsyncDisposable
{
    /// <summary>Between two streams at least; meanwhile datagrams wait in the socket.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);
    private readonly Socket _socket;
    private readonly Action<int, NetworkAddress, ushort> _visit;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<SocketAddress, LinkedListNode<Flow>> _byAddress = [];
    private readonly Dictionary<uint, Flow> _byNumber = [];
    private readonly LinkedList<Flow> _byUse = new();
    private Task _running = Task.CompletedTask;
    private DatagramStream? _stream;

    /// <summary>When a stream was opened last: a timestamp; null: none was.</summary>
    private long? _opened;
    private uint _next;

    /// <param name="socket">Bound; this object's from now on.</param>
    /// <param name="visit">Takes the descriptor of the stream's other end, and who sent the first datagram, as a visitor.</param>
    /// <param name="time">The clock.</param>
    public DatagramPort(Socket socket, Action<int, NetworkAddress, ushort> visit, TimeProvider time)
    {
        (_socket, _visit, _time) = (socket, visit, time);
    }

    public void Start() => _running = Task.Run(ReceiveAsync);

    /// <summary>Closes the port, and the stream with it.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _socket.Dispose();
        await _running;
        _stream?.Dispose();
        _stop.Dispose();
    }

    /// <exception cref="SocketException">The port cannot be had.</exception>
    public static Socket Bind(IPAddress address, int port)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            if (address.AddressFamily == AddressFamily.InterNetworkV6)
            {
                socket.DualMode = true;
            }

            socket.Bind(new IPEndPoint(address, port));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task ReceiveAsync()
    {
        var buffer = new byte[DatagramFrame.HeaderBytes + DatagramFrame.MaxBytes];
        var from = new SocketAddress(_socket.AddressFamily);
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var count = await _socket.ReceiveFromAsync(buffer.AsMemory(DatagramFrame.HeaderBytes), SocketFlags.None, from, _stop.Token);
                DatagramFrame.WriteHeader(buffer, FlowOf(from), count);
                await SendAsync(buffer.AsMemory(0, DatagramFrame.HeaderBytes + count), from);
            }
            catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException && _stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // The stream has ended, or a visitor's host said that nobody listens there.
                _stream?.Dispose();
                _stream = null;
            }
        }
    }

    private async Task SendAsync(ReadOnlyMemory<byte> frame, SocketAddress from)
    {
        if (_stream is null)
        {
            // The loops may close each at once, as where a limit is reached: they and the heap have more to do than that.
            if (_opened is { } opened && Pause - _time.GetElapsedTime(opened) is var rest && rest > TimeSpan.Zero)
            {
                await Task.Delay(rest, _time, _stop.Token);
            }

            _opened = _time.GetTimestamp();
            _stream = Open(from);
            if (_stream is null)
            {
                return;
            }

            _ = AnswerAsync(_stream);
            _ = _stream.WatchAsync();
        }

        await _stream.SendAsync(frame, _stop.Token);
    }

    private unsafe DatagramStream? Open(SocketAddress from)
    {
        const int Unix = 1;
        var pair = stackalloc int[2];
        if (Libc.SocketPair(Unix, SocketFlag.Stream | SocketFlag.NonBlocking | SocketFlag.CloseOnExec, 0, pair) < 0)
        {
            return null;
        }

        var own = new DatagramStream(new Socket(new SafeSocketHandle(pair[0], ownsHandle: true)), _time);
        var end = (IPEndPoint)
            new IPEndPoint(_socket.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, 0).Create(from);
        _visit(pair[1], NetworkAddress.From(end.Address), (ushort)end.Port);
        return own;
    }

    private async Task AnswerAsync(DatagramStream stream)
    {
        try
        {
            var reader = new DatagramReader(stream.Bytes, default);
            while (await reader.ReadAsync(_stop.Token) is var (number, datagram))
            {
                if (number == DatagramFrame.Beat)
                {
                    stream.Heard();
                    continue;
                }

                SocketAddress? to;
                lock (_gate)
                {
                    to = _byNumber.GetValueOrDefault(number)?.Address;
                }

                if (to is not null)
                {
                    await AnswerAsync(to, datagram);
                }
            }
        }
        catch (Exception error) when (error is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The stream has ended.
        }

        // The next datagram's send fails by it, and opens another.
        stream.Dispose();
    }

    private async Task AnswerAsync(SocketAddress to, ReadOnlyMemory<byte> datagram)
    {
        try
        {
            await _socket.SendToAsync(datagram, SocketFlags.None, to, _stop.Token);
        }
        catch (SocketException)
        {
            // That visitor cannot be reached; the others can.
        }
    }

    private uint FlowOf(SocketAddress from)
    {
        lock (_gate)
        {
            if (_byAddress.TryGetValue(from, out var known))
            {
                _byUse.Remove(known);
                _byUse.AddLast(known);
                return known.Value.Number;
            }

            if (_byAddress.Count >= DatagramFrame.MaxFlows)
            {
                var oldest = _byUse.First!.Value;
                _byUse.RemoveFirst();
                _byAddress.Remove(oldest.Address);
                _byNumber.Remove(oldest.Number);
            }

            var copy = new SocketAddress(from.Family, from.Size);
            from.Buffer[..from.Size].CopyTo(copy.Buffer);
            var flow = new Flow(++_next, copy);
            _byAddress.Add(copy, _byUse.AddLast(flow));
            _byNumber.Add(flow.Number, flow);
            return flow.Number;
        }
    }

    private sealed record Flow(uint Number, SocketAddress Address);
}
