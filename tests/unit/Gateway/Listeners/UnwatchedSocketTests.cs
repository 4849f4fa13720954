using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Datagrams;
using Mooring.Gateway.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>
/// Sockets that the kernel refuses to watch. The limit that makes it do so is the whole machine's, so it is made to refuse for another reason:
/// in the socket's place is an ordinary file, which epoll takes none of (EPERM), until the socket comes.
/// </summary>
public sealed partial class UnwatchedSocketTests
{
    [Fact]
    public async Task Listener_IsToldOfAndTriedAgain_UntilItIsServed()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        using var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listening.Listen();
        var port = ((IPEndPoint)listening.LocalEndPoint!).Port;
        await gateway.ApplyAsync(EngineHarness.Config(port, server.Port));
        using var place = new Place(gateway, 1);
        using var client = await EngineHarness.ConnectAsync(port);
        await client.SendAsync(new byte[1]);
        var loop = gateway.Engine.Loops[0];
        await WatchAsync(loop, place.Descriptor);
        loop.Unwatched.Count.ShouldBe(1);
        await Until.TrueAsync(() => loop.Unwatched.FailuresTotal >= 3, EngineHarness.Patience, "it is tried again");
        var load = gateway.Engine.OverloadLoad();
        load.UnwatchedSockets.ShouldBe(1);
        load.WatchFailuresTotal.ShouldBeGreaterThanOrEqualTo(3);
        load.Problem.ShouldNotBeNull().ShouldContain("who comes to 1 of its sockets");

        place.Put(listening);
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        (await client.ReceiveAsync(new byte[1], SocketFlags.None, limit.Token)).ShouldBe(1);
        await Until.TrueAsync(() => loop.Unwatched.Count == 0, EngineHarness.Patience, "it is watched");
        gateway.Engine.OverloadLoad().Problem.ShouldBeNull();
    }

    [Fact]
    public async Task Listener_ThatIsLetGoOrPaused_IsTriedNoMore()
    {
        await using var gateway = new EngineHarness();
        await gateway.ApplyAsync(EngineHarness.Config(Ports.Free(), 9));
        using var place = new Place(gateway, 2);
        var loop = gateway.Engine.Loops[0];
        await WatchAsync(loop, place.Descriptor);
        loop.Unwatched.Count.ShouldBe(1);
        (await loop.InvokeAsync(() => Paused(loop, true))).ShouldBe(0);
        (await loop.InvokeAsync(() => Paused(loop, false))).ShouldBe(1);
        await WatchAsync(loop);
        loop.Unwatched.Count.ShouldBe(0);
    }

    [Fact]
    public async Task DatagramSocket_IsTriedAgain_UntilItIsServed()
    {
        using var backend = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        backend.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using var gateway = new EngineHarness();
        using var receiving = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        receiving.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)receiving.LocalEndPoint!).Port;
        var config = EngineHarness.Config(port, ((IPEndPoint)backend.LocalEndPoint!).Port);
        await gateway.ApplyAsync(
            config with
            {
                Listeners = [config.Listeners[0] with { Protocol = ListenerProtocol.UDP, Udp = new UdpListenerConfig() }],
            }
        );
        using var place = new Place(gateway, 3);
        place.Put(receiving);
        var socket = DatagramSocket.Adopt(place.Descriptor, coalesces: false);
        place.Empty();
        var loop = gateway.Engine.Loops[0];
        await loop.InvokeAsync(() =>
        {
            loop.StartDatagrams().Shards.Watch(new Dictionary<DatagramSocket, ushort> { [socket] = 0 }, keepFlows: false);
            return true;
        });
        loop.Unwatched.Count.ShouldBe(1);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        await client.SendAsync(new byte[3]);
        await Until.TrueAsync(() => loop.Unwatched.FailuresTotal >= 2, EngineHarness.Patience, "it is tried again");

        place.Put(receiving);
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        (await backend.ReceiveAsync(new byte[10], SocketFlags.None, limit.Token)).ShouldBe(3);
        await loop.InvokeAsync(() =>
        {
            loop.Datagrams!.Shards.Watch(new Dictionary<DatagramSocket, ushort>(), keepFlows: false);
            return true;
        });
        loop.Unwatched.Count.ShouldBe(0);
    }

    private static int Paused(RelayLoop loop, bool paused)
    {
        loop.Acceptor.Pause(paused);
        return loop.Unwatched.Count;
    }

    private static Task WatchAsync(RelayLoop loop, params int[] descriptors) =>
        loop.InvokeAsync(() =>
        {
            loop.Acceptor.Watch(descriptors.ToDictionary(static _ => (ushort)0, static descriptor => new Watch(descriptor, Shared: false)));
            return true;
        });

    /// <summary>A descriptor whose number nobody else gets, since the kernel gives the lowest that is free.</summary>
    private sealed partial class Place : IDisposable
    {
        private const int CloseOnExec = 0x80000;
        private readonly FileStream _file = File.OpenRead(typeof(Place).Assembly.Location);

        public Place(EngineHarness gateway, int number)
        {
            Descriptor = (int)Math.Min(gateway.Engine.OpenFiles, 60_000) - number;
            Empty();
        }

        public int Descriptor { get; }

        /// <summary>What epoll takes none of.</summary>
        public void Empty() => Duplicate((int)_file.SafeFileHandle.DangerousGetHandle(), Descriptor, CloseOnExec).ShouldBe(Descriptor);

        public void Put(Socket socket) =>
            Duplicate((int)socket.SafeHandle.DangerousGetHandle(), Descriptor, CloseOnExec).ShouldBe(Descriptor);

        public void Dispose()
        {
            _ = Close(Descriptor);
            _file.Dispose();
        }

        [LibraryImport("libc", EntryPoint = "dup3")]
        private static partial int Duplicate(int from, int to, int flags);

        [LibraryImport("libc", EntryPoint = "close")]
        private static partial int Close(int descriptor);
    }
}
