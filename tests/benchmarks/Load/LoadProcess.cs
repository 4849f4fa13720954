using System.Text.Json;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Load;

/// <summary>The load generator, as the benchmark that drives it sees it.</summary>
/// <param name="cores">Where it runs; null: the load's core.</param>
internal sealed class LoadProcess(string? cores = null) : IAsyncDisposable
{
    private readonly ChildProcess _process = ChildProcess.Start(
        "load generator",
        cores ?? $"{Cores.Load}",
        Self.File,
        [.. Self.Arguments, "load"],
        keepOutput: false
    );

    /// <summary>Runs one load to its end.</summary>
    /// <exception cref="BenchmarkException">The server broke something, or the generator itself died; the message says what.</exception>
    public async Task<LoadResult> RunAsync(string server, LoadRequest request, CancellationToken cancellation)
    {
        await _process.Input.WriteLineAsync(JsonSerializer.Serialize(request, LoadJson.Default.LoadRequest).AsMemory(), cancellation);
        await _process.Input.FlushAsync(cancellation);
        var line =
            await _process.Output.ReadLineAsync(cancellation) ?? throw new BenchmarkException($"the load generator died:\n{_process.Log}");
        var result = JsonSerializer.Deserialize(line, LoadJson.Default.LoadResult)!;
        return result.Error is null
            ? result
            : throw new BenchmarkException($"{server} failed under {request.Kind} with {request.Connections} connections: {result.Error}");
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
