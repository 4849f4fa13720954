using System.CommandLine;
using System.Text.Json;
using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.Load;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.WebSockets.FanOut;

/// <summary>Hidden verb <c>fanout-load</c>: a request a line in, a result a line out.</summary>
internal static class FanOutLoadCommand
{
    public static Command Create()
    {
        var command = new Command("fanout-load", "Subscribers that the benchmarks start") { Hidden = true };
        command.SetAction(_ => Serve(Console.In, Console.Out));
        return command;
    }

    private static int Serve(TextReader input, TextWriter output)
    {
        while (input.ReadLine() is { } line)
        {
            FanOutResult result;
            try
            {
                using var load = new FanOutLoad(JsonSerializer.Deserialize(line, FanOutJson.Default.FanOutRequest)!);
                result = load.Run();
            }
            catch (Exception exception) when (exception is LoadFailedException or SocketFailureException)
            {
                result = new FanOutResult { Error = exception.Message };
            }

            output.WriteLine(JsonSerializer.Serialize(result, FanOutJson.Default.FanOutResult));
            output.Flush();
        }

        return 0;
    }
}

/// <summary>The load, as the benchmark sees it.</summary>
internal sealed class FanOutLoadProcess : IAsyncDisposable
{
    private readonly ChildProcess _process = ChildProcess.Start(
        "load generator",
        Cores.Load,
        Self.File,
        [.. Self.Arguments, "fanout-load"],
        keepOutput: false
    );

    public async Task<FanOutResult> RunAsync(string server, FanOutRequest request, CancellationToken cancellation)
    {
        await _process.Input.WriteLineAsync(JsonSerializer.Serialize(request, FanOutJson.Default.FanOutRequest).AsMemory(), cancellation);
        await _process.Input.FlushAsync(cancellation);
        var line =
            await _process.Output.ReadLineAsync(cancellation) ?? throw new BenchmarkException($"the load generator died:\n{_process.Log}");
        var result = JsonSerializer.Deserialize(line, FanOutJson.Default.FanOutResult)!;
        return result.Error is null ? result : throw new BenchmarkException($"{server} failed under fan-out: {result.Error}");
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
