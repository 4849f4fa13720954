using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Datagrams;

/// <summary>An engine with one UDP listener on a free port.</summary>
internal sealed class UdpGateway : IAsyncDisposable
{
    private readonly EngineHarness _harness;

    private UdpGateway(EngineHarness harness, int port) => (_harness, Port) = (harness, port);

    public int Port { get; }

    public GatewayEngine Engine => _harness.Engine;

    public IReadOnlyList<AccessRecord> Records => _harness.Records;

    public ListenerLoad Load => Engine.ListenerLoads().Single(listener => listener.Name == "media");

    public long Dropped(string reason) => Load.Datagrams!.DroppedTotal.GetValueOrDefault(reason);

    public static async Task<UdpGateway> StartAsync(
        IEnumerable<int> backends,
        Func<GatewayConfig, GatewayConfig>? change = null,
        int loops = 1,
        IPAddress? bind = null,
        Func<EngineOptions, EngineOptions>? options = null
    )
    {
        var harness = new EngineHarness(
            loops,
            before =>
            {
                var engine = before with { BindsListeners = true, BindAddress = bind ?? IPAddress.Loopback };
                return options?.Invoke(engine) ?? engine;
            }
        );
        var port = Ports.Free();
        var gateway = new UdpGateway(harness, port);
        await gateway.ApplyAsync(backends, change);
        return gateway;
    }

    public Task ApplyAsync(IEnumerable<int> backends, Func<GatewayConfig, GatewayConfig>? change = null)
    {
        var config = Config(Port, [.. backends]);
        return _harness.ApplyAsync(change?.Invoke(config) ?? config);
    }

    public static GatewayConfig Config(int port, params int[] backends) =>
        new()
        {
            Fleet = "default/test",
            Listeners = [Listener(port, new UdpListenerConfig())],
            Backends = [EngineHarness.Backend("relay", backends) with { PassiveHealth = new PassiveHealthConfig { MaxFails = 1 } }],
        };

    public static ListenerConfig Listener(int port, UdpListenerConfig udp, string name = "media", int most = 0) =>
        new()
        {
            Name = name,
            Protocol = ListenerProtocol.UDP,
            Port = port,
            Backend = "relay",
            MaxConnections = most,
            Udp = udp,
        };

    public UdpClientSocket Client(IPAddress? to = null, IPAddress? from = null) =>
        new(new IPEndPoint(to ?? IPAddress.Loopback, Port), from);

    public Task FlowsAsync(int count) =>
        Until.TrueAsync(() => Engine.Connections == count, EngineHarness.Patience, $"there are {count} flows");

    public ValueTask DisposeAsync() => _harness.DisposeAsync();
}

/// <summary>A client that hears only of the gateway.</summary>
internal sealed class UdpClientSocket : IDisposable
{
    private readonly Socket _socket;

    public UdpClientSocket(IPEndPoint gateway, IPAddress? from = null)
    {
        _socket = new Socket(gateway.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 4 << 20 };
        if (from is not null)
        {
            _socket.Bind(new IPEndPoint(from, 0));
        }

        _socket.Connect(gateway);
    }

    public Task SendAsync(byte[] data) => _socket.SendAsync(data, SocketFlags.None);

    public async Task<byte[]> ReceiveAsync()
    {
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        var buffer = new byte[70_000];
        return buffer[..await _socket.ReceiveAsync(buffer, SocketFlags.None, limit.Token)];
    }

    /// <summary>Sends until an answer comes: datagrams may be lost while an endpoint changes.</summary>
    public async Task<string> AskAsync(string text)
    {
        var data = System.Text.Encoding.UTF8.GetBytes(text);
        var buffer = new byte[70_000];
        var started = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(started) < EngineHarness.Patience)
        {
            await SendAsync(data);
            using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
            try
            {
                while (true)
                {
                    var length = await _socket.ReceiveAsync(buffer, SocketFlags.None, limit.Token);
                    var answer = System.Text.Encoding.UTF8.GetString(buffer, 0, length);
                    // Not the late answer to a question that was asked twice.
                    if (answer.EndsWith(text, StringComparison.Ordinal))
                    {
                        return answer;
                    }
                }
            }
            catch (OperationCanceledException)
            {
                // Once more.
            }
        }

        throw new TimeoutException($"no answer to '{text}'");
    }

    public void Dispose() => _socket.Dispose();
}
