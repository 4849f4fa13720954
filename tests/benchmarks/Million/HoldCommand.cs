using System.CommandLine;
using System.Text.Json;

namespace Mooring.Benchmarks.Million;

/// <summary>Hidden verb <c>hold</c>: clients that hold connections, as a process of its own.</summary>
internal static class HoldCommand
{
    public static Command Create()
    {
        var command = new Command("hold", "Clients that the benchmark of a million connections starts") { Hidden = true };
        command.SetAction(_ => Hold(Console.In, Console.Out));
        return command;
    }

    private static int Hold(TextReader input, TextWriter output)
    {
        // The libraries that a token needs are the process's own, as much as the runtime is: loaded before anybody measures what connections add.
        Span<byte> unused = stackalloc byte[HubFrames.MaxBytes];
        HubFrames.WriteConnect(unused, "warm"u8, 0, "warm");
        var request = JsonSerializer.Deserialize(input.ReadLine() ?? "", HoldJson.Default.HoldRequest)!;
        using var stop = new CancellationTokenSource();
        new Thread(() =>
        {
            while (input.ReadLine() is not null) { }

            stop.Cancel();
        })
        {
            IsBackground = true,
        }.Start();
        using var clients = new HoldClients(request);
        clients.Run(
            report =>
            {
                output.WriteLine(JsonSerializer.Serialize(report, HoldJson.Default.HoldReport));
                output.Flush();
            },
            stop.Token
        );
        return 0;
    }
}
