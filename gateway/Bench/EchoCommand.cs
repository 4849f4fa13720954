using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;

namespace Mooring.Gateway.Bench;

/// <summary><c>gateway bench echo</c>: sends back what it gets, over TCP or WebSocket.</summary>
internal static class EchoCommand
{
    // Connections that do not finish their goodbye within this are cut off.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(3);

    public static Command Create()
    {
        var webSocket = new Option<bool>("--websocket") { Description = "Speak WebSocket on every path instead of plain TCP" };
        var host = new Option<string?>("--host") { Description = "IP address to bind; by default the environment's HOST, else 0.0.0.0" };
        var command = new Command("echo", "Echo server on the port that the environment's PORT names (0: any free one)")
        {
            webSocket,
            host,
        };
        command.SetAction(
            (parse, cancellation) =>
                RunAsync(
                    parse.GetValue(webSocket),
                    parse.GetValue(host) ?? Environment.GetEnvironmentVariable("HOST"),
                    Environment.GetEnvironmentVariable("PORT"),
                    parse.InvocationConfiguration.Output,
                    parse.InvocationConfiguration.Error,
                    cancellation
                )
        );
        return command;
    }

    internal static async Task<int> RunAsync(
        bool webSocket,
        string? host,
        string? port,
        TextWriter output,
        TextWriter error,
        CancellationToken cancellation
    )
    {
        if (!ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            await error.WriteLineAsync(
                port is null ? "PORT is not set in the environment" : $"PORT '{port}' is not a number from 0 to 65535"
            );
            return 2;
        }

        if (!IPAddress.TryParse(string.IsNullOrEmpty(host) ? "0.0.0.0" : host, out var address))
        {
            await error.WriteLineAsync($"HOST '{host}' is not an IP address");
            return 2;
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, stop));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, stop));
        using var server = new EchoServer(new IPEndPoint(address, number), webSocket ? WebSocketEcho.RunAsync : TcpEcho.RunAsync);
        await output.WriteLineAsync($"listening on {server.EndPoint} ({(webSocket ? "WebSocket" : "TCP")} echo)");
        await output.FlushAsync(CancellationToken.None);
        await server.RunAsync(Grace, stop.Token);
        return 0;
    }

    private static void Stop(PosixSignalContext context, CancellationTokenSource stop)
    {
        context.Cancel = true;
        stop.Cancel();
    }
}
