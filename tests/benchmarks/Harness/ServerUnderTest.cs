using System.Net.Sockets;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Harness;

/// <summary>One listener that every server of a comparison gets.</summary>
/// <param name="Name">Short name: a DNS label.</param>
/// <param name="Backends">Each <c>address:port</c>.</param>
/// <param name="LargeTransfers">It carries bulk, for a server that must be told to be good at it.</param>
/// <param name="Tls">The server ends TLS with this certificate; null: no TLS.</param>
internal sealed record ListenerPlan(string Name, IReadOnlyList<string> Backends, bool LargeTransfers = false, TlsFiles? Tls = null);

/// <summary>A certificate for servers under test.</summary>
/// <param name="Certificate">PEM file.</param>
/// <param name="Key">PEM file.</param>
/// <param name="Both">PEM file with both, for a server that wants one.</param>
internal sealed record TlsFiles(string Certificate, string Key, string Both);

/// <summary>A program that a benchmark compares: how it is found, configured and started.</summary>
internal abstract class ServerUnderTest(string name)
{
    /// <summary>Short name, as in tables and reports.</summary>
    public string Name { get; } = name;

    /// <summary>Version as the program tells it; null when it is not installed here.</summary>
    public abstract string? Version { get; }

    /// <summary>What to do when <see cref="Version"/> is null.</summary>
    public abstract string HowToInstall { get; }

    /// <summary>Writes the config into <paramref name="directory"/>. Returns the command line.</summary>
    /// <param name="ports">Port on 127.0.0.1 of each listener, by its name.</param>
    protected abstract (string File, string[] Arguments) Configure(
        string directory,
        IReadOnlyList<ListenerPlan> listeners,
        IReadOnlyDictionary<string, int> ports
    );

    /// <summary>Cores that it may run on.</summary>
    protected virtual string CoreList => $"{Cores.Server}";

    /// <summary>Signal upon which it takes on its config file anew. Default: SIGHUP.</summary>
    protected virtual int ReloadSignal => Libc.SIGHUP;

    /// <summary>Writes another config over the first. Returns the signal that makes the server take it on.</summary>
    internal int Reconfigure(string directory, IReadOnlyList<ListenerPlan> listeners, IReadOnlyDictionary<string, int> ports)
    {
        _ = Configure(directory, listeners, ports);
        return ReloadSignal;
    }

    /// <summary>Starts the server on its core and waits until every listener accepts.</summary>
    /// <exception cref="BenchmarkException">It ended, or does not listen within 20 s; the message has its last output.</exception>
    public virtual async Task<RunningServer> StartAsync(IReadOnlyList<ListenerPlan> listeners, CancellationToken cancellation)
    {
        var directory = Directory.CreateTempSubdirectory($"mooring-bench-{Name}-").FullName;
        var ports = listeners.ToDictionary(listener => listener.Name, _ => Ports.Free());
        var (file, arguments) = Configure(directory, listeners, ports);
        var process = ChildProcess.Start(Name, CoreList, file, arguments, keepOutput: true);
        try
        {
            foreach (var port in ports.Values)
            {
                await WaitUntilListeningAsync(process, port, TimeSpan.FromMilliseconds(50), cancellation);
            }

            return new RunningServer(this, [process], directory, listeners, ports);
        }
        catch
        {
            await process.DisposeAsync();
            Directory.Delete(directory, recursive: true);
            throw;
        }
    }

    internal static async Task WaitUntilListeningAsync(ChildProcess process, int port, TimeSpan pause, CancellationToken cancellation)
    {
        for (var tries = 0; tries < TimeSpan.FromSeconds(20) / pause; tries++)
        {
            if (process.HasExited)
            {
                throw new BenchmarkException($"{process.Name} ended before it listened on port {port}:\n{process.Log}");
            }

            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync("127.0.0.1", port, cancellation);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(pause, cancellation);
            }
        }

        throw new BenchmarkException($"{process.Name} does not listen on port {port} after 20 s:\n{process.Log}");
    }
}

/// <summary>A started server, or several that do one thing together. Disposing stops it, and removes its directory.</summary>
/// <param name="server">What it is.</param>
/// <param name="processes">Its processes; the first takes signals, and all are stopped, the last first.</param>
/// <param name="directory">Its files.</param>
/// <param name="listeners">What it carries.</param>
/// <param name="ports">Port on 127.0.0.1 of each.</param>
internal sealed class RunningServer(
    ServerUnderTest server,
    IReadOnlyList<ChildProcess> processes,
    string directory,
    IReadOnlyList<ListenerPlan> listeners,
    IReadOnlyDictionary<string, int> ports
) : IAsyncDisposable
{
    public string Name => server.Name;

    /// <summary>All processes of the server, for the meters.</summary>
    public int[] Processes { get; } = [.. processes.SelectMany(process => process.Tree())];

    /// <summary>Address and port of a listener.</summary>
    public string Target(string listener) => $"127.0.0.1:{ports[listener]}";

    /// <summary>Gives the server a config with one listener more, and waits until that accepts. Returns how long it took.</summary>
    /// <exception cref="BenchmarkException">It does not within 20 s, or ended.</exception>
    public async Task<TimeSpan> ReloadAsync(ListenerPlan added, CancellationToken cancellation)
    {
        var port = Ports.Free();
        var signal = server.Reconfigure(directory, [.. listeners, added], new Dictionary<string, int>(ports) { [added.Name] = port });
        var began = System.Diagnostics.Stopwatch.GetTimestamp();
        processes[0].Signal(signal);
        await ServerUnderTest.WaitUntilListeningAsync(processes[0], port, TimeSpan.FromMilliseconds(2), cancellation);
        return System.Diagnostics.Stopwatch.GetElapsedTime(began);
    }

    /// <summary>Sends the server a signal.</summary>
    public void Signal(int number) => processes[0].Signal(number);

    /// <summary>Throws when the server is gone.</summary>
    /// <exception cref="BenchmarkException">The server has ended by itself.</exception>
    public void CheckAlive()
    {
        if (processes.FirstOrDefault(process => process.HasExited) is { } gone)
        {
            throw new BenchmarkException($"{gone.Name} ended by itself:\n{gone.Log}");
        }
    }

    /// <summary>Waits until the server has used less than 1 % of a core for <paramref name="length"/>: a compiler may be at work in the background.</summary>
    /// <param name="length">The longer the surer on a busy machine, where a thread that wants to run looks quiet. Waited for ten times at most.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task QuietAsync(TimeSpan length, CancellationToken cancellation)
    {
        for (var tries = 0; tries < 10; tries++)
        {
            var before = CpuMeter.Read(Processes);
            await Task.Delay(length, cancellation);
            if ((CpuMeter.Read(Processes) - before).CpuNanoseconds < length.TotalNanoseconds / 100)
            {
                return;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in processes.Reverse())
        {
            await process.DisposeAsync();
        }

        Directory.Delete(directory, recursive: true);
    }
}
