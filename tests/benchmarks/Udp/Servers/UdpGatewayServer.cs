using System.Text.Json;
using Mooring.Benchmarks.Harness;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;

namespace Mooring.Benchmarks.Udp.Servers;

/// <summary>Ours: <c>gateway serve</c> with limits, session timers, passive health, metrics and the admin side switched on, as in production.</summary>
/// <remarks>Each port is TCP too: that tells when the server is up.</remarks>
internal sealed class UdpGatewayServer(string name, string? program) : ServerUnderTest(name)
{
    public const string ServerName = "mooring";

    private readonly string _program = Path.GetFullPath(program ?? BesideThis);

    public override string? Version => File.Exists(_program) ? Programs.Output(_program, "--version") : null;

    public override string HowToInstall => $"build it, or give its path by --gateway: there is no {_program}";

    private static string BesideThis
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
            Fleet = "benchmarks/udp",
            Capacity = new CapacityConfig { MaxConnections = 9_000, PerAddress = 9_000 },
            Drain = new DrainConfig { LameDuck = TimeSpan.Zero, Deadline = TimeSpan.FromSeconds(1) },
            Listeners =
            [
                .. listeners.SelectMany(listener =>
                    new[] { ListenerProtocol.UDP, ListenerProtocol.TCP }.Select(protocol => new ListenerConfig
                    {
                        Name = $"{listener.Name}-{protocol.ToString().ToLowerInvariant()}",
                        Protocol = protocol,
                        Port = ports[listener.Name],
                        Backend = listener.Name,
                        Udp = protocol == ListenerProtocol.UDP ? new UdpListenerConfig { SessionTimeout = TimeSpan.FromSeconds(10) } : null,
                    })
                ),
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
        string[] same = ["--loops", "1", "--bind", "127.0.0.1", "--access-log", "off", "--admin", $"127.0.0.1:{Ports.Free()}"];
        return (_program, ["serve", "--config", path, .. same]);
    }
}
