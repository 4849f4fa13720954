using System.Net;
using System.Net.Sockets;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>A gateway with one Tunnel listener, on loopback.</summary>
internal sealed class TunnelRig : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private const int RangeLength = 200;
    private static int _ranges = Random.Shared.Next(0, 40);
    private readonly List<string> _files = [];

    public EngineHarness Harness { get; }

    public IPEndPoint Server { get; private set; } = new(IPAddress.Loopback, 0);

    public PortRangeConfig Range { get; }

    /// <summary>Where visitors say by name what they want, if there is such a listener.</summary>
    public int VisitorsPort { get; private set; }

    /// <summary>Such a listener for a config; its port is chosen by the rig.</summary>
    public static ListenerConfig Visitors(GatewayConfig config) =>
        new()
        {
            Name = "web",
            Protocol = ListenerProtocol.Tunnel,
            Port = 0,
            Tunnel = new TunnelListenerConfig { VisitorsOf = config.Listeners[0].Name },
        };

    private TunnelRig(int loops, Func<EngineOptions, EngineOptions>? change)
    {
        Harness = new EngineHarness(loops, change);
        // Below the ports that the kernel gives to clients. Other processes may have some; there are plenty.
        var start = 12_000 + (Interlocked.Increment(ref _ranges) % 80 * RangeLength);
        Range = new PortRangeConfig { Start = start, End = start + RangeLength - 1 };
    }

    public static async Task<TunnelRig> StartAsync(
        int loops = 1,
        Func<TunnelListenerConfig, TunnelListenerConfig>? tunnel = null,
        Func<GatewayConfig, GatewayConfig>? config = null,
        Func<EngineOptions, EngineOptions>? change = null
    )
    {
        var rig = new TunnelRig(loops, change);
        var ports = await rig.Harness.ListenAsync(2);
        var port = ports[0];
        rig.VisitorsPort = ports[1];
        rig.Server = new IPEndPoint(IPAddress.Loopback, port);
        var listener = new TunnelListenerConfig { PortRange = rig.Range };
        var all = new GatewayConfig
        {
            Fleet = "default/test",
            Listeners =
            [
                new ListenerConfig
                {
                    Name = "bore",
                    Protocol = ListenerProtocol.Tunnel,
                    Port = port,
                    Tunnel = tunnel?.Invoke(listener) ?? listener,
                },
            ],
        };
        var wanted = config?.Invoke(all) ?? all;
        await rig.Harness.ApplyAsync(
            wanted with
            {
                Listeners = [.. wanted.Listeners.Select(one => one.Port == 0 ? one with { Port = rig.VisitorsPort } : one)],
            }
        );
        return rig;
    }

    /// <summary>A file with these words, until the test ends.</summary>
    public static string Secret(string words)
    {
        var path = Path.Combine(Path.GetTempPath(), $"mooring-secret-{Guid.NewGuid():N}");
        File.WriteAllText(path, words + "\n");
        return path;
    }

    public static async Task<Socket> VisitAsync(int port, IPAddress? address = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(address ?? IPAddress.Loopback, port)).WaitAsync(Patience);
        return socket;
    }

    public static async Task<string> ReadAsync(Socket socket, int bytes)
    {
        var buffer = new byte[bytes];
        var have = 0;
        while (have < bytes)
        {
            var count = await socket.ReceiveAsync(buffer.AsMemory(have)).AsTask().WaitAsync(Patience);
            if (count == 0)
            {
                break;
            }

            have += count;
        }

        return Encoding.UTF8.GetString(buffer, 0, have);
    }

    public static Task SendAsync(Socket socket, string text) => socket.SendAsync(Encoding.UTF8.GetBytes(text));

    /// <summary>A visitor's words come back.</summary>
    public static async Task ShouldEchoAsync(Socket visitor, string words)
    {
        await SendAsync(visitor, words);
        (await ReadAsync(visitor, Encoding.UTF8.GetByteCount(words))).ShouldBe(words);
    }

    /// <summary>The other end closes, or resets, without another byte.</summary>
    public static async Task ShouldEndAsync(Socket socket)
    {
        try
        {
            (await socket.ReceiveAsync(new byte[1]).WaitAsync(Patience)).ShouldBe(0);
        }
        catch (SocketException reset)
        {
            reset.SocketErrorCode.ShouldBe(SocketError.ConnectionReset);
        }
    }

    /// <summary>A visitor is reset, before or after its connect returns.</summary>
    public static async Task ShouldBeRefusedAsync(int port, IPAddress? address = null)
    {
        try
        {
            using var visitor = await VisitAsync(port, address);
            await ShouldEndAsync(visitor);
        }
        catch (SocketException reset)
        {
            reset.SocketErrorCode.ShouldBe(SocketError.ConnectionReset);
        }
    }

    /// <summary>Nothing of any tunnel is left: connections, places, claims.</summary>
    public async Task NothingLeftAsync()
    {
        var left = "";
        try
        {
            await Until.TrueAsync(
                async () =>
                {
                    var counts = await Task.WhenAll(
                        Harness.Engine.Loops.Select(loop =>
                            loop.InvokeAsync(() =>
                                (
                                    loop.Tunnels.Slots,
                                    Waiting: loop.Tunnels.WaitingVisitors,
                                    loop.Tunnels.Greetings,
                                    Rates: loop.Shaper.Count
                                )
                            )
                        )
                    );
                    left =
                        $"{string.Join(' ', counts)}, {Harness.Engine.Connections} connections, {Harness.Engine.Tunnels.Open().Count} tunnels";
                    return counts.All(static count => count == default)
                        && Harness.Engine.Connections == 0
                        && Harness.Engine.Tunnels.Open().Count == 0;
                },
                Patience,
                "nothing of the tunnels is left"
            );
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"{late.Message}: {left}", late);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Harness.DisposeAsync();
        _files.ForEach(File.Delete);
    }
}
