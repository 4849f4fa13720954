using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Mooring.Operator.Dashboard;
using Mooring.Operator.Host.Processes;
using Mooring.Testing;

namespace Mooring.Operator.Tests.Host;

/// <summary>A running <c>operator up -o json</c> with a manifest of its own.</summary>
internal sealed class UpProcess : IAsyncDisposable
{
    private readonly CancellationTokenSource _deadline = new(TimeSpan.FromSeconds(300));
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mooring-up-");
    private readonly ConcurrentQueue<string> _errors = new();
    private readonly ConcurrentDictionary<string, FleetOverview> _fleets = new(StringComparer.Ordinal);
    private readonly HashSet<int> _children = [];
    private readonly Process _process;

    public UpProcess(Func<UpProcess, string> manifest, params IEnumerable<string> arguments)
    {
        TcpPort = Ports.Free();
        WebSocketPort = Ports.Free();
        HttpPort = Ports.Free();
        File.WriteAllText(ManifestPath, manifest(this));
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "operator"))
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
            RedirectStandardError = true,
            WorkingDirectory = _directory.FullName,
        };
        foreach (
            var argument in (IEnumerable<string>)
                [
                    "up",
                    "-f",
                    ManifestPath,
                    "-o",
                    "json",
                    "--http",
                    $"127.0.0.1:{HttpPort}",
                    .. arguments.Contains("--state-dir") ? [] : new[] { "--state-dir", StateDirectory },
                    .. arguments.Contains("--gateway") ? [] : new[] { "--gateway", GatewayPath },
                    .. arguments,
                ]
        )
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Take(line.Data);
        _process.ErrorDataReceived += (_, line) => _errors.Enqueue(line.Data ?? "");
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public static string GatewayPath
    {
        get
        {
            // artifacts/bin/PROJECT/CONFIGURATION/
            var here = AppContext.BaseDirectory.TrimEnd('/');
            return Path.GetFullPath(Path.Combine(here, "..", "..", "Mooring.Gateway", Path.GetFileName(here), "gateway"));
        }
    }

    public int TcpPort { get; }

    public int WebSocketPort { get; }

    public int HttpPort { get; }

    public int Id => _process.Id;

    public string ManifestPath => Path.Combine(_directory.FullName, "fleet.yaml");

    public string StateDirectory => Path.Combine(_directory.FullName, "state");

    public CancellationToken Deadline => _deadline.Token;

    /// <summary>The one that was shown last.</summary>
    public FleetOverview? Fleet { get; private set; }

    /// <summary>As it was shown last, where there are several; null: not yet.</summary>
    public FleetOverview? Find(string name) => _fleets.GetValueOrDefault(name);

    public string Errors => string.Join('\n', _errors);

    /// <summary>Every child that was ever shown.</summary>
    public IReadOnlyCollection<int> Children
    {
        get
        {
            lock (_children)
            {
                return [.. _children];
            }
        }
    }

    public static bool Runs(int process)
    {
        try
        {
            return !File.ReadAllText($"/proc/{process}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Whether the signal is ignored here, and so in all that is started here: SIGINT is, in what a script runs in the background.</summary>
    public static bool Ignores(int signal)
    {
        var line = File.ReadLines("/proc/self/status").First(static line => line.StartsWith("SigIgn:", StringComparison.Ordinal));
        return (
                ulong.Parse(line[7..], NumberStyles.HexNumber | NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture)
                    >> (signal - 1)
                & 1
            ) == 1;
    }

    /// <summary>As editors do it.</summary>
    public void Edit(string from, string to)
    {
        var text = File.ReadAllText(ManifestPath);
        text.ShouldContain(from);
        File.WriteAllText(ManifestPath + "~", text.Replace(from, to, StringComparison.Ordinal));
        File.Move(ManifestPath + "~", ManifestPath, overwrite: true);
    }

    public async Task UntilAsync(Func<FleetOverview, bool> condition, string what) =>
        await UntilAsync(() => Fleet is { } fleet && condition(fleet), what);

    public async Task UntilAsync(Func<bool> condition, string what)
    {
        while (!condition())
        {
            if (_deadline.IsCancellationRequested)
            {
                var fleet = Fleet is null ? "nothing" : JsonSerializer.Serialize(Fleet, OverviewJson.Default.FleetOverview);
                throw new TimeoutException($"{what} did not come; fleet: {fleet}\nerrors: {Errors}");
            }

            await Task.Delay(20, CancellationToken.None);
        }
    }

    public Task ReadyAsync() => UntilAsync(static fleet => fleet.Phase == "Ready", "phase Ready");

    public void Signal(int signal) => Libc.Kill(_process.Id, signal).ShouldBe(0);

    public async Task<int> ExitAsync()
    {
        await _process.WaitForExitAsync(Deadline);
        return _process.ExitCode;
    }

    /// <summary>Connects; one that is refused at once is returned all the same, and does not echo.</summary>
    public async Task<TcpClient> ConnectAsync()
    {
        var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, TcpPort, Deadline);
        }
        catch (SocketException)
        {
            // Reset between the kernel's accept and our look at it.
        }

        return client;
    }

    /// <summary>Whether a message comes back; false when the connection is closed.</summary>
    public async Task<bool> EchoesAsync(TcpClient client)
    {
        var message = Guid.NewGuid().ToByteArray();
        var buffer = new byte[message.Length];
        try
        {
            await client.GetStream().WriteAsync(message, Deadline);
            await client.GetStream().ReadExactlyAsync(buffer, Deadline);
            return buffer.AsSpan().SequenceEqual(message);
        }
        catch (Exception exception) when (exception is IOException or InvalidOperationException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process.Dispose();

        // The watchdog ends the children and removes the state directory; where a test failed because it did not, that is done here.
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (Directory.Exists(StateDirectory) && !limit.IsCancellationRequested)
        {
            await Task.Delay(20, CancellationToken.None);
        }

        foreach (var child in Children.Where(Runs))
        {
            _ = Libc.Kill(child, Libc.SigKill);
        }

        _deadline.Dispose();
        // The watchdog of a killed supervisor tidies up at the same time.
        await Until.TrueAsync(
            () =>
            {
                if (Directory.Exists(_directory.FullName))
                {
                    Directory.Delete(_directory.FullName, recursive: true);
                }

                return true;
            },
            TimeSpan.FromSeconds(10),
            "the test's folder is gone"
        );
    }

    private void Take(string? line)
    {
        if (string.IsNullOrEmpty(line))
        {
            return;
        }

        var fleet = JsonSerializer.Deserialize(line, OverviewJson.Default.FleetOverview)!;
        lock (_children)
        {
            _children.UnionWith(fleet.Gateways.Select(static gateway => gateway.ProcessId).Where(static id => id > 0));
            _children.UnionWith(fleet.Endpoints.Select(static endpoint => endpoint.ProcessId ?? 0).Where(static id => id > 0));
        }

        _fleets[fleet.Name] = fleet;
        Fleet = fleet;
    }
}
