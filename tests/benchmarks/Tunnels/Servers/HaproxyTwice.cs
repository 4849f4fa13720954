using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.L4.Servers;
using Mooring.Benchmarks.Load;

namespace Mooring.Benchmarks.Tunnels.Servers;

/// <summary>Visitor → HAProxy → HAProxy → service: what two hops cost that are no tunnel, spliced with pipes of 1 MiB.</summary>
internal sealed class HaproxyTwice() : TunnelServer(ServerName)
{
    public const string ServerName = "haproxy";

    private static readonly string? Program = Programs.Find("haproxy");

    public override string? Version { get; } = new HaproxyServer().Version;

    public override string HowToInstall => "apt-get install haproxy";

    public override async Task<RunningServer> StartAsync(IReadOnlyList<ListenerPlan> listeners, CancellationToken cancellation)
    {
        var directory = NewDirectory(Name);
        var started = new List<ChildProcess>();
        try
        {
            var inner = await HopAsync("inner", listeners);
            var outer = await HopAsync("outer", [.. listeners.Select(plan => plan with { Backends = [$"127.0.0.1:{inner[plan.Name]}"] })]);
            return new RunningServer(this, started, directory, listeners, outer);
        }
        catch
        {
            await StopAsync(started, directory);
            throw;
        }

        async Task<Dictionary<string, int>> HopAsync(string name, IReadOnlyList<ListenerPlan> plans)
        {
            var ports = plans.ToDictionary(plan => plan.Name, _ => Ports.Free());
            var path = Path.Combine(directory, $"{name}.cfg");
            HaproxyServer.WriteConfig(path, plans, ports);
            started.Add(ChildProcess.Start($"{Name} ({name})", Cores.Server, Program!, ["-db", "-f", path], keepOutput: true));
            foreach (var port in ports.Values)
            {
                await WaitUntilListeningAsync(started[^1], port, TimeSpan.FromMilliseconds(50), cancellation);
            }

            return ports;
        }
    }

    public override Task<double?> OpenedPerSecondAsync(TimeSpan during, LoadProcess load, CancellationToken cancellation) =>
        Task.FromResult<double?>(null);

    protected override (string File, string[] Arguments) Configure(
        string directory,
        IReadOnlyList<ListenerPlan> listeners,
        IReadOnlyDictionary<string, int> ports
    ) => throw new NotSupportedException("it is two processes");
}
