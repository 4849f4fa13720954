using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;

namespace Mooring.Operator.Tests.Host;

/// <summary>WebSocket clients that hold their connection and come back when they are sent away. Notes how each connection ended.</summary>
internal sealed class WebSocketCrowd(int port) : IAsyncDisposable
{
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(100);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<(Task Running, CancellationTokenSource Leave)> _clients = [];
    private int _open;

    public int Open => Volatile.Read(ref _open);

    /// <summary>The close code of each connection that the other side ended, 0 without a close frame, and when.</summary>
    public ConcurrentQueue<(int Code, long At)> Ends { get; } = new();

    public void Join(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var leave = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            _clients.Add((Task.Run(() => RunAsync(leave.Token)), leave));
        }
    }

    /// <summary>The newest so many go, and do not come back.</summary>
    public async Task LeaveAsync(int count)
    {
        foreach (var (running, leave) in _clients.TakeLast(count))
        {
            await leave.CancelAsync();
            await running;
            leave.Dispose();
        }

        _clients.RemoveRange(_clients.Count - count, count);
    }

    public ValueTask DisposeAsync() => new(EndAsync());

    private async Task EndAsync()
    {
        await LeaveAsync(_clients.Count);
        _stop.Dispose();
    }

    private async Task RunAsync(CancellationToken leaving)
    {
        while (!leaving.IsCancellationRequested)
        {
            using var socket = new ClientWebSocket();
            try
            {
                await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{port}/"), leaving);
            }
            catch (Exception error) when (error is WebSocketException or OperationCanceledException)
            {
                await Task.Delay(Retry, leaving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                continue;
            }

            Interlocked.Increment(ref _open);
            await HoldAsync(socket, leaving);
            Interlocked.Decrement(ref _open);
        }
    }

    private async Task HoldAsync(ClientWebSocket socket, CancellationToken leaving)
    {
        try
        {
            while (true)
            {
                var received = await socket.ReceiveAsync(new byte[64], leaving);
                if (received.MessageType == WebSocketMessageType.Close)
                {
                    Ends.Enqueue(((int)(socket.CloseStatus ?? WebSocketCloseStatus.Empty), Stopwatch.GetTimestamp()));
                    await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, leaving);
                    return;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // It leaves.
        }
        catch (WebSocketException)
        {
            if (socket.CloseStatus is null && !leaving.IsCancellationRequested)
            {
                Ends.Enqueue((0, Stopwatch.GetTimestamp()));
            }
        }
    }
}
