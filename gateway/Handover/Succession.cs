using System.Net.Sockets;
using Mooring.Contracts.Handover;

namespace Mooring.Gateway.Handover;

/// <summary>The successor's side of a takeover: sockets first, so that nobody waits, then connections.</summary>
/// <remarks>
/// Until <see cref="GoAsync"/> the predecessor serves on, and goes on serving should this process end. Both accept from the same queues in
/// between.
/// </remarks>
internal sealed class Succession : IDisposable
{
    private readonly HandoverLink _link;

    private Succession(HandoverLink link, int sockets) => (_link, Sockets) = (link, sockets);

    /// <summary>Listening sockets that were taken.</summary>
    public int Sockets { get; }

    /// <summary>Whether a gateway serves at <paramref name="path"/>.</summary>
    public static bool IsThere(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Takes the listening sockets of the gateway that serves at <paramref name="path"/>; null where there is none.</summary>
    /// <exception cref="IOException">It does not hand over: it is of another form, or has a successor already.</exception>
    public static async Task<Succession?> BeginAsync(string path, GatewayEngine engine, CancellationToken cancel)
    {
        HandoverLink? link;
        try
        {
            link = await HandoverDispatcher.DialAsync(path, HandoverPurpose.Take, cancel);
        }
        catch (SocketException nobody)
            when (nobody.SocketErrorCode is SocketError.ConnectionRefused or SocketError.AddressNotAvailable || !File.Exists(path))
        {
            return null;
        }

        if (link is null)
        {
            return null;
        }

        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            limit.CancelAfter(HandoverLink.StepTimeout);
            using var set =
                await new HandoverReceiver(link.Socket).ReceiveAsync(limit.Token)
                ?? throw new IOException("the gateway that serves has a successor already");
            return new Succession(link, engine.Inherit([.. set.Sockets.Select(socket => socket.Release())]));
        }
        catch (OperationCanceledException late) when (!cancel.IsCancellationRequested)
        {
            link.Dispose();
            throw new IOException("the gateway that serves does not hand its sockets over", late);
        }
        catch
        {
            link.Dispose();
            throw;
        }
    }

    /// <summary>Connections are accepted here too: the predecessor frees its admin address.</summary>
    public async Task ReadyAsync(CancellationToken cancel)
    {
        await _link.SendAsync(LinkMessage.Ready, default, cancel);
        await _link.ExpectAsync(LinkMessage.Released, cancel);
    }

    /// <summary>This process stands on its own: from here on the predecessor accepts no more, and hands over.</summary>
    public Task GoAsync(CancellationToken cancel) => _link.SendAsync(LinkMessage.Go, default, cancel);

    /// <summary>Takes connections until the predecessor has ended. Returns how many.</summary>
    /// <remarks>
    /// A predecessor that hangs says neither that it has left the ports' UDP sockets nor that it is gone, and they are this process's to accept by: after <see cref="HandoverLink.StepTimeout"/>
    /// they are read here. Should it go on later, its clients' flows come all the same.
    /// </remarks>
    public async Task<int> RunAsync(GatewayEngine engine, TimeProvider time, CancellationToken cancel)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var late = ReceiveDatagramsLateAsync(engine, time, ended.Token);
        try
        {
            return await HandoverTaker.RunAsync(_link, engine, cancel);
        }
        finally
        {
            await ended.CancelAsync();
            await late;
        }
    }

    public void Dispose() => _link.Dispose();

    private static async Task ReceiveDatagramsLateAsync(GatewayEngine engine, TimeProvider time, CancellationToken ended)
    {
        try
        {
            await Task.Delay(HandoverLink.StepTimeout, time, ended);
            await engine.ReceiveDatagramsAsync();
        }
        catch (OperationCanceledException)
        {
            // It has ended in time, or this gateway does.
        }
    }
}
