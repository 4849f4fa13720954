using System.Globalization;
using System.Text.Json;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.Load;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;

namespace Mooring.Benchmarks.Tunnels.Servers;

/// <summary>Ours: <c>gateway serve</c> with a Tunnel listener, and <c>gateway tunnel</c> before the services.</summary>
/// <param name="name">Short name.</param>
/// <param name="program">The <c>gateway</c> executable.</param>
internal sealed class TunnelGateway(string name, string program) : TunnelServer(name)
{
    public const string ServerName = "mooring";

    /// <summary>Another build of ours, to compare a change with what was before.</summary>
    public const string BeforeName = "before";

    private const int AtATime = 8;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly string _program = Path.GetFullPath(program);
    private int _port;

    public override string? Version => File.Exists(_program) ? Programs.Output(_program, "--version") : null;

    public override string HowToInstall => $"build it, or give its path by --gateway: there is no {_program}";

    public override async Task<RunningServer> StartAsync(IReadOnlyList<ListenerPlan> listeners, CancellationToken cancellation)
    {
        var directory = NewDirectory(Name);
        _port = Ports.Free();
        var started = new List<ChildProcess>();
        try
        {
            var (file, arguments) = Configure(directory, listeners, new Dictionary<string, int>());
            started.Add(ChildProcess.Start($"{Name} (gateway)", Cores.Server, file, arguments, keepOutput: true));
            await WaitUntilListeningAsync(started[0], _port, TimeSpan.FromMilliseconds(50), cancellation);
            string[] locals = [.. listeners.SelectMany(listener => new[] { "--local", listener.Backends[0] })];
            string[] tunnel = ["tunnel", "--to", $"127.0.0.1:{_port}", .. locals, "--once", "-o", "json"];
            started.Add(ChildProcess.Start($"{Name} (client)", Cores.Server, _program, tunnel, keepOutput: false));
            var ports = await OpenedAsync(started[1], listeners, cancellation);
            started[1].KeepRest();
            return new RunningServer(this, started, directory, listeners, ports);
        }
        catch
        {
            await StopAsync(started, directory);
            throw;
        }
    }

    public override async Task<double?> OpenedPerSecondAsync(TimeSpan during, LoadProcess load, CancellationToken cancellation)
    {
        var request = new LoadRequest
        {
            Kind = LoadKind.Tunnels,
            Target = $"127.0.0.1:{_port}",
            Connections = AtATime,
            SettleMilliseconds = 200,
            MeasureMilliseconds = (int)during.TotalMilliseconds,
        };
        var result = await load.RunAsync(Name, request, cancellation);
        return result.Operations / result.WallSeconds;
    }

    protected override (string File, string[] Arguments) Configure(
        string directory,
        IReadOnlyList<ListenerPlan> listeners,
        IReadOnlyDictionary<string, int> ports
    )
    {
        var config = new GatewayConfig
        {
            Fleet = "benchmarks/tunnels",
            Capacity = new CapacityConfig
            {
                MaxConnections = 9_500,
                // No shaping: the peers have none.
                Tunnels = new TunnelCapacityConfig { MaxTunnels = 1_000, MaxBandwidthBitsPerSecond = 0 },
            },
            Drain = new DrainConfig { LameDuck = TimeSpan.Zero, Deadline = TimeSpan.FromSeconds(1) },
            Listeners =
            [
                new ListenerConfig
                {
                    Name = "tunnels",
                    Protocol = ListenerProtocol.Tunnel,
                    Port = _port,
                    Tunnel = new TunnelListenerConfig
                    {
                        // Below those that the benchmarks choose from.
                        PortRange = new PortRangeConfig { Start = 12_000, End = 17_999 },
                    },
                },
            ],
        };
        var path = Path.Combine(directory, "gateway.json");
        File.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes(config, ContractsJson.Default.GatewayConfig));
        var admin = $"127.0.0.1:{Ports.Free()}";
        return (_program, ["serve", "--config", path, "--loops", "1", "--bind", "127.0.0.1", "--access-log", "off", "--admin", admin]);
    }

    /// <summary>The public ports, as the client says them: one line each.</summary>
    private async Task<Dictionary<string, int>> OpenedAsync(
        ChildProcess client,
        IReadOnlyList<ListenerPlan> listeners,
        CancellationToken cancellation
    )
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        var ports = new Dictionary<string, int>();
        try
        {
            while (ports.Count < listeners.Count && await client.Output.ReadLineAsync(patience.Token) is { } line)
            {
                using var said = JsonDocument.Parse(line);
                if (said.RootElement.GetProperty("event").GetString() == "open")
                {
                    var local = said.RootElement.GetProperty("local").GetString();
                    var listener = listeners.First(one => one.Backends[0] == local);
                    ports[listener.Name] = said.RootElement.GetProperty("port").GetInt32();
                }
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // As if it had ended.
        }

        return ports.Count == listeners.Count
            ? ports
            : throw new BenchmarkException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Name}: the client has {ports.Count} of {listeners.Count} ports:\n{client.Log}"
                )
            );
    }
}
