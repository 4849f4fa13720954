using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.L4.Servers;

/// <summary>HAProxy in TCP mode, tuned for each listener's traffic: pipes of 1 MiB, spliced always where transfers are large.</summary>
/// <param name="reloads">With a master, which a reload needs.</param>
internal sealed class HaproxyServer(bool reloads = false) : ServerUnderTest("haproxy")
{
    private static readonly string? Program = Programs.Find("haproxy");

    public override string? Version { get; } =
        Programs.Output(Program, "-v")?.Split(' ') is ["HAProxy", "version", var version, ..] ? version : null;

    public override string HowToInstall => "apt-get install haproxy";

    protected override int ReloadSignal => Libc.SIGUSR2;

    protected override (string File, string[] Arguments) Configure(
        string directory,
        IReadOnlyList<ListenerPlan> listeners,
        IReadOnlyDictionary<string, int> ports
    )
    {
        var path = Path.Combine(directory, "haproxy.cfg");
        WriteConfig(path, listeners, ports);

        // -db: in the foreground, without a master. -W: with one, which takes on its config anew upon SIGUSR2.
        return (Program!, [reloads ? "-W" : "-db", "-f", path]);
    }

    /// <summary>Writes a config of one process.</summary>
    public static void WriteConfig(string path, IReadOnlyList<ListenerPlan> listeners, IReadOnlyDictionary<string, int> ports)
    {
        using var config = new StreamWriter(path);

        // maxpipes: by default a quarter of maxconn, two descriptors each, which the cap on descriptors has no room for.
        config.WriteLine(
            """
            global
              nbthread 1
              maxconn 9300
              maxpipes 300
              tune.pipesize 1048576
            defaults
              mode tcp
              timeout connect 5s
              timeout client 10m
              timeout server 10m
            """
        );
        foreach (var listener in listeners)
        {
            // 2.6 does not splice a plain download by itself under splice-auto (seen by strace), and needs four times the CPU then;
            // always splicing on the other hand would cost it more on small messages. It gets what is best for each.
            config.WriteLine($"frontend {listener.Name}");
            config.WriteLine(
                $"  bind 127.0.0.1:{ports[listener.Name]} backlog 4096{(listener.Tls is { } tls ? $" ssl crt {tls.Both}" : "")}"
            );
            config.WriteLine(listener.LargeTransfers ? "  option splice-request\n  option splice-response" : "  option splice-auto");
            config.WriteLine($"  default_backend {listener.Name}");
            config.WriteLine($"backend {listener.Name}");
            config.WriteLine("  balance leastconn");
            for (var i = 0; i < listener.Backends.Count; i++)
            {
                config.WriteLine($"  server s{i} {listener.Backends[i]}");
            }
        }
    }
}
