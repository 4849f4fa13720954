using System.Collections.Concurrent;
using System.Net.Sockets;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels.Client;

/// <summary>Carries the datagrams of a UDP port: each visitor gets a socket of its own before the local service.</summary>
/// <param name="wire">The data connection.</param>
/// <param name="local">Where the service is.</param>
/// <param name="time">The clock.</param>
internal sealed class DatagramCarrier(TunnelWire wire, LocalPort local, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(60);

    /// <summary>Flows that give way at a time: to find them, all are looked at.</summary>
    private const int GivingWay = DatagramFrame.MaxFlows / 16;

    private readonly ConcurrentDictionary<uint, Flow> _flows = new();
    private readonly SemaphoreSlim _writing = new(1);
    private readonly CancellationTokenSource _over = new();

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
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // Nobody listens there at present, or there is no socket to be had; a datagram may be lost.
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

        var socket = new Socket(SocketType.Dgram, ProtocolType.Udp);
        try
        {
            await socket.ConnectAsync(local.Host, local.Port);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        var flow = _flows[number] = new Flow(socket, time.GetTimestamp());
        _ = AnswerAsync(number, flow);
        return flow;
    }

    private void Close(KeyValuePair<uint, Flow> entry)
    {
        _flows.TryRemove(entry);
        entry.Value.Socket.Dispose();
    }

    private async Task AnswerAsync(uint number, Flow flow)
    {
        var buffer = new byte[DatagramFrame.HeaderBytes + DatagramFrame.MaxBytes];
        while (true)
        {
            try
            {
                var count = await flow.Socket.ReceiveAsync(buffer.AsMemory(DatagramFrame.HeaderBytes));
                flow.Used = time.GetTimestamp();
                DatagramFrame.WriteHeader(buffer, number, count);
                await WriteAsync(buffer.AsMemory(0, DatagramFrame.HeaderBytes + count));
            }
            catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
            {
                // Of an earlier datagram; a later one may find somebody.
            }
            catch (Exception error) when (error is SocketException or IOException or ObjectDisposedException or OperationCanceledException)
            {
                // Its visitor's next datagram opens another.
                Close(new(number, flow));
                return;
            }
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

    private sealed class Flow(Socket socket, long used)
    {
        public Socket Socket { get; } = socket;

        public long Used { get; set; } = used;
    }
}
