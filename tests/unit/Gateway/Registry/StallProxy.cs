using System.Net;
using System.Net.Sockets;

namespace Mooring.Gateway.Tests.Registry;

/// <summary>A network between a client and a server that can go silent: connections stay open, and nothing comes through any more.</summary>
internal sealed class StallProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly int _target;
    private volatile CancellationTokenSource _flow = new();

    public StallProxy(int target)
    {
        _target = target;
        _listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>What is open goes silent, for good; what comes later passes.</summary>
    public void Stall() => Interlocked.Exchange(ref _flow, new CancellationTokenSource()).Cancel();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                _ = RelayAsync(await _listener.AcceptTcpClientAsync(_stop.Token), _flow.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task RelayAsync(TcpClient client, CancellationToken flow)
    {
        using (client)
        using (var server = new TcpClient())
        {
            await server.ConnectAsync(IPAddress.Loopback, _target, _stop.Token);
            var (left, right) = (client.GetStream(), server.GetStream());
            await Task.WhenAny(CopyAsync(left, right, flow), CopyAsync(right, left, flow));
            if (flow.IsCancellationRequested)
            {
                // Both stay open until the test is over.
                await Task.Delay(Timeout.Infinite, _stop.Token).ContinueWith(static _ => { }, TaskScheduler.Default);
            }
        }
    }

    private static async Task CopyAsync(NetworkStream from, NetworkStream to, CancellationToken flow)
    {
        try
        {
            await from.CopyToAsync(to, flow);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // It has ended, or gone silent.
        }
    }
}
