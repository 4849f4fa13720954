using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Handover;

/// <summary>A gateway process, and those that it starts in its place.</summary>
internal sealed partial class GatewayRun : IDisposable
{
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly Process _process;

    public GatewayRun(params IEnumerable<string> arguments)
    {
        var here = AppContext.BaseDirectory.TrimEnd('/');
        var program = Path.GetFullPath(Path.Combine(here, "..", "..", "Mooring.Gateway", Path.GetFileName(here), "gateway"));
        _process = Process.Start(
            new ProcessStartInfo(program, ["serve", .. arguments])
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        _process.OutputDataReceived += (_, line) => _lines.Enqueue(line.Data ?? "");
        _process.ErrorDataReceived += (_, line) => _lines.Enqueue(line.Data ?? "");
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int Id => _process.Id;

    public string Output => string.Join('\n', _lines);

    /// <summary>Waits for the event, and returns it.</summary>
    public async Task<JsonElement> EventAsync(string name, int number = 1)
    {
        JsonElement? found = null;
        await Until.TrueAsync(
            () =>
            {
                found = _lines
                    .Where(line => line.Contains($"\"event\":\"{name}\"", StringComparison.Ordinal))
                    .Select(line => (JsonElement?)JsonDocument.Parse(line).RootElement)
                    .ElementAtOrDefault(number - 1);
                return found is not null;
            },
            EngineHarness.Patience,
            $"{name} from the gateway, which said: {Output}"
        );
        return found!.Value;
    }

    public void Signal(int signal) => Kill(_process.Id, signal).ShouldBe(0);

    public async Task<int> ExitAsync()
    {
        // Not the end of its output, which a process that it has started still has.
        await Until.TrueAsync(() => _process.HasExited, EngineHarness.Patience, $"the end of the gateway, which said: {Output}");
        return _process.ExitCode;
    }

    public static void End(int process) => _ = Kill(process, 9);

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
