using System.CommandLine;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mooring.Benchmarks.Load;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Udp;

/// <summary>Hidden verb <c>udp-load</c>: load and echo backend in one process and thread. One request a line in, one result a line out.</summary>
internal static class UdpLoadCommand
{
    public static Command Create()
    {
        var echo = new Option<string[]>("--echo") { Description = "Address and port to echo on", AllowMultipleArgumentsPerToken = true };
        var command = new Command("udp-load", "Load of datagrams that the benchmarks start") { Hidden = true, Options = { echo } };
        command.SetAction(parsed => Serve(parsed.GetValue(echo) ?? [], Console.In, Console.Out));
        return command;
    }

    private static int Serve(string[] echo, TextReader input, TextWriter output)
    {
        using var load = new UdpLoad([.. echo.Select(IPEndPoint.Parse)]);
        output.WriteLine("ready");
        output.Flush();
        while (input.ReadLine() is { } line)
        {
            UdpLoadResult result;
            try
            {
                result = load.Run(JsonSerializer.Deserialize(line, UdpLoadJson.Default.UdpLoadRequest)!);
            }
            catch (Exception exception) when (exception is LoadFailedException or SocketFailureException)
            {
                result = new UdpLoadResult { Error = exception.Message };
            }

            output.WriteLine(JsonSerializer.Serialize(result, UdpLoadJson.Default.UdpLoadResult));
            output.Flush();
        }

        return 0;
    }
}

internal sealed record UdpLoadRequest
{
    public required string Target { get; init; }

    public required int Flows { get; init; }

    /// <summary>Bytes of each datagram, at least 12.</summary>
    public required int Bytes { get; init; }

    /// <summary>Datagrams that a flow has under way at once, 64 at most.</summary>
    public required int Burst { get; init; }

    /// <summary>A burst is sent as a bundle (UDP_SEGMENT), and so arrives as one that a network card has gathered (GRO).</summary>
    public required bool Bundled { get; init; }

    public required int SettleMilliseconds { get; init; }

    public required int MeasureMilliseconds { get; init; }

    /// <summary>The server's processes.</summary>
    public required int[] Processes { get; init; }
}

internal sealed record UdpLoadResult
{
    public string? Error { get; init; }

    /// <summary>Datagrams that came back in the measured time.</summary>
    public long Datagrams { get; init; }

    /// <summary>Bursts that did not come back within the patience, and were sent again.</summary>
    public long Lost { get; init; }

    public double WallSeconds { get; init; }

    public double CpuSeconds { get; init; }

    public double WaitSeconds { get; init; }

    /// <summary>From a burst's sending until all of it is back, in µs.</summary>
    public double P50 { get; init; }

    public double P99 { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(UdpLoadRequest))]
[JsonSerializable(typeof(UdpLoadResult))]
internal sealed partial class UdpLoadJson : JsonSerializerContext;
