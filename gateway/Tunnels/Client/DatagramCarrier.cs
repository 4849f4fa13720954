using System.Collections.Concurrent;
using System.Net.Sockets;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels.Client;

/// <summary>Carries the datagrams of a UDP port: each visitor gets a socket of its own before the local service.</summary>
internal static class DatagramCarrier
{
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(60);

    public static async Task RunAsync(TunnelWire wire, LocalPort local, TimeProvider time)
    {
        var flows = new ConcurrentDictionary<uint, Flow>();
        using var writing = new SemaphoreSlim(1);
        using var over = new CancellationTokenSource();
        var sweeping = SweepAsync(flows, time, over.Token);
        try
        {
            var reader = new DatagramReader(wire.Stream, wire.TakeRest());
            while (await reader.ReadAsync(CancellationToken.None) is var (number, datagram))
            {
                if (!flows.TryGetValue(number, out var flow))
                {
                    if (flows.Count >= DatagramFrame.MaxFlows)
                    {
                        continue;
                    }

                    var socket = new Socket(SocketType.Dgram, ProtocolType.Udp);
                    await socket.ConnectAsync(local.Host, local.Port);
                    flows[number] = flow = new Flow(socket, time.GetTimestamp());
                    _ = AnswerAsync(wire, number, flow, writing, time);
                }

                flow.Used = time.GetTimestamp();
                try
                {
                    await flow.Socket.SendAsync(datagram);
                }
                catch (SocketException)
                {
                    // Nobody listens there at present; a datagram may be lost.
                }
            }
        }
        finally
        {
            await over.CancelAsync();
            await sweeping;
            foreach (var flow in flows.Values)
            {
                flow.Socket.Dispose();
            }
        }
    }

    private static async Task AnswerAsync(TunnelWire wire, uint number, Flow flow, SemaphoreSlim writing, TimeProvider time)
    {
        var buffer = new byte[DatagramFrame.HeaderBytes + DatagramFrame.MaxBytes];
        while (true)
        {
            try
            {
                var count = await flow.Socket.ReceiveAsync(buffer.AsMemory(DatagramFrame.HeaderBytes));
                flow.Used = time.GetTimestamp();
                DatagramFrame.WriteHeader(buffer, number, count);
                await writing.WaitAsync();
                try
                {
                    await wire.Stream.WriteAsync(buffer.AsMemory(0, DatagramFrame.HeaderBytes + count));
                }
                finally
                {
                    writing.Release();
                }
            }
            catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
            {
                // Of an earlier datagram; a later one may find somebody.
            }
            catch (Exception error) when (error is SocketException or IOException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private static async Task SweepAsync(ConcurrentDictionary<uint, Flow> flows, TimeProvider time, CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                await Task.Delay(Idle / 4, time, cancellation);
                foreach (var (number, flow) in flows)
                {
                    if (time.GetElapsedTime(flow.Used) > Idle && flows.TryRemove(number, out _))
                    {
                        flow.Socket.Dispose();
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
