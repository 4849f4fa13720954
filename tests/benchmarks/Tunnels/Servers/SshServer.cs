using System.Diagnostics;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.Load;

namespace Mooring.Benchmarks.Tunnels.Servers;

/// <summary><c>ssh -R</c> to an sshd of its own on loopback, with keys that are thrown away, and the cipher that is fastest with AES instructions.</summary>
internal sealed class SshServer() : TunnelServer(ServerName)
{
    public const string ServerName = "ssh -R";

    private const int AtATime = 8;

    private static readonly string? Daemon = Programs.Find("sshd");
    private static readonly string? Client = Programs.Find("ssh");
    private static readonly string? KeyMaker = Programs.Find("ssh-keygen");

    private string _directory = "";
    private int _port;
    private string _service = "";

    // "OpenSSH_9.2p1 Debian-2+deb12u5, OpenSSL …"
    public override string? Version { get; } =
        Daemon is null || KeyMaker is null ? null : Programs.Output(Client, "-V")?.Split(' ', ',')[0];

    public override string HowToInstall => "apt-get install openssh-server openssh-client";

    public override async Task<RunningServer> StartAsync(IReadOnlyList<ListenerPlan> listeners, CancellationToken cancellation)
    {
        _directory = NewDirectory("ssh");
        _port = Ports.Free();
        _service = listeners[0].Backends[0];
        var started = new List<ChildProcess>();
        try
        {
            WriteConfig();
            var config = Path.Combine(_directory, "sshd_config");
            started.Add(ChildProcess.Start("sshd", Cores.Server, Daemon!, ["-D", "-e", "-f", config], keepOutput: true));
            await WaitUntilListeningAsync(started[0], _port, TimeSpan.FromMilliseconds(50), cancellation);
            var ports = listeners.ToDictionary(listener => listener.Name, _ => Ports.Free());
            string[] forwards =
            [
                .. listeners.SelectMany(listener =>
                    new[] { "-R", $"127.0.0.1:{ports[listener.Name]}:{listener.Backends[0]}", "-o", "ExitOnForwardFailure=yes" }
                ),
            ];
            started.Add(ChildProcess.Start("ssh", Cores.Server, Client!, [.. Options(), .. forwards, "127.0.0.1"], keepOutput: true));
            foreach (var port in ports.Values)
            {
                await WaitUntilListeningAsync(started[1], port, TimeSpan.FromMilliseconds(50), cancellation);
            }

            return new RunningServer(this, started, _directory, listeners, ports);
        }
        catch
        {
            await StopAsync(started, _directory);
            throw;
        }
    }

    /// <summary>A process of <c>ssh</c> for each, on the load's core, as the load's own are in the protocol of ours.</summary>
    public override async Task<double?> OpenedPerSecondAsync(TimeSpan during, LoadProcess load, CancellationToken cancellation)
    {
        var began = Stopwatch.GetTimestamp();
        var opened = await Task.WhenAll(
            Enumerable
                .Range(0, AtATime)
                .Select(async _ =>
                {
                    var count = 0;
                    while (await OpenAsync(cancellation) && Stopwatch.GetElapsedTime(began) < during)
                    {
                        count++;
                    }

                    return count;
                })
        );
        return opened.Sum() / during.TotalSeconds;
    }

    protected override (string File, string[] Arguments) Configure(
        string directory,
        IReadOnlyList<ListenerPlan> listeners,
        IReadOnlyDictionary<string, int> ports
    ) => throw new NotSupportedException("it is two processes");

    /// <summary>True: it is open, as the client says, and is closed again.</summary>
    private async Task<bool> OpenAsync(CancellationToken cancellation)
    {
        var (file, arguments) = Cores.Pinned($"{Cores.Load}", Client!, [.. Options(), "-R", $"127.0.0.1:0:{_service}", "127.0.0.1"]);
        using var process = Process.Start(
            new ProcessStartInfo(file, arguments)
            {
                RedirectStandardError = true,
                RedirectStandardInput = true,
                UseShellExecute = false,
            }
        )!;
        try
        {
            // "Allocated port 41234 for remote forward to …"
            while (await process.StandardError.ReadLineAsync(cancellation) is { } line)
            {
                if (line.StartsWith("Allocated port", StringComparison.Ordinal))
                {
                    return true;
                }
            }

            throw new BenchmarkException($"{Name}: ssh ended without a forward");
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
        }
    }

    private string[] Options() =>
        [
            "-N",
            "-T",
            "-F",
            "none",
            "-p",
            $"{_port}",
            "-i",
            Path.Combine(_directory, "key"),
            "-c",
            "aes128-gcm@openssh.com",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            $"UserKnownHostsFile={Path.Combine(_directory, "known")}",
            "-o",
            "StrictHostKeyChecking=accept-new",
            "-o",
            "LogLevel=INFO",
        ];

    private void WriteConfig()
    {
        // Debian's package makes it when its service starts; without it, sshd does not.
        if (Environment.IsPrivilegedProcess)
        {
            Directory.CreateDirectory("/run/sshd");
        }

        foreach (var name in new[] { "host", "key" })
        {
            _ = Programs.Output(KeyMaker, "-q", "-t", "ed25519", "-N", "", "-f", Path.Combine(_directory, name));
        }

        File.Copy(Path.Combine(_directory, "key.pub"), Path.Combine(_directory, "authorized"));
        File.WriteAllText(
            Path.Combine(_directory, "sshd_config"),
            $"""
            ListenAddress 127.0.0.1:{_port}
            HostKey {_directory}/host
            PidFile {_directory}/pid
            AuthorizedKeysFile {_directory}/authorized
            StrictModes no
            UsePAM no
            PermitRootLogin prohibit-password
            PasswordAuthentication no
            AllowTcpForwarding remote
            MaxStartups 1000

            """
        );
    }
}
