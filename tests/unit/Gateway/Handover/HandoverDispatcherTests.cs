using System.Net.Sockets;
using Mooring.Gateway.Handover;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Handover;

/// <summary>Whom connections go to.</summary>
public sealed class HandoverDispatcherTests : IAsyncDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mooring-dispatch-");
    private readonly LogSink _sink = new(Stream.Null);

    public async ValueTask DisposeAsync()
    {
        await _sink.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Direct_OneOfTwoHangs_TheOtherHasTheConnectionsMeanwhile()
    {
        var log = new GatewayLog(_sink, default, TimeProvider.System);
        var (hanging, good) = (Path.Combine(_directory.FullName, "a.sock"), Path.Combine(_directory.FullName, "b.sock"));
        using var hung = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        hung.Bind(new UnixDomainSocketEndPoint(hanging));
        hung.Listen();
        using var server = new TestServer();
        await using var from = new EngineHarness();
        await using var to = new EngineHarness();
        var port = await from.ServeAsync(server.Port);
        await to.ServeAsync(server.Port);
        await using var takeover = new TakeoverServer(good, to.Engine, log, static () => true, static (_, _) => Task.CompletedTask);
        using var client = await EngineHarness.ConnectAsync(port);
        await Until.TrueAsync(() => from.Engine.Connections == 1, EngineHarness.Patience, "connected");
        using var stop = new CancellationTokenSource();
        using var dispatcher = new HandoverDispatcher(from.Engine, log, TimeProvider.System);
        var running = dispatcher.RunAsync(stop.Token);

        dispatcher.Direct([hanging, good]);
        // It takes the connect and says nothing: as one that was stopped.
        using var dialled = await hung.AcceptAsync();
        await Until.TrueAsync(() => to.Engine.Connections == 1, EngineHarness.Patience, "handed over");

        // It was not given up for that.
        var hello = new byte[64 * 1024];
        (await dialled.ReceiveAsync(hello, SocketFlags.None)).ShouldBeGreaterThan(0);
        dialled.Poll(0, SelectMode.SelectRead).ShouldBeFalse();
        await stop.CancelAsync();
        await running;
    }
}
