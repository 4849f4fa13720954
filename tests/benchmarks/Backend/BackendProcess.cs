using System.Text.Json;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Backend;

/// <summary>The backend, as the benchmark that drives it sees it.</summary>
internal sealed class BackendProcess : IAsyncDisposable
{
    // Several, so that balancing is part of what is measured, and the server has enough ports to come from.
    private const int Addresses = 4;

    private readonly ChildProcess _process;

    private BackendProcess(ChildProcess process, IReadOnlyList<string> echo, IReadOnlyList<string> bulk)
    {
        _process = process;
        Echo = echo;
        Bulk = bulk;
    }

    /// <summary>Addresses with ports that echo.</summary>
    public IReadOnlyList<string> Echo { get; }

    /// <summary>Addresses with ports that send bytes on request.</summary>
    public IReadOnlyList<string> Bulk { get; }

    /// <param name="cancellation">Ends the wait for it.</param>
    /// <param name="cores">Where it runs; null: the load's core.</param>
    public static async Task<BackendProcess> StartAsync(CancellationToken cancellation, string? cores = null)
    {
        var echo = Endpoints(Ports.Free());
        var bulk = Endpoints(Ports.Free());
        string[] arguments = [.. Self.Arguments, "backend", "--echo", .. echo, "--bulk", .. bulk];
        var process = ChildProcess.Start("backend", cores ?? $"{Cores.Load}", Self.File, arguments, keepOutput: false);
        if (await process.Output.ReadLineAsync(cancellation) is not "ready")
        {
            await process.DisposeAsync();
            throw new BenchmarkException($"the backend did not start:\n{process.Log}");
        }

        return new BackendProcess(process, echo, bulk);
    }

    public async Task<BackendCounts> CountAsync(CancellationToken cancellation)
    {
        await _process.Input.WriteLineAsync("counts".AsMemory(), cancellation);
        await _process.Input.FlushAsync(cancellation);
        var line = await _process.Output.ReadLineAsync(cancellation) ?? throw new BenchmarkException($"the backend died:\n{_process.Log}");
        return JsonSerializer.Deserialize(line, BackendJson.Default.BackendCounts)!;
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private static string[] Endpoints(int port) => [.. Enumerable.Range(1, Addresses).Select(last => $"127.0.1.{last}:{port}")];
}
