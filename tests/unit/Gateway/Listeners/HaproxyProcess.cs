using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>An HAProxy with one listener on a free port of loopback.</summary>
internal sealed class HaproxyProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _file;

    private HaproxyProcess(Process process, string file, int port) => (_process, _file, Port) = (process, file, port);

    /// <summary>Null where there is none on the PATH, or in Debian's place for it.</summary>
    public static string? Program { get; } =
        $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin"
            .Split(':')
            .Select(folder => Path.Combine(folder, "haproxy"))
            .FirstOrDefault(File.Exists);

    public int Port { get; }

    /// <param name="sections">Frontends and backends, for the port of the listener.</param>
    public static async Task<HaproxyProcess> StartAsync(Func<int, string> sections)
    {
        while (true)
        {
            var port = EngineProbes.ClosedPort();
            var file = Path.GetTempFileName();
            await File.WriteAllTextAsync(
                file,
                $"defaults\n    timeout connect 10s\n    timeout client 30s\n    timeout server 30s\n{sections(port)}\n"
            );
            var process = Process.Start(
                new ProcessStartInfo(Program!, ["-db", "-q", "-f", file]) { RedirectStandardError = true, UseShellExecute = false }
            )!;
            await Until.TrueAsync(() => process.HasExited || Listens(port), EngineHarness.Patience, "haproxy listens");
            if (!process.HasExited)
            {
                return new HaproxyProcess(process, file, port);
            }

            var problem = await process.StandardError.ReadToEndAsync();
            problem.ShouldContain("cannot bind", customMessage: problem);
            process.Dispose();
            File.Delete(file);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        File.Delete(_file);
    }

    private static bool Listens(int port)
    {
        try
        {
            using var probe = new TcpClient();
            probe.Connect(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}

/// <summary>A test that needs HAProxy; skipped, and counted as such, without.</summary>
public sealed class HaproxyFactAttribute : FactAttribute
{
    public HaproxyFactAttribute() => Skip = HaproxyProcess.Program is null ? "haproxy is not on the PATH" : null;
}

/// <inheritdoc cref="HaproxyFactAttribute"/>
public sealed class HaproxyTheoryAttribute : TheoryAttribute
{
    public HaproxyTheoryAttribute() => Skip = HaproxyProcess.Program is null ? "haproxy is not on the PATH" : null;
}
