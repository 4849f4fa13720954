using System.CommandLine;
using System.Text.Json;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Load;

/// <summary>Hidden verb <c>load</c>: the load generator as a process of its own. One request a line in, one result a line out, until the input ends.</summary>
/// <remarks>One process serves all servers of a run, so that each is measured by the same, warmed-up code.</remarks>
internal static class LoadCommand
{
    public static Command Create()
    {
        var command = new Command("load", "Load generator that the benchmarks start") { Hidden = true };
        command.SetAction(_ => Serve(Console.In, Console.Out));
        return command;
    }

    private static int Serve(TextReader input, TextWriter output)
    {
        IdleLoad? idle = null;
        while (input.ReadLine() is { } line)
        {
            var request = JsonSerializer.Deserialize(line, LoadJson.Default.LoadRequest)!;
            LoadResult result;
            try
            {
                result = Run(request, ref idle);
            }
            catch (Exception exception) when (exception is LoadFailedException or SocketFailureException)
            {
                result = new LoadResult { Error = exception.Message };
            }

            output.WriteLine(JsonSerializer.Serialize(result, LoadJson.Default.LoadResult));
            output.Flush();
        }

        idle?.Dispose();
        return 0;
    }

    private static LoadResult Run(LoadRequest request, ref IdleLoad? idle)
    {
        switch (request.Kind)
        {
            case LoadKind.RoundTrips:
                return RoundTripLoad.Run(request);
            case LoadKind.Connects:
                return ConnectLoad.Run(request);
            case LoadKind.Bulk:
                return BulkLoad.Run(request);
            case LoadKind.Tunnels:
                return TunnelLoad.RunAsync(request).GetAwaiter().GetResult();
            case LoadKind.OpenLoop:
                return OpenLoopLoad.Run(request);
            case LoadKind.AwaitCloses:
                using (var closing = idle ?? throw new LoadFailedException("there are no connections to be closed"))
                {
                    idle = null;
                    return closing.AwaitCloses();
                }

            case LoadKind.OpenIdle:
                idle?.Dispose();
                idle = null;
                idle = new IdleLoad(request);
                return new LoadResult { Operations = request.Connections };
            case LoadKind.CloseIdle:
                idle?.ExchangeAll();
                idle?.Dispose();
                idle = null;
                return new LoadResult { Operations = request.Connections };

            default:
                throw new LoadFailedException($"unknown load {request.Kind}");
        }
    }
}
