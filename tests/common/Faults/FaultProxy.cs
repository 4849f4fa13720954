using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Mooring.Testing.Faults;

/// <summary>A TCP proxy on loopback that mistreats what goes through it, as a bad network or a bad peer would.</summary>
/// <remarks>
/// Each connection's two directions get plans by the connection's number, so a run is determined by its plans and not by chance; only the
/// kernel's own timing is left. Bytes that a plan lets through arrive unchanged and in order.
/// </remarks>
public sealed class FaultProxy : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly ConcurrentBag<Socket> _sockets = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly int _target;
    private readonly Func<int, (FaultPlan Up, FaultPlan Down)> _plans;
    private int _accepted;

    /// <param name="target">Port of loopback that connections are carried to.</param>
    /// <param name="plans">By the connection's number from 0 on: what befalls the bytes to the target, and those from it.</param>
    public FaultProxy(int target, Func<int, (FaultPlan Up, FaultPlan Down)> plans)
    {
        _target = target;
        _plans = plans;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(512);
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
        _ = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>Connections so far.</summary>
    public int Accepted => Volatile.Read(ref _accepted);

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        foreach (var socket in _sockets)
        {
            socket.Dispose();
        }

        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptAsync(_stop.Token);
                _sockets.Add(client);
                _ = ServeAsync(client, Interlocked.Increment(ref _accepted) - 1);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(Socket client, int number)
    {
        var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _sockets.Add(server);
        try
        {
            var (up, down) = _plans(number);
            Prepare(client, down.BufferBytes, up.BufferBytes);
            Prepare(server, up.BufferBytes, down.BufferBytes);
            await server.ConnectAsync(new IPEndPoint(IPAddress.Loopback, _target), _stop.Token);
            await Task.WhenAll(
                RunAsync(client, server, up, new Random(number)),
                RunAsync(server, client, down, new Random(number + 1_000_000))
            );
            client.Dispose();
            server.Dispose();
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The target does not answer.
            Reset(client);
            Reset(server);
        }
    }

    private async Task RunAsync(Socket from, Socket to, FaultPlan plan, Random random)
    {
        try
        {
            await CarryAsync(from, to, plan, random);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // A peer's reset, or the plan's: for both ends, and at once, since the other direction may wait for a peer that waits for us.
            Reset(from);
            Reset(to);
        }
    }

    private static void Prepare(Socket socket, int sendBuffer, int receiveBuffer)
    {
        socket.NoDelay = true;
        if (sendBuffer > 0)
        {
            socket.SendBufferSize = sendBuffer;
        }

        if (receiveBuffer > 0)
        {
            socket.ReceiveBufferSize = receiveBuffer;
        }
    }

    private async Task CarryAsync(Socket from, Socket to, FaultPlan plan, Random random)
    {
        var buffer = new byte[Math.Max(1, plan.MaxPiece)];
        var stallAt = plan.StallAt;
        var delays = plan.DelayOneIn == 0 ? 0 : plan.MaxDelays;
        for (long carried = 0; ; )
        {
            if (carried >= plan.ResetAt)
            {
                Reset(from);
                Reset(to);
                return;
            }

            if (carried >= plan.TruncateAt)
            {
                to.Shutdown(SocketShutdown.Send);
                while (await from.ReceiveAsync(buffer, _stop.Token) > 0) { }

                return;
            }

            if (carried >= stallAt)
            {
                stallAt = null;
                await Task.Delay(plan.StallTime, _stop.Token);
            }

            // Never past the place where something is to happen.
            var most = Math.Min(random.Next(1, buffer.Length + 1), Next(plan, stallAt, carried));
            var count = await from.ReceiveAsync(buffer.AsMemory(0, (int)most), _stop.Token);
            if (count == 0)
            {
                to.Shutdown(SocketShutdown.Send);
                return;
            }

            if (delays > 0 && random.Next(plan.DelayOneIn) == 0)
            {
                delays--;
                await Task.Delay(plan.Delay, _stop.Token);
            }

            for (var sent = 0; sent < count; )
            {
                sent += await to.SendAsync(buffer.AsMemory(sent, count - sent), _stop.Token);
            }

            carried += count;
        }
    }

    private static long Next(FaultPlan plan, long? stallAt, long carried) =>
        new[] { plan.ResetAt, plan.TruncateAt, stallAt }
            .Where(at => at > carried)
            .Select(at => at!.Value - carried)
            .DefaultIfEmpty(long.MaxValue)
            .Min();

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Closed already.
        }

        socket.Dispose();
    }
}
