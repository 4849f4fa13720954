using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Mooring.Gateway.Tests.Hub.Resp;

/// <summary>One address before servers that change, as a Service is: what is open stays with its server. Answers may get lost on the way.</summary>
internal sealed class ServiceProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _cut = new();
    private volatile int _target;
    private volatile string? _muting;

    public ServiceProxy(int target)
    {
        _target = target;
        _listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Connections from now on go there.</summary>
    public void Turn(int target) => _target = target;

    /// <summary>A connection whose client says this from now on hears nothing any more.</summary>
    public void Mute(string word) => _muting = word;

    /// <summary>Connections that hear nothing are closed, and there will be no more of them.</summary>
    public void CutMuted()
    {
        _muting = null;
        _cut.Cancel();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _cut.CancelAsync();
        _listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = RelayAsync(await _listener.AcceptTcpClientAsync(_stop.Token));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task RelayAsync(TcpClient client)
    {
        using (client)
        using (var server = new TcpClient())
        {
            await server.ConnectAsync(IPAddress.Loopback, _target, _stop.Token);
            var muted = new TaskCompletionSource();
            await Task.WhenAny(
                CopyAsync(
                    client.GetStream(),
                    server.GetStream(),
                    said =>
                    {
                        if (_muting is { } word && said.Span.IndexOf(Encoding.ASCII.GetBytes(word)) >= 0)
                        {
                            muted.TrySetResult();
                        }

                        return Task.CompletedTask;
                    }
                ),
                CopyAsync(
                    server.GetStream(),
                    client.GetStream(),
                    _ => muted.Task.IsCompleted ? Task.Delay(Timeout.Infinite, _cut.Token) : Task.CompletedTask
                )
            );
        }
    }

    private async Task CopyAsync(NetworkStream from, NetworkStream to, Func<ReadOnlyMemory<byte>, Task> pass)
    {
        try
        {
            var buffer = new byte[64 * 1024];
            while (await from.ReadAsync(buffer, _stop.Token) is > 0 and var count)
            {
                await pass(buffer.AsMemory(0, count));
                await to.WriteAsync(buffer.AsMemory(0, count), _stop.Token);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // It has ended, or is cut.
        }
    }
}
