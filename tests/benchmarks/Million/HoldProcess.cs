using System.Text.Json;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Million;

/// <summary>A process of clients, as the benchmark that drives it sees it.</summary>
internal sealed class HoldProcess : IAsyncDisposable
{
    private readonly ChildProcess _process;
    private volatile HoldReport _last = new();

    public HoldProcess(int number) =>
        _process = ChildProcess.Start($"clients {number}", Cores.All, Self.File, [.. Self.Arguments, "hold"], keepOutput: false);

    public int Id => _process.Id;

    /// <summary>The latest of its reports, which come once a second.</summary>
    public HoldReport Last => _last;

    public void Begin(HoldRequest request)
    {
        _process.Input.WriteLine(JsonSerializer.Serialize(request, HoldJson.Default.HoldRequest));
        _process.Input.Flush();
        _ = Task.Run(ListenAsync);
    }

    /// <summary>Throws when the process is gone.</summary>
    public void CheckAlive()
    {
        if (_process.HasExited)
        {
            throw new BenchmarkException($"{_process.Name} died:\n{_process.Log}");
        }
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private async Task ListenAsync()
    {
        while (await _process.Output.ReadLineAsync() is { } line)
        {
            _last = JsonSerializer.Deserialize(line, HoldJson.Default.HoldReport)!;
        }
    }
}
