using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Tests.WebSockets;

/// <summary>A real engine with one WebSocket listener on a free loopback port.</summary>
internal sealed class ProxyGateway : IAsyncDisposable
{
    private ProxyGateway(GatewayEngine engine, int port) => (Engine, Port) = (engine, port);

    public GatewayEngine Engine { get; }

    public int Port { get; }

    public static async Task<ProxyGateway> StartAsync(WebSocketListenerConfig listener, string? backend, params BackendConfig[] backends)
    {
        // Handed over rather than bound by number, so that no other process can take the port in between.
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen(512);
        var port = ((IPEndPoint)socket.LocalEndPoint!).Port;
        var descriptor = (int)socket.Handle;
        socket.SafeHandle.SetHandleAsInvalid();

        var engine = new GatewayEngine(
            new EngineOptions
            {
                Loops = 2,
                BindsListeners = false,
                Upgrades = config => new ProxyUpgradeHandler(config),
            }
        );
        var gateway = new ProxyGateway(engine, port);
        await engine.AdoptAsync([descriptor]);
        await gateway.ApplyAsync(listener, backend, backends);
        return gateway;
    }

    /// <summary>Of the next config.</summary>
    public CapacityConfig Capacity { get; set; } = new();

    /// <summary>Of the next config's listener.</summary>
    public TlsListenerConfig? Tls { get; set; }

    public async Task ApplyAsync(WebSocketListenerConfig listener, string? backend, params BackendConfig[] backends)
    {
        var result = await Engine.ApplyConfigAsync(
            new GatewayConfig
            {
                Fleet = "default/test",
                Capacity = Capacity,
                Listeners =
                [
                    new ListenerConfig
                    {
                        Name = "live",
                        Protocol = ListenerProtocol.WebSocket,
                        Port = Port,
                        Backend = backend,
                        WebSocket = listener,
                        Tls = Tls,
                    },
                ],
                Backends = backends,
            }
        );
        result.Errors.ShouldBeEmpty();
    }

    public static BackendConfig Backend(string name, params int[] ports) =>
        new() { Name = name, Addresses = [.. ports.Select(port => new AddressConfig { Address = $"127.0.0.1:{port}" })] };

    public async Task<ClientWebSocket> ConnectAsync(string path = "/", Action<ClientWebSocketOptions>? configure = null)
    {
        var client = new ClientWebSocket();
        client.Options.CollectHttpResponseDetails = true;
        configure?.Invoke(client.Options);
        try
        {
            await client.ConnectAsync(new Uri($"ws://127.0.0.1:{Port}{path}"), Deadline());
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Sends raw bytes and reads until the gateway closes.</summary>
    public async Task<string> AskAsync(string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port, Deadline());
        await client.GetStream().WriteAsync(System.Text.Encoding.Latin1.GetBytes(request), Deadline());
        using var reader = new StreamReader(client.GetStream());
        return await reader.ReadToEndAsync(Deadline());
    }

    public async ValueTask DisposeAsync() => await Engine.DisposeAsync();

    public static CancellationToken Deadline() => new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token;
}
