using System.Text.Json;
using Mooring.Benchmarks.Harness;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;

namespace Mooring.Benchmarks.WebSockets.FanOut;

/// <summary>A server, or several that are one, as the fan-out benchmark starts them.</summary>
/// <param name="Name">As in the report.</param>
/// <param name="Dialect">What it wants to hear.</param>
/// <param name="Version">Null: it is not installed here.</param>
/// <param name="StartAsync">Starts it, in a directory that is empty.</param>
internal sealed record FanOutServer(
    string Name,
    FanOutDialect Dialect,
    string? Version,
    Func<string, CancellationToken, Task<FanOutFleet>> StartAsync
);

/// <summary>What was started.</summary>
/// <param name="Targets">Each <c>address:port</c>.</param>
/// <param name="Children">Their processes, those of a shared Redis too.</param>
internal sealed record FanOutFleet(string[] Targets, IReadOnlyList<ChildProcess> Children) : IAsyncDisposable
{
    public int[] Processes => [.. Children.SelectMany(child => child.Tree())];

    public async ValueTask DisposeAsync()
    {
        foreach (var child in Children)
        {
            await child.DisposeAsync();
        }
    }
}

internal static class FanOutServers
{
    public const string Ours = "mooring";
    public const string Four = "mooring-4";
    public const string Ws = "ws";
    public const string SignalR = "signalr";

    /// <summary>No server, but the least that any needs: see <see cref="BareCommand"/>.</summary>
    public const string Bare = "bare";

    /// <summary>Another build of ours.</summary>
    public const string Before = "before";

    public static IReadOnlyList<FanOutServer> All(string? gateway, string? before)
    {
        var program = Path.GetFullPath(gateway ?? BesideThis);
        var version = File.Exists(program) ? Programs.Output(program, "--version") : null;
        var ws = Path.Combine(Repository, "tests", "conformance", "node_modules", "ws", "index.js");
        return
        [
            new(Ours, FanOutDialect.Hub, version, (directory, stop) => StartGatewaysAsync(program, directory, 1, OpenHub(), stop)),
            new(
                Four,
                FanOutDialect.Hub,
                Programs.Find("redis-server") is null ? null : version,
                (directory, stop) => StartGatewaysAsync(program, directory, 4, OpenHub(), stop)
            ),
            new(
                Ws,
                FanOutDialect.Plain,
                File.Exists(ws) ? Programs.Output(Programs.Find("node"), "--version") : null,
                async (_, stop) =>
                {
                    var script = Path.Combine(Repository, "tests", "benchmarks", "WebSockets", "FanOut", "ws-fanout.mjs");
                    return await StartOneAsync(Ws, "node", port => [script, $"{port}", ws], stop);
                }
            ),
            new(
                SignalR,
                FanOutDialect.SignalR,
                Environment.Version.ToString(),
                (_, stop) => StartOneAsync(SignalR, Self.File, port => [.. Self.Arguments, "signalr", "--port", $"{port}"], stop)
            ),
            new(
                Bare,
                FanOutDialect.Plain,
                "-",
                (_, stop) => StartOneAsync(Bare, Self.File, port => [.. Self.Arguments, "bare", "--port", $"{port}"], stop)
            ),
            .. before is null
                ? (FanOutServer[])[]
                :
                [
                    new(
                        Before,
                        FanOutDialect.Hub,
                        Programs.Output(Path.GetFullPath(before), "--version"),
                        (directory, stop) => StartGatewaysAsync(Path.GetFullPath(before), directory, 1, OpenHub(), stop)
                    ),
                ],
        ];
    }

    // artifacts/bin/Mooring.Benchmarks/release
    private static DirectoryInfo Own => new(AppContext.BaseDirectory.TrimEnd('/'));

    private static string BesideThis => Path.Combine(Own.Parent!.Parent!.FullName, "Mooring.Gateway", Own.Name, "gateway");

    internal static string Repository => Own.Parent!.Parent!.Parent!.Parent!.FullName;

    private static async Task<FanOutFleet> StartOneAsync(
        string name,
        string file,
        Func<int, IEnumerable<string>> arguments,
        CancellationToken cancellation
    )
    {
        var port = Ports.Free();
        var child = ChildProcess.Start(name, Cores.Server, file, arguments(port), keepOutput: true);
        await ListeningAsync(child, port, cancellation);
        return new FanOutFleet([$"127.0.0.1:{port}"], [child]);
    }

    /// <summary>Gateways with one Hub; with more than one, over a Redis that is the first of the processes.</summary>
    internal static async Task<FanOutFleet> StartGatewaysAsync(
        string program,
        string directory,
        int count,
        HubConfig hub,
        CancellationToken cancellation
    )
    {
        var children = new List<ChildProcess>();
        var targets = new List<string>();
        RegistryConfig? registry = null;
        if (count > 1)
        {
            var port = Ports.Free();
            string[] options = ["--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory];
            children.Add(ChildProcess.Start("redis", Cores.Server, "redis-server", options, keepOutput: true));
            await ListeningAsync(children[0], port, cancellation);
            registry = new RegistryConfig { Redis = new RedisConfig { Addresses = [$"127.0.0.1:{port}"] } };
        }

        for (var i = 0; i < count; i++)
        {
            var (port, admin) = (Ports.Free(), Ports.Free());
            var path = Path.Combine(directory, $"gateway-{i}.json");
            File.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes(Config(port, registry, hub), ContractsJson.Default.GatewayConfig));
            string[] options =
            [
                "--loops",
                "1",
                "--bind",
                "127.0.0.1",
                "--access-log",
                "off",
                "--admin",
                $"127.0.0.1:{admin}",
                "--name",
                $"g-{i}",
            ];
            children.Add(
                ChildProcess.Start($"gateway {i}", Cores.Server, program, ["serve", "--config", path, .. options], keepOutput: true)
            );
            await ListeningAsync(children[^1], port, cancellation);
            targets.Add($"127.0.0.1:{port}");
        }

        return new FanOutFleet([.. targets], children);
    }

    private static GatewayConfig Config(int port, RegistryConfig? registry, HubConfig hub) =>
        new()
        {
            Fleet = "benchmarks/fanout",
            Registry = registry,
            Capacity = new CapacityConfig { MaxConnections = 19_000, PerAddress = 19_000 },
            Drain = new DrainConfig { LameDuck = TimeSpan.Zero, Deadline = TimeSpan.FromSeconds(1) },
            Listeners =
            [
                new ListenerConfig
                {
                    Name = "hub",
                    Protocol = ListenerProtocol.WebSocket,
                    Port = port,
                    WebSocket = new WebSocketListenerConfig { Mode = WebSocketMode.Hub, Hub = hub },
                },
            ],
            Backends = [],
        };

    private static HubConfig OpenHub() =>
        new()
        {
            Anonymous = true,
            PingInterval = TimeSpan.FromMinutes(10),
            Namespaces =
            [
                new HubNamespaceConfig
                {
                    Name = "",
                    Subscribe = HubAudience.Everyone,
                    Publish = HubAudience.Everyone,
                },
            ],
        };

    private static Task ListeningAsync(ChildProcess child, int port, CancellationToken cancellation) =>
        ServerUnderTest.WaitUntilListeningAsync(child, port, TimeSpan.FromMilliseconds(50), cancellation);
}
