using System.Text.Json;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.L4.Servers;
using Mooring.Benchmarks.WebSockets.FanOut;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;

namespace Mooring.Benchmarks.WebSockets.Echo;

/// <summary>Ours without a Hub and without a backend: <c>gateway bench echo --websocket --reactor</c>, on the loop, upgrade path and codec of <c>serve</c>.</summary>
internal sealed class ReactorServer(string name, string? program) : ServerUnderTest(name)
{
    public const string ServerName = "mooring";

    private readonly string _program = Path.GetFullPath(program ?? GatewayServer.BesideThis);

    public override string? Version => File.Exists(_program) ? Programs.Output(_program, "--version") : null;

    public override string HowToInstall => $"build it, or give its path by --gateway: there is no {_program}";

    protected override (string File, string[] Arguments) Configure(
        string directory,
        IReadOnlyList<ListenerPlan> listeners,
        IReadOnlyDictionary<string, int> ports
    )
    {
        var listener = listeners.Single();
        string[] tls = listener.Tls is null ? [] : ["--certificate", listener.Tls.Certificate, "--key", listener.Tls.Key];
        string[] verb = ["bench", "echo", "--websocket", "--reactor", "--host", "127.0.0.1"];
        return ("env", [$"PORT={ports[listener.Name]}", _program, .. verb, .. tls]);
    }
}

/// <summary>Ours in one of its two modes: <c>gateway serve</c> with limits, metrics and the admin side, as in production.</summary>
/// <param name="name">Short name.</param>
/// <param name="program">The <c>gateway</c> executable; null: beside this one.</param>
/// <param name="hub">A Hub with history and recovery; else a Proxy in front of the listener's backends.</param>
/// <param name="closesPerSecond">Of a drain.</param>
internal sealed class ServeServer(string name, string? program, bool hub, int closesPerSecond = 200) : ServerUnderTest(name)
{
    public const string Hub = "hub";
    public const string Proxy = "proxy";

    private readonly string _program = Path.GetFullPath(program ?? GatewayServer.BesideThis);

    public override string? Version => File.Exists(_program) ? Programs.Output(_program, "--version") : null;

    public override string HowToInstall => $"build it, or give its path by --gateway: there is no {_program}";

    /// <summary>Where the one that was started last serves its metrics.</summary>
    public Uri? Metrics { get; private set; }

    protected override (string File, string[] Arguments) Configure(
        string directory,
        IReadOnlyList<ListenerPlan> listeners,
        IReadOnlyDictionary<string, int> ports
    )
    {
        var connections = hub ? 19_500 : 9_500;
        var config = new GatewayConfig
        {
            Fleet = "benchmarks/ws",
            Capacity = new CapacityConfig { MaxConnections = connections, PerAddress = connections },
            Drain = new DrainConfig
            {
                LameDuck = TimeSpan.Zero,
                Deadline = TimeSpan.FromMinutes(5),
                ClosesPerSecond = closesPerSecond,
            },
            Listeners = [.. listeners.Select(listener => Listener(listener, ports[listener.Name]))],
            Backends = hub
                ? []
                :
                [
                    .. listeners.Select(listener => new BackendConfig
                    {
                        Name = listener.Name,
                        Addresses = [.. listener.Backends.Select(backend => new AddressConfig { Address = backend })],
                    }),
                ],
        };
        var path = Path.Combine(directory, "gateway.json");
        File.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes(config, ContractsJson.Default.GatewayConfig));
        Metrics = new Uri($"http://127.0.0.1:{Ports.Free()}/metrics");
        string[] same = ["--loops", "1", "--bind", "127.0.0.1", "--access-log", "off", "--admin", Metrics.Authority];
        return (_program, ["serve", "--config", path, .. same]);
    }

    private ListenerConfig Listener(ListenerPlan listener, int port) =>
        new()
        {
            Name = listener.Name,
            Protocol = ListenerProtocol.WebSocket,
            Port = port,
            Backend = hub ? null : listener.Name,
            WebSocket = !hub
                ? new WebSocketListenerConfig()
                : new WebSocketListenerConfig
                {
                    Mode = WebSocketMode.Hub,
                    Hub = new HubConfig
                    {
                        Anonymous = true,
                        PingInterval = TimeSpan.FromMinutes(10),
                        Namespaces =
                        [
                            new HubNamespaceConfig
                            {
                                Name = "own",
                                Subscribe = HubAudience.Everyone,
                                Publish = HubAudience.Everyone,
                                History = new HubHistoryConfig { Size = 10, Ttl = TimeSpan.FromMinutes(1) },
                            },
                        ],
                    },
                },
        };
}

/// <summary>npm ws of tests/conformance, on node.</summary>
internal sealed class NodeServer(int? core = null) : ServerUnderTest(FanOutServers.Ws)
{
    private static readonly string Library = Path.Combine(
        FanOutServers.Repository,
        "tests",
        "conformance",
        "node_modules",
        "ws",
        "index.js"
    );

    public override string? Version => File.Exists(Library) ? Programs.Output(Programs.Find("node"), "--version") : null;

    public override string HowToInstall => ".ci/install bench";

    protected override string CoreList => core is { } other ? $"{other}" : base.CoreList;

    protected override (string File, string[] Arguments) Configure(
        string directory,
        IReadOnlyList<ListenerPlan> listeners,
        IReadOnlyDictionary<string, int> ports
    )
    {
        var script = Path.Combine(FanOutServers.Repository, "tests", "benchmarks", "WebSockets", "Echo", "ws-echo.mjs");
        return ("node", [script, Library, .. listeners.Select(listener => Text(listener, ports))]);
    }

    /// <summary>PORT[,CERTIFICATE,KEY].</summary>
    internal static string Text(ListenerPlan listener, IReadOnlyDictionary<string, int> ports) =>
        listener.Tls is { } tls ? $"{ports[listener.Name]},{tls.Certificate},{tls.Key}" : $"{ports[listener.Name]}";
}

/// <summary>Kestrel and System.Net.WebSockets with the runtime of this program.</summary>
internal sealed class KestrelEchoServer() : ServerUnderTest(ServerName)
{
    public const string ServerName = "kestrel";

    public override string? Version => Environment.Version.ToString();

    public override string HowToInstall => "comes with the .NET SDK";

    protected override (string File, string[] Arguments) Configure(
        string directory,
        IReadOnlyList<ListenerPlan> listeners,
        IReadOnlyDictionary<string, int> ports
    ) => (Self.File, [.. Self.Arguments, "kestrel-ws", "--listen", .. listeners.Select(listener => NodeServer.Text(listener, ports))]);
}
