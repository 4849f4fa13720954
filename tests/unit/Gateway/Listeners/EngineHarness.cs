using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Telemetry;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>An engine on loopback whose listeners get free ports, and what tests need around it.</summary>
internal sealed partial class EngineHarness : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private readonly List<Socket> _owned = [];
    private readonly Lock _gate = new();
    private readonly List<AccessRecord> _records = [];
    private readonly AccessLog _log;

    public EngineHarness(int loops = 1, Func<EngineOptions, EngineOptions>? change = null)
    {
        _log = new AccessLog(records =>
        {
            lock (_gate)
            {
                _records.AddRange(records);
            }
        });
        var options = new EngineOptions
        {
            Loops = loops,
            BindAddress = IPAddress.Loopback,
            BindsListeners = false,
            AccessLog = _log,
        };
        Engine = new GatewayEngine(change?.Invoke(options) ?? options);
    }

    public GatewayEngine Engine { get; }

    /// <summary>Connections that have ended.</summary>
    public IReadOnlyList<AccessRecord> Records
    {
        get
        {
            lock (_gate)
            {
                return [.. _records];
            }
        }
    }

    /// <summary>Listening sockets on free ports, in the engine's hands too; the ports.</summary>
    public async Task<int[]> ListenAsync(int count = 1)
    {
        for (var i = 0; i < count; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            socket.Listen(4096);
            _owned.Add(socket);
        }

        await HandOverAsync(_owned);
        return [.. _owned.TakeLast(count).Select(socket => ((IPEndPoint)socket.LocalEndPoint!).Port)];
    }

    /// <summary>Hands copies of exactly these sockets to the engine.</summary>
    public Task HandOverAsync(IEnumerable<Socket> sockets) =>
        Engine.AdoptAsync([.. sockets.Select(socket => Duplicate((int)socket.SafeHandle.DangerousGetHandle()))]);

    public IReadOnlyList<Socket> Owned => _owned;

    public async Task ApplyAsync(GatewayConfig config)
    {
        var result = await Engine.ApplyConfigAsync(config);
        result.Errors.ShouldBeEmpty();
    }

    /// <summary>One TCP listener on a free port in front of the backends at these ports, served.</summary>
    public async Task<int> ServeAsync(params int[] backends)
    {
        var port = (await ListenAsync())[0];
        await ApplyAsync(Config(port, backends));
        return port;
    }

    public static GatewayConfig Config(int port, params int[] backends) =>
        new()
        {
            Fleet = "default/test",
            Listeners = [Listener("edge", port)],
            Backends = [Backend("relay", backends)],
        };

    public static ListenerConfig Listener(string name, int port, string backend = "relay") =>
        new()
        {
            Name = name,
            Protocol = ListenerProtocol.TCP,
            Port = port,
            Backend = backend,
        };

    public static BackendConfig Backend(string name, params int[] ports) =>
        new() { Name = name, Addresses = [.. ports.Select(port => new AddressConfig { Address = $"127.0.0.1:{port}" })] };

    public static async Task<Socket> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using var limit = new CancellationTokenSource(Patience);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), limit.Token);
        return socket;
    }

    public Task NoneOpenAsync() => Until.TrueAsync(() => Engine.Connections == 0, Patience, "no connection is left");

    public async ValueTask DisposeAsync()
    {
        await Engine.DisposeAsync();
        _log.Dispose();
        _owned.ForEach(socket => socket.Dispose());
    }

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int Duplicate(int descriptor);
}
