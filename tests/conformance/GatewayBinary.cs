using System.Diagnostics;
using System.Text.RegularExpressions;
using Mooring.Testing;

namespace Mooring.Conformance.Tests;

/// <summary>The real program, started as a process of its own.</summary>
internal sealed partial class GatewayBinary : IAsyncDisposable
{
    private readonly Process _process;
    private readonly DirectoryInfo _directory;

    private GatewayBinary(Process process, DirectoryInfo directory, int port) => (_process, _directory, Port) = (process, directory, port);

    public int Port { get; }

    /// <summary><c>gateway bench echo --websocket</c> on a free port.</summary>
    public static async Task<GatewayBinary> EchoAsync()
    {
        var directory = Directory.CreateTempSubdirectory("mooring");
        var process = Start(["bench", "echo", "--websocket", "--host", "127.0.0.1"], ("PORT", "0"));
        var line = await process.StandardOutput.ReadLineAsync(Deadline());
        var port = int.Parse(ListeningPort().Match(line!).Groups["port"].Value);
        return new GatewayBinary(process, directory, port);
    }

    /// <summary><c>gateway bench echo --websocket --reactor</c>: the codec and upgrade path of <c>serve</c>, by themselves.</summary>
    /// <param name="deflate">Kind of permessage-deflate that it offers; null: none.</param>
    public static async Task<GatewayBinary> CodecEchoAsync(string? deflate)
    {
        var directory = Directory.CreateTempSubdirectory("mooring");
        while (true)
        {
            var port = Ports.Free();
            string[] more = deflate is null ? [] : ["--deflate", deflate];
            var process = Start(["bench", "echo", "--websocket", "--reactor", "--host", "127.0.0.1", .. more], ("PORT", $"{port}"));
            if (await ReadUntilAsync(process, "(WebSocket echo on"))
            {
                return new GatewayBinary(process, directory, port);
            }

            // Another process took the port in between.
            process.Dispose();
        }
    }

    /// <summary><c>gateway serve</c> with one WebSocket listener in front of a backend on <paramref name="backendPort"/>.</summary>
    public static Task<GatewayBinary> ServeAsync(int backendPort) =>
        ServeAsync(port =>
            $$"""
                {
                  "fleet": "default/conformance",
                  "drain": {"lameDuck": "100ms", "closesPerSecond": 200, "closeReason": "see you elsewhere"},
                  "listeners": [{"name": "live", "protocol": "WebSocket", "port": {{port}}, "backend": "app"}],
                  "backends": [{"name": "app", "addresses": [{"address": "127.0.0.1:{{backendPort}}"}]}]
                }
                """
        );

    /// <summary><c>gateway serve</c> with the config for a free port.</summary>
    public static async Task<GatewayBinary> ServeAsync(Func<int, string> describe)
    {
        var directory = Directory.CreateTempSubdirectory("mooring");
        var config = Path.Combine(directory.FullName, "gateway.json");
        while (true)
        {
            var port = Ports.Free();
            await File.WriteAllTextAsync(config, describe(port));
            var process = Start(["serve", "--config", config, "--bind", "127.0.0.1"]);
            if (await ReadUntilAsync(process, "\"event\":\"started\""))
            {
                return new GatewayBinary(process, directory, port);
            }

            // Another process took the port in between, and the gateway has exited.
            process.Dispose();
        }
    }

    /// <summary>Sends SIGTERM.</summary>
    public async Task TerminateAsync()
    {
        using var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
        await kill.WaitForExitAsync();
    }

    /// <summary>Waits for the end and returns the exit code.</summary>
    public async Task<int> ExitAsync()
    {
        await _process.WaitForExitAsync(Deadline());
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
        _directory.Delete(recursive: true);
    }

    private static async Task<bool> ReadUntilAsync(Process process, string text)
    {
        while (await process.StandardOutput.ReadLineAsync(Deadline()) is { } line)
        {
            if (line.Contains(text, StringComparison.Ordinal))
            {
                // Read on, or the pipe fills and the log drops lines.
                _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
                return true;
            }
        }

        return false;
    }

    private static Process Start(IEnumerable<string> arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "gateway"), arguments)
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    private static CancellationToken Deadline() => new CancellationTokenSource(TimeSpan.FromSeconds(90)).Token;

    [GeneratedRegex(@":(?<port>\d+) \(WebSocket echo\)$", RegexOptions.ExplicitCapture)]
    private static partial Regex ListeningPort();
}
