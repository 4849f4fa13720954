using System.Net.Sockets;
using System.Runtime.InteropServices;
using Mooring.Contracts.Handover;

namespace Mooring.Operator.Host.Sockets;

/// <summary>Gives the listening sockets to each gateway that connects, and to all of them at every change.</summary>
/// <remarks>
/// Thread-safe. A gateway that does not read is cut off after a while. Only processes of the same user get anything.
/// </remarks>
internal sealed class HandoverServer : IAsyncDisposable
{
    private static readonly TimeSpan SendTimeout = TimeSpan.FromSeconds(10);
    private readonly Lock _lock = new();
    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly Socket _server = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<Peer> _peers = [];
    private readonly Task _accepting;
    private HandoverMessage _message = new() { Sequence = 0 };
    private IReadOnlyList<SafeHandle> _handles = [];
    private IReadOnlyList<int?> _owners = [];

    /// <param name="path">Path of the Unix socket, at most 107 bytes; removed at the end.</param>
    /// <param name="time">For the bound on a slow gateway.</param>
    /// <exception cref="SocketException">There is something at the path, or no descriptor left.</exception>
    public HandoverServer(string path, TimeProvider time)
    {
        (_path, _time) = (path, time);
        try
        {
            _server.Bind(new UnixDomainSocketEndPoint(path));
            _server.Listen();
        }
        catch
        {
            _server.Dispose();
            throw;
        }

        _accepting = AcceptAsync();
    }

    /// <summary>Sets the complete set. The handles have to stay open until the next set has been published.</summary>
    /// <param name="message">What each socket is for.</param>
    /// <param name="handles">The sockets.</param>
    /// <param name="owners">Who gets each: the process of that id alone; null: every one. Left out: every one gets all.</param>
    public void Publish(HandoverMessage message, IReadOnlyList<SafeHandle> handles, IReadOnlyList<int?>? owners = null)
    {
        lock (_lock)
        {
            (_message, _handles, _owners) = (message, handles, owners ?? new int?[handles.Count]);
            foreach (var peer in _peers)
            {
                peer.Changed.TrySetResult();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _server.Dispose();
        await _accepting;
        File.Delete(_path);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var serving = new List<Task>();
        while (true)
        {
            try
            {
                var socket = await _server.AcceptAsync(_stop.Token);
                serving.RemoveAll(static task => task.IsCompleted);
                serving.Add(ServeAsync(socket));
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                await Task.WhenAll(serving);
                return;
            }
            catch (SocketException)
            {
                // Out of descriptors, or the gateway went away again: neither ends the service.
                await Task.Delay(TimeSpan.FromMilliseconds(100), _time, CancellationToken.None);
            }
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using var _ = socket;
        if (PeerProcess.OfSameUser(socket) is not { } process)
        {
            return;
        }

        var peer = new Peer();
        try
        {
            var closed = WaitForCloseAsync(socket);
            while (!closed.IsCompleted)
            {
                HandoverMessage message;
                IReadOnlyList<SafeHandle> handles;
                lock (_lock)
                {
                    peer.Changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    _peers.Add(peer);
                    (message, handles) = PartOf(process);
                }

                // Sequence 0 is no set yet.
                if (message.Sequence > 0)
                {
                    using var limit = new CancellationTokenSource(SendTimeout, _time);
                    using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _stop.Token);
                    try
                    {
                        await HandoverSender.SendAsync(socket, message, handles, either.Token);
                    }
                    catch (ObjectDisposedException) when (peer.Changed.Task.IsCompleted)
                    {
                        // A socket was closed before it was sent, and so was nothing of the message: the next set is there already.
                        continue;
                    }
                }

                await Task.WhenAny(peer.Changed.Task, closed);
            }
        }
        catch (Exception exception)
            when (exception is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The gateway is gone, or too slow: it dials again.
        }
        finally
        {
            lock (_lock)
            {
                _peers.Remove(peer);
            }
        }
    }

    private (HandoverMessage Message, IReadOnlyList<SafeHandle> Handles) PartOf(int process)
    {
        var mine = Enumerable.Range(0, _handles.Count).Where(i => _owners[i] is null || _owners[i] == process).ToList();
        return (_message with { Listeners = [.. mine.Select(i => _message.Listeners[i])] }, [.. mine.Select(i => _handles[i])]);
    }

    private async Task WaitForCloseAsync(Socket socket)
    {
        try
        {
            // A gateway has nothing to say here; whatever comes means that it is gone.
            await socket.ReceiveAsync(new byte[1], SocketFlags.None, _stop.Token);
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException) { }
    }

    private sealed class Peer
    {
        public TaskCompletionSource Changed { get; set; } = new();
    }
}
