using System.CommandLine;
using System.Net;
using System.Text.Json;

namespace Mooring.Benchmarks.Backend;

/// <summary>Hidden verb <c>backend</c>: where the servers under test connect to. Answers each line of input with its counts; ends with the input.</summary>
internal static class BackendCommand
{
    public static Command Create()
    {
        var echo = new Option<string[]>("--echo") { Description = "Address and port to echo on", AllowMultipleArgumentsPerToken = true };
        var bulk = new Option<string[]>("--bulk")
        {
            Description = "Address and port to send bytes on request on",
            AllowMultipleArgumentsPerToken = true,
        };
        var command = new Command("backend", "Backend that the benchmarks start") { Hidden = true, Options = { echo, bulk } };
        command.SetAction(parsed => Serve(parsed.GetValue(echo) ?? [], parsed.GetValue(bulk) ?? []));
        return command;
    }

    private static int Serve(string[] echo, string[] bulk)
    {
        using var backend = new BackendLoop();
        foreach (var address in echo)
        {
            backend.Listen(IPEndPoint.Parse(address), bulk: false);
        }

        foreach (var address in bulk)
        {
            backend.Listen(IPEndPoint.Parse(address), bulk: true);
        }

        Console.Out.WriteLine("ready");
        Console.Out.Flush();
        new Thread(() => Answer(backend)) { IsBackground = true }.Start();
        backend.Run();
        return 0;
    }

    private static void Answer(BackendLoop backend)
    {
        while (Console.In.ReadLine() is not null)
        {
            Console.Out.WriteLine(
                JsonSerializer.Serialize(new BackendCounts(backend.Open, backend.Accepted), BackendJson.Default.BackendCounts)
            );
            Console.Out.Flush();
        }

        // The loop has no other thread's wake-up to watch, and nothing to save.
        Environment.Exit(0);
    }
}
