using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Mooring.Testing.Redis;

/// <summary>A real redis-server, alone on a port of 127.0.0.1, that is gone with the test.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private readonly string _directory;
    private readonly string[] _arguments;
    private readonly string? _configFile;
    private Process? _process;

    private RedisServer(int port, string[] arguments)
    {
        Port = port;
        _arguments = arguments;
        _configFile = arguments is [var first, ..] && File.Exists(first) ? first : null;
        _directory = Directory.CreateTempSubdirectory("mooring-redis-").FullName;
    }

    public int Port { get; }

    public string Address => $"127.0.0.1:{Port}";

    public int ProcessId => _process?.Id ?? throw new InvalidOperationException("it does not run");

    /// <summary>Starts one and waits until it answers.</summary>
    /// <param name="arguments">Further options, such as <c>--requirepass secret</c>.</param>
    public static Task<RedisServer> StartAsync(params string[] arguments) => StartAsync(() => arguments);

    /// <summary>Likewise, with options that are made anew for each try: another port among them may be taken too.</summary>
    public static async Task<RedisServer> StartAsync(Func<string[]> arguments)
    {
        // Between choosing the port and using it somebody else may take it.
        for (var tries = 1; ; tries++)
        {
            var server = new RedisServer(Ports.Free(), arguments());
            try
            {
                await server.StartAgainAsync();
                return server;
            }
            catch (Exception) when (tries < 3)
            {
                await server.DisposeAsync();
            }
        }
    }

    /// <summary>Starts a Sentinel that watches the master under the name <c>fleet</c> and finds it dead after a second.</summary>
    public static Task<RedisServer> StartSentinelAsync(RedisServer master, int quorum)
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(
            file,
            $"""
            sentinel monitor fleet 127.0.0.1 {master.Port} {quorum}
            sentinel down-after-milliseconds fleet 1000
            sentinel failover-timeout fleet 5000

            """
        );
        return StartAsync(file, "--sentinel");
    }

    /// <summary>Starts it on the same port, empty, after <see cref="Kill"/>.</summary>
    public async Task StartAgainAsync()
    {
        var start = new ProcessStartInfo("redis-server")
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] own = ["--port", $"{Port}", "--bind", "127.0.0.1", "--dir", _directory, "--save", "", "--appendonly", "no"];
        // A config file, which Sentinel needs, comes before all options.
        foreach (var argument in _configFile is null ? own.Concat(_arguments) : _arguments.Take(1).Concat(own).Concat(_arguments.Skip(1)))
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        _process.OutputDataReceived += static (_, _) => { };
        _process.ErrorDataReceived += static (_, _) => { };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await Until.TrueAsync(
            async () =>
            {
                if (_process.HasExited)
                {
                    return true;
                }

                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, Port);
                return true;
            },
            StartLimit,
            "redis-server listens"
        );
        if (_process.HasExited)
        {
            throw new InvalidOperationException($"redis-server ended with {_process.ExitCode}");
        }
    }

    /// <summary>kill -9, and waits until it is gone.</summary>
    public void Kill()
    {
        Resume();
        _process!.Kill();
        _process.WaitForExit();
    }

    /// <summary>SIGSTOP: the kernel still takes its packets, and it answers nothing.</summary>
    public void Hang() => Signal("STOP");

    /// <summary>SIGCONT.</summary>
    public void Resume() => Signal("CONT");

    /// <summary>One command, as redis-cli runs it; its output.</summary>
    public async Task<string> CliAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("redis-cli")
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in arguments.Prepend($"{Port}").Prepend("-p"))
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return output.Trim();
    }

    public ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            Kill();
        }

        _process?.Dispose();
        Directory.Delete(_directory, recursive: true);
        if (_configFile is not null)
        {
            File.Delete(_configFile);
        }

        return ValueTask.CompletedTask;
    }

    private void Signal(string name)
    {
        if (_process is { HasExited: false })
        {
            using var kill = Process.Start("kill", [$"-{name}", $"{_process.Id}"]);
            kill.WaitForExit();
        }
    }
}
