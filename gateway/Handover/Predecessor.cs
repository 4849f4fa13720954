using Mooring.Contracts.Handover;
using Mooring.Gateway.Draining;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Serving;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Handover;

/// <summary>The predecessor's side of a takeover. See <see cref="Succession"/> for the other.</summary>
internal sealed class Predecessor(
    string path,
    GatewayEngine engine,
    DrainController drain,
    HandoverDispatcher dispatcher,
    AdminSlot admin,
    GatewayLog log
)
{
    private int _busy;

    /// <summary>Gives a successor this process's place. The link is this method's to keep or to close.</summary>
    /// <exception cref="IOException">The successor left before it stood; this process serves on.</exception>
    public async Task SucceedAsync(HandoverLink link, CancellationToken cancel)
    {
        if (Interlocked.Exchange(ref _busy, 1) != 0)
        {
            link.Dispose();
            return;
        }

        try
        {
            var sockets = await engine.ListSocketsAsync();
            await HandoverSender.SendAsync(
                link.Socket,
                new HandoverMessage { Sequence = 1, Listeners = [.. sockets.Select(socket => socket.Listener)] },
                [.. sockets.Select(socket => new DescriptorHandle(socket.Descriptor, owned: false))],
                cancel
            );
            await link.ExpectAsync(LinkMessage.Ready, cancel);
            await admin.StopAsync();
            await link.SendAsync(LinkMessage.Released, default, cancel);
            await link.ExpectAsync(LinkMessage.Go, cancel);
        }
        catch (Exception problem)
        {
            link.Dispose();
            var failure = await admin.StartAsync(CancellationToken.None);
            Volatile.Write(ref _busy, 0);
            log.Event("takeover_failed", ("reason", problem.Message), ("admin", failure));
            throw;
        }

        log.Event("succeeded", ("connections", engine.Connections));
        drain.Share();
        engine.Tunnels.GiveWay();
        // Each UDP flow gets a socket of its own, and the port's are the successor's to read.
        await engine.SetModeAsync(AcceptMode.Pause);
        try
        {
            await link.SendAsync(LinkMessage.DatagramsLeft, default, cancel);
        }
        catch (Exception gone) when (gone is IOException or System.Net.Sockets.SocketException)
        {
            // It ends with the link; what is open here is drained.
        }

        dispatcher.Direct([path], link);
        drain.Terminate(lameDuck: false);
    }
}
