using System.Text.Json;
using Mooring.Benchmarks.Harness;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;

namespace Mooring.Benchmarks.L4.Servers;

/// <summary>Ours: <c>gateway serve</c> with limits, timers, passive health, metrics and the admin side switched on, as in production.</summary>
/// <param name="name">Short name.</param>
/// <param name="program">The <c>gateway</c> executable; null for the one that was built beside this program.</param>
/// <param name="loops">Event loops; with more than one it may run on every core.</param>
/// <param name="everyCore">It may run on every core even with one loop, to be compared with more.</param>
/// <param name="accessLog">The option <c>--access-log</c>; the peers have no such log.</param>
internal sealed class GatewayServer(string name, string? program, int loops = 1, bool everyCore = false, string accessLog = "off")
    : ServerUnderTest(name)
{
    public const string ServerName = "mooring";

    /// <summary>Another build of ours, to compare a change with what was before.</summary>
    public const string BeforeName = "before";

    /// <summary>Ours with its access log on.</summary>
    public const string LoggedName = "logged";

    private readonly string _program = Path.GetFullPath(program ?? BesideThis);

    public override string? Version => File.Exists(_program) ? Programs.Output(_program, "--version") : null;

    public override string HowToInstall => $"build it, or give its path by --gateway: there is no {_program}";

    /// <summary>Where the one that was started last serves its metrics.</summary>
    public Uri? Metrics { get; private set; }

    protected override string CoreList => loops > 1 || everyCore ? Cores.All : base.CoreList;

    // artifacts/bin/Mooring.Benchmarks/release -> artifacts/bin/Mooring.Gateway/release
    internal static string BesideThis
    {
        get
        {
            var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
            return Path.Combine(own.Parent!.Parent!.FullName, "Mooring.Gateway", own.Name, "gateway");
        }
    }

    protected override (string File, string[] Arguments) Configure(
        string directory,
        IReadOnlyList<ListenerPlan> listeners,
        IReadOnlyDictionary<string, int> ports
    )
    {
        var config = new GatewayConfig
        {
            Fleet = "benchmarks/l4",
            Capacity = new CapacityConfig { MaxConnections = 9_500, PerAddress = 9_500 },
            Drain = new DrainConfig { LameDuck = TimeSpan.Zero, Deadline = TimeSpan.FromSeconds(1) },
            Listeners =
            [
                .. listeners.Select(listener => new ListenerConfig
                {
                    Name = listener.Name,
                    Protocol = ListenerProtocol.TCP,
                    Tls = listener.Tls is not { } tls
                        ? null
                        : new TlsListenerConfig
                        {
                            Certificates =
                            [
                                new CertificateConfig
                                {
                                    Name = listener.Name,
                                    CertificateFile = tls.Certificate,
                                    KeyFile = tls.Key,
                                },
                            ],
                        },
                    Port = ports[listener.Name],
                    Backend = listener.Name,
                    Tcp = new TcpListenerConfig { IdleTimeout = TimeSpan.FromMinutes(10) },
                }),
            ],
            Backends =
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

        // Not anew by a reload, which has no new command line.
        Metrics ??= new Uri($"http://127.0.0.1:{Ports.Free()}/metrics");
        // No access log, as the peers have none; health and metrics are served, as they are in production.
        string[] same = ["--loops", $"{loops}", "--bind", "127.0.0.1", "--access-log", accessLog, "--admin", Metrics.Authority];
        return (_program, ["serve", "--config", path, .. same]);
    }
}
