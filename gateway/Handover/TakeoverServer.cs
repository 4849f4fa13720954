using System.Net.Sockets;
using System.Runtime.InteropServices;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Handover;

/// <summary>The Unix socket at which other gateways of the same user hand their connections over to this one, or ask to take its place.</summary>
internal sealed partial class TakeoverServer : IAsyncDisposable
{
    /// <summary>Others at most at a time.</summary>
    private const int MaxPeers = 64;
    private const int SolSocket = 1;
    private const int SoPeerCred = 17;

    private readonly Socket _server = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource _stop = new();
    private readonly string _path;
    private readonly GatewayEngine _engine;
    private readonly GatewayLog _log;
    private readonly Func<bool> _serves;
    private readonly Func<HandoverLink, CancellationToken, Task> _succeed;
    private readonly Task _accepting;
    private volatile bool _succeeded;

    /// <param name="path">Path of the socket, at most 107 bytes. One that is left behind there is replaced.</param>
    /// <param name="engine">Takes the connections.</param>
    /// <param name="log">Gets an event for each handover.</param>
    /// <param name="serves">Says whether new connections are taken: then open ones are, too. Asked for each link, and for each batch.</param>
    /// <param name="succeed">Gives a successor this process's place; the link is its to close. Throws where the successor did not get that far.</param>
    /// <exception cref="SocketException">The path cannot be bound.</exception>
    public TakeoverServer(
        string path,
        GatewayEngine engine,
        GatewayLog log,
        Func<bool> serves,
        Func<HandoverLink, CancellationToken, Task> succeed
    )
    {
        (_path, _engine, _log, _serves, _succeed) = (path, engine, log, serves, succeed);
        // Under another name first: a predecessor's socket at the path is replaced at once, and never without anybody behind it.
        var temporary = $"{path}.{Environment.ProcessId}";
        File.Delete(temporary);
        _server.Bind(new UnixDomainSocketEndPoint(temporary));
        // Besides the check of each peer: nobody else can even fill the queue.
        File.SetUnixFileMode(temporary, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        _server.Listen();
        File.Move(temporary, path, overwrite: true);
        _accepting = AcceptAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _server.Dispose();
        if (!_succeeded)
        {
            File.Delete(_path);
        }

        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var serving = new List<Task>();
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var socket = await _server.AcceptAsync(_stop.Token);
                serving.RemoveAll(static task => task.IsCompleted);
                if (serving.Count < MaxPeers && IsSameUser(socket))
                {
                    serving.Add(ServeAsync(new HandoverLink(socket)));
                }
                else
                {
                    socket.Dispose();
                }
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                break;
            }
            catch (SocketException) when (!_stop.IsCancellationRequested)
            {
                // Out of descriptors, or the other side went away again: neither ends the service.
                await Task.Delay(TimeSpan.FromMilliseconds(100), CancellationToken.None);
            }
            catch (SocketException)
            {
                break;
            }
        }

        await Task.WhenAll(serving);
    }

    private async Task ServeAsync(HandoverLink link)
    {
        var kept = false;
        try
        {
            var hello = HandoverHello.Parse(await link.ExpectAsync(LinkMessage.Hello, _stop.Token));
            var answer = hello with { Version = HandoverHello.CurrentVersion, ProcessId = Environment.ProcessId, Serves = _serves() };
            await link.SendAsync(LinkMessage.Hello, answer.ToJson(), _stop.Token);
            if (hello.Version != HandoverHello.CurrentVersion || (hello.Purpose == HandoverPurpose.Give && !answer.Serves))
            {
                return;
            }

            if (hello.Purpose == HandoverPurpose.Take)
            {
                kept = true;
                await _succeed(link, _stop.Token);
                _succeeded = true;
                return;
            }

            var taken = await HandoverTaker.RunAsync(link, _engine, _stop.Token, _serves);
            _log.Event("taken_over", ("connections", taken), ("from", hello.ProcessId));
        }
        catch (Exception problem) when (problem is IOException or SocketException or InvalidDataException or ObjectDisposedException)
        {
            _log.Event("handover_broken", ("reason", problem.Message));
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The gateway ends.
        }
        finally
        {
            if (!kept)
            {
                link.Dispose();
            }
        }
    }

    private static bool IsSameUser(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[12];
        return socket.GetRawSocketOption(SolSocket, SoPeerCred, credentials) == credentials.Length
            && BitConverter.ToUInt32(credentials[4..]) == EffectiveUserId();
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUserId();
}
