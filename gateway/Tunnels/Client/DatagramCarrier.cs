using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels.Client;

/// <summary>Carries the datagrams of a UDP port: each visitor gets a socket of its own before the local service.</summary>
/// <param name="wire">The data connection.</param>
/// <param name="local">Where the service is.</param>
/// <param name="time">The clock.</param>
/// <param name="lookUp">Finds the addresses of the service's host; null: the system's resolver.</param>
internal sealed class DatagramCarrier(
    TunnelWire wire,
    LocalPort local,
    TimeProvider time,
    Func<string, CancellationToken, Task<IPAddress[]>>? lookUp = null
) : IDisposable
{
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(60);

    /// <summary>Flows that give way at a time: to find them, all are looked at.</summary>
    private const int GivingWay = DatagramFrame.MaxFlows / 16;

    private readonly ConcurrentDictionary<uint, Flow> _flows = new();
    private readonly SemaphoreSlim _writing = new(1);
    private readonly CancellationTokenSource _over = new();
    private readonly Func<string, CancellationToken, Task<IPAddress[]>> _lookUp = lookUp ?? Dns.GetHostAddressesAsync;

    /// <summary>One frame, of whoever writes.</summary>
    private readonly byte[] _answer = new byte[DatagramFrame.HeaderBytes + DatagramFrame.MaxBytes];

    /// <summary>Which of the host's addresses new flows go to; beyond their number it begins anew.</summary>
    private int _turn;

    /// <summary>When the gateway was heard last: a timestamp; 0: it does not beat.</summary>
    private long _heard;

    /// <summary>Until the data connection ends, or is silent.</summary>
    public async Task RunAsync()
    {
        var sweeping = SweepAsync();
        var beating = BeatAsync();
        try
        {
            await ReadAsync();
        }
        catch (OperationCanceledException late) when (_over.IsCancellationRequested)
        {
            throw new IOException("the data connection of the UDP port is silent", late);
        }
        finally
        {
            await _over.CancelAsync();
            await sweeping;
            await beating;
            foreach (var flow in _flows.Values)
            {
                flow.Socket.Dispose();
            }
        }
    }

    public void Dispose()
    {
        _over.Dispose();
        _writing.Dispose();
    }

    private async Task ReadAsync()
    {
        var reader = new DatagramReader(wire.Stream, wire.TakeRest());
        while (await reader.ReadAsync(_over.Token) is var (number, datagram))
        {
            if (number == DatagramFrame.Beat)
            {
                Volatile.Write(ref _heard, time.GetTimestamp());
                continue;
            }

            try
            {
                if (!_flows.TryGetValue(number, out var flow))
                {
                    flow = await OpenAsync(number);
                }

                flow.Used = time.GetTimestamp();
                await flow.Socket.SendAsync(datagram);
            }
            catch (SocketException refused)
                when (refused.SocketErrorCode == SocketError.ConnectionRefused && _flows.TryGetValue(number, out var flow))
            {
                // Of an earlier datagram.
                Refused(number, flow);
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // There is no socket to be had, or no address; a datagram may be lost.
            }
        }
    }

    /// <summary>A socket for a visitor. Where there are as many as the gateway knows visitors, the least recently used ones give way, as there.</summary>
    private async Task<Flow> OpenAsync(uint number)
    {
        if (_flows.Count >= DatagramFrame.MaxFlows)
        {
            foreach (var entry in _flows.OrderBy(static entry => entry.Value.Used).Take(GivingWay).ToList())
            {
                Close(entry);
            }
        }

        IPAddress[] addresses = IPAddress.TryParse(local.Host, out var literal) ? [literal] : await _lookUp(local.Host, _over.Token);
        if (addresses.Length == 0)
        {
            throw new SocketException((int)SocketError.HostNotFound);
        }

        var (socket, turn) = await ConnectAsync(addresses, Volatile.Read(ref _turn));
        var flow = _flows[number] = new Flow(socket, time.GetTimestamp(), turn, addresses.Length > 1);
        _ = AnswerAsync(number, flow);
        return flow;
    }

    /// <summary>To the address whose turn it is; where this machine has no way there, to the next.</summary>
    private async Task<(Socket Socket, int Turn)> ConnectAsync(IPAddress[] addresses, int turn)
    {
        for (var left = addresses.Length; ; left--, turn = Next(turn))
        {
            var address = addresses[turn % addresses.Length];
            var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, local.Port));
                return (socket, turn);
            }
            catch (SocketException) when (left > 1)
            {
                socket.Dispose();
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
    }

    private static int Next(int turn) => (turn + 1) & int.MaxValue;

    private void Close(KeyValuePair<uint, Flow> entry)
    {
        _flows.TryRemove(entry);
        entry.Value.Socket.Dispose();
    }

    /// <summary>
    /// Nobody listens where a flow goes: where the host has another address, which UDP alone does not find out (<c>localhost</c> is <c>::1</c> first), it is that one's turn, and the
    /// visitor's next datagram goes there. Who was answered stays, for the service may come back.
    /// </summary>
    private void Refused(uint number, Flow flow)
    {
        if (flow.HasOthers && !flow.IsAnswered)
        {
            Interlocked.CompareExchange(ref _turn, Next(flow.Turn), flow.Turn);
            Close(new(number, flow));
        }
    }

    private async Task AnswerAsync(uint number, Flow flow)
    {
        while (true)
        {
            try
            {
                // A look without a buffer, until there is something: thousands of visitors who wait share one.
                await flow.Socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.Peek);
                await AnswerOnceAsync(number, flow);
            }
            catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
            {
                // Of an earlier datagram; a later one may find somebody.
                Refused(number, flow);
            }
            catch (Exception error) when (error is SocketException or IOException or ObjectDisposedException or OperationCanceledException)
            {
                // Its visitor's next datagram opens another.
                Close(new(number, flow));
                return;
            }
        }
    }

    /// <summary>Passes on the datagram that is there.</summary>
    private async Task AnswerOnceAsync(uint number, Flow flow)
    {
        await _writing.WaitAsync(_over.Token);
        try
        {
            var count = await flow.Socket.ReceiveAsync(_answer.AsMemory(DatagramFrame.HeaderBytes));
            (flow.Used, flow.IsAnswered) = (time.GetTimestamp(), true);
            DatagramFrame.WriteHeader(_answer, number, count);
            await wire.Stream.WriteAsync(_answer.AsMemory(0, DatagramFrame.HeaderBytes + count), _over.Token);
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task WriteAsync(ReadOnlyMemory<byte> frame)
    {
        await _writing.WaitAsync(_over.Token);
        try
        {
            await wire.Stream.WriteAsync(frame, _over.Token);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Says that it is there, and ends it all where the gateway says so no more.</summary>
    private async Task BeatAsync()
    {
        var frame = new byte[DatagramFrame.HeaderBytes];
        DatagramFrame.WriteHeader(frame, DatagramFrame.Beat, 0);
        try
        {
            while (Volatile.Read(ref _heard) is var heard && (heard == 0 || time.GetElapsedTime(heard) < DatagramFrame.SilentAfter))
            {
                await WriteAsync(frame).WaitAsync(DatagramFrame.SilentAfter, time, _over.Token);
                await Task.Delay(DatagramFrame.BeatInterval, time, _over.Token);
            }

            await _over.CancelAsync();
        }
        catch (TimeoutException)
        {
            // Nobody takes what is sent.
            await _over.CancelAsync();
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
        {
            // Whoever reads notices.
        }
    }

    private async Task SweepAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(Idle / 4, time, _over.Token);
                foreach (var entry in _flows)
                {
                    if (time.GetElapsedTime(entry.Value.Used) > Idle)
                    {
                        Close(entry);
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The port is closed.
        }
    }

    /// <param name="socket">Connected to the service.</param>
    /// <param name="used">When a datagram went by last.</param>
    /// <param name="turn">Which address it is at.</param>
    /// <param name="hasOthers">The host has others.</param>
    private sealed class Flow(Socket socket, long used, int turn, bool hasOthers)
    {
        public Socket Socket { get; } = socket;

        public long Used { get; set; } = used;

        public int Turn { get; } = turn;

        public bool HasOthers { get; } = hasOthers;

        /// <summary>The service has said something.</summary>
        public bool IsAnswered { get; set; }
    }
}
