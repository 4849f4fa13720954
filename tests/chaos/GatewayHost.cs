using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace Mooring.Chaos.Tests;

/// <summary>One gateway as a process of its own (<c>gateway serve</c>), on an address of its own as a pod has.</summary>
internal sealed class GatewayHost(string name, IPEndPoint server, string configFile) : IAsyncDisposable
{
    private Process? _process;

    /// <summary>What it finds in its environment besides this process's own.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; init; } = new Dictionary<string, string>();

    /// <summary>Further options.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    public string Name => name;

    /// <summary>Where clients open tunnels; public ports are at the same address.</summary>
    public IPEndPoint Server => server;

    /// <summary>It takes connections, as far as the test knows.</summary>
    public bool IsUp { get; private set; }

    /// <summary>The front door sends nobody here.</summary>
    public bool IsHidden { get; set; }

    /// <summary>It is paused, and the front door has not noticed.</summary>
    public bool IsUnnoticed { get; set; }

    private int ProcessId => _process!.Id;

    public async Task StartAsync()
    {
        var started = new TaskCompletionSource();
        var start = new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "gateway"),
            [
                "serve",
                "--config",
                configFile,
                "--name",
                name,
                "--bind",
                $"{server.Address}",
                "--loops",
                "2",
                "--access-log",
                "off",
                .. Options,
            ]
        )
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        };
        foreach (var (variable, value) in Variables)
        {
            start.Environment[variable] = value;
        }

        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) =>
        {
            if (line.Data?.Contains("\"event\":\"started\"", StringComparison.Ordinal) == true)
            {
                started.TrySetResult();
            }
        };
        _process.BeginOutputReadLine();
        await started.Task.WaitAsync(TunnelFleet.Patience);
        IsUp = true;
    }

    /// <summary>kill -9, and waits until it is gone.</summary>
    public void Kill()
    {
        IsUp = false;
        _process!.Kill();
        _process.WaitForExit();
    }

    /// <summary>SIGSTOP: the kernel still takes its connections, and it says nothing.</summary>
    public void Pause()
    {
        IsUp = false;
        Signal("STOP");
    }

    /// <summary>SIGCONT.</summary>
    public void Resume()
    {
        Signal("CONT");
        IsUp = true;
    }

    /// <summary>SIGTERM: it drains, and ends.</summary>
    public void Terminate()
    {
        IsUp = false;
        Signal("TERM");
    }

    /// <summary>Waits for its end; the exit code.</summary>
    public async Task<int> ExitAsync()
    {
        await _process!.WaitForExitAsync().WaitAsync(TunnelFleet.Patience);
        return _process.ExitCode;
    }

    public bool HasExited => _process!.HasExited;

    /// <summary>Sockets and the like. Not the program's files, which are loaded when they are first wanted, nor pipes, of which a pool is kept.</summary>
    public int Descriptors() =>
        Directory
            .GetFileSystemEntries($"/proc/{ProcessId}/fd")
            .Select(static path => new FileInfo(path).LinkTarget ?? "")
            .Count(static target =>
                target.StartsWith("socket:", StringComparison.Ordinal) || target.StartsWith("anon_inode:", StringComparison.Ordinal)
            );

    /// <summary>What the descriptors are, for messages: sockets by their state and ports, others by their kind.</summary>
    public string DescribeDescriptors()
    {
        string[] states =
        [
            "?",
            "ESTABLISHED",
            "SYN_SENT",
            "SYN_RECV",
            "FIN_WAIT1",
            "FIN_WAIT2",
            "TIME_WAIT",
            "CLOSE",
            "CLOSE_WAIT",
            "LAST_ACK",
            "LISTEN",
        ];
        var sockets = new[] { "tcp", "tcp6" }
            .SelectMany(table => File.ReadLines($"/proc/{ProcessId}/net/{table}").Skip(1))
            .Select(static line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(static fields => fields[9] != "0")
            .DistinctBy(static fields => fields[9])
            .ToDictionary(
                static fields => $"socket:[{fields[9]}]",
                fields =>
                    $"{states[Math.Min(int.Parse(fields[3], NumberStyles.HexNumber, CultureInfo.InvariantCulture), 10)]} {Address(fields[1])}>{Address(fields[2])}"
            );
        return string.Join(
            "; ",
            Directory
                .GetFileSystemEntries($"/proc/{ProcessId}/fd")
                .Select(static path => new FileInfo(path).LinkTarget ?? "gone")
                .Select(target => sockets.GetValueOrDefault(target) ?? target.Split(":[")[0])
                .GroupBy(static kind => kind)
                .OrderBy(static group => group.Key, StringComparer.Ordinal)
                .Select(static group => $"{group.Count()} {group.Key}")
        );

        static string Address(string hex) =>
            $"{(hex.Length > 20 ? "6" : string.Join('.', Convert.FromHexString(hex.Split(':')[0]).Reverse()))}:{int.Parse(hex.Split(':')[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture)}";
    }

    public long ResidentMegabytes() =>
        long.Parse(
            File.ReadLines($"/proc/{ProcessId}/status")
                .First(static line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
            CultureInfo.InvariantCulture
        ) / 1024;

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            Signal("CONT");
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process?.Dispose();
    }

    private void Signal(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{ProcessId}"]);
        kill.WaitForExit();
    }
}
