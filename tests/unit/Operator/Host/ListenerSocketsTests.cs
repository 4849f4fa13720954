using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Handover;
using Mooring.Operator.Host.Sockets;
using Mooring.Testing;

namespace Mooring.Operator.Tests.Host;

public sealed class ListenerSocketsTests : IDisposable
{
    private readonly CancellationTokenSource _deadline = new(TimeSpan.FromSeconds(90));
    private readonly ListenerSockets _sockets = new(IPAddress.Loopback);

    public void Dispose()
    {
        _sockets.Dispose();
        _deadline.Dispose();
    }

    [Fact]
    public void Prepare_PortInUse_NamesListenerAndPortAndBindsNothing()
    {
        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        other.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        other.Listen();
        var taken = ((IPEndPoint)other.LocalEndPoint!).Port;
        var free = FreePorts.Find(new HashSet<int> { taken });
        _sockets
            .Prepare([Listener("a", free), Listener("b", taken)])
            .ShouldBe([(1, $"listener b cannot have 127.0.0.1:{taken}: the port is in use")]);
        CanBind(free).ShouldBeTrue();
    }

    [Fact]
    public void Commit_RenamedListener_KeepsTheSocketAndRaisesTheSequence()
    {
        var port = Ports.Free();
        _sockets.Prepare([Listener("a", port)]).ShouldBeEmpty();
        _sockets.Commit("f", [Listener("a", port)]).ShouldBeTrue();
        var socket = _sockets.Handles(_sockets.Set("f")!)[0];
        _sockets.Commit("f", [Listener("a", port)]).ShouldBeFalse();

        _sockets.Prepare([Listener("b", port)]).ShouldBeEmpty();
        _sockets.Commit("f", [Listener("b", port)]).ShouldBeTrue();
        _sockets.CloseUnused();
        _sockets.Set("f")!.Sequence.ShouldBe(2);
        _sockets.Handles(_sockets.Set("f")!)[0].ShouldBeSameAs(socket);
        socket.IsClosed.ShouldBeFalse();

        _sockets.Commit("f", []).ShouldBeTrue();
        _sockets.CloseUnused();
        CanBind(port).ShouldBeTrue();
    }

    [Fact]
    public async Task HandoverServer_EachGatewayAndEachChange_GetsTheCompleteSet()
    {
        int[] ports = [Ports.Free(), Ports.Free()];
        ListenerConfig[] listeners = [.. ports.Select(static (port, i) => Listener($"l{i}", port))];
        var path = Path.Combine(Path.GetTempPath(), $"mooring-{Guid.NewGuid():N}.sock");
        await using (var server = new HandoverServer(path, TimeProvider.System))
        {
            using var early = await HandoverReceiver.ConnectAsync(path, _deadline.Token);
            var first = new HandoverReceiver(early);
            Publish(server, listeners[..1]);
            (await NamesAsync(first)).ShouldBe(["l0"]);
            Publish(server, listeners);
            (await NamesAsync(first)).ShouldBe(["l0", "l1"]);
            using var late = await HandoverReceiver.ConnectAsync(path, _deadline.Token);
            (await NamesAsync(new HandoverReceiver(late))).ShouldBe(["l0", "l1"]);
            Publish(server, listeners[1..]);
            _sockets.CloseUnused();
            (await NamesAsync(first)).ShouldBe(["l1"]);
        }

        File.Exists(path).ShouldBeFalse();
    }

    private void Publish(HandoverServer server, ListenerConfig[] listeners)
    {
        _sockets.Prepare(listeners).ShouldBeEmpty();
        _sockets.Commit("f", listeners).ShouldBeTrue();
        server.Publish(_sockets.Set("f")!, _sockets.Handles(_sockets.Set("f")!));
    }

    private async Task<string[]> NamesAsync(HandoverReceiver receiver)
    {
        using var set = await receiver.ReceiveAsync(_deadline.Token);
        return [.. set.ShouldNotBeNull().Message.Listeners.Select(static listener => listener.Name)];
    }

    private static ListenerConfig Listener(string name, int port) =>
        new()
        {
            Name = name,
            Protocol = ListenerProtocol.TCP,
            Port = port,
        };

    private static bool CanBind(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
