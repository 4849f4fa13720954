using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Mooring.Contracts.Processes;
using Mooring.Gateway.WebSockets.Deflate;

namespace Mooring.Gateway.Bench;

/// <summary><c>gateway bench echo</c>: sends back what it gets, over TCP, WebSocket or UDP.</summary>
internal static class EchoCommand
{
    // Connections that do not finish their goodbye within this are cut off.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(3);

    public static Command Create()
    {
        var webSocket = new Option<bool>("--websocket") { Description = "Speak WebSocket on every path instead of plain TCP" };
        var udp = new Option<bool>("--udp") { Description = "UDP instead of TCP" };
        var reactor = new Option<bool>("--reactor")
        {
            Description = "WebSocket on the event loop, upgrade path and codec of `serve`: what those cost without a backend or a Hub",
        };
        var loops = new Option<int?>("--loops") { Description = "Event loops of --reactor; 1 to 64, by default 1" };
        var deflate = new Option<string?>("--deflate")
        {
            Description = "--reactor offers permessage-deflate, each message by itself (shared) or with what was sent before (takeover)",
        };
        deflate.AcceptOnlyFromAmong("shared", "takeover");
        var certificate = new Option<string?>("--certificate") { Description = "PEM file: --reactor speaks TLS; with --key" };
        var key = new Option<string?>("--key") { Description = "PEM file of the certificate's key" };
        var host = new Option<string?>("--host") { Description = "IP address to bind; by default the environment's HOST, else 0.0.0.0" };
        var command = new Command("echo", "Echo server on the port that the environment's PORT names (0: any free one)")
        {
            webSocket,
            udp,
            reactor,
            loops,
            deflate,
            certificate,
            key,
            host,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(webSocket) && result.GetValue(udp))
            {
                result.AddError("--websocket and --udp exclude each other");
            }

            if (result.GetValue(reactor) && !result.GetValue(webSocket))
            {
                result.AddError("--reactor needs --websocket");
            }

            if (result.GetValue(certificate) is null != result.GetValue(key) is null)
            {
                result.AddError("--certificate and --key go together");
            }

            if (result.GetValue(certificate) is not null && !result.GetValue(reactor))
            {
                result.AddError("--certificate needs --reactor");
            }

            if (result.GetValue(deflate) is not null && !result.GetValue(reactor))
            {
                result.AddError("--deflate needs --reactor");
            }

            if (result.GetValue(loops) is < 1 or > 64)
            {
                result.AddError("--loops is from 1 to 64");
            }
        });
        command.SetAction(
            (parse, cancellation) =>
                RunAsync(
                    parse.GetValue(udp) ? EchoKind.Udp
                        : parse.GetValue(reactor) ? EchoKind.Reactor
                        : parse.GetValue(webSocket) ? EchoKind.WebSocket
                        : EchoKind.Tcp,
                    parse.GetValue(host) ?? Environment.GetEnvironmentVariable("HOST"),
                    Environment.GetEnvironmentVariable("PORT"),
                    parse.InvocationConfiguration.Output,
                    parse.InvocationConfiguration.Error,
                    cancellation,
                    new ReactorOptions(
                        parse.GetValue(loops) ?? 1,
                        parse.GetValue(certificate),
                        parse.GetValue(key),
                        Deflate(parse.GetValue(deflate))
                    )
                )
        );
        return command;
    }

    internal static async Task<int> RunAsync(
        EchoKind kind,
        string? host,
        string? port,
        TextWriter output,
        TextWriter error,
        CancellationToken cancellation,
        ReactorOptions? reactor = null
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

        try
        {
            return await ServeAsync(kind, new IPEndPoint(address, number), reactor ?? new ReactorOptions(), output, error, cancellation);
        }
        catch (SocketException taken)
        {
            await error.WriteLineAsync($"cannot listen on {new IPEndPoint(address, number)}: {taken.Message}");
            return 2;
        }
    }

    /// <exception cref="SocketException">The address is taken or not this machine's.</exception>
    private static async Task<int> ServeAsync(
        EchoKind kind,
        IPEndPoint endPoint,
        ReactorOptions reactor,
        TextWriter output,
        TextWriter error,
        CancellationToken cancellation
    )
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, stop));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, stop));
        EarlySignals.HandOver();
        if (kind == EchoKind.Udp)
        {
            using var datagrams = new UdpEcho(endPoint);
            await output.WriteLineAsync($"listening on {datagrams.EndPoint} (UDP echo)");
            await output.FlushAsync(CancellationToken.None);
            await datagrams.RunAsync(stop.Token);
            return 0;
        }

        if (kind == EchoKind.Reactor)
        {
            return await ReactorEcho.RunAsync(endPoint, reactor, output, error, stop.Token);
        }

        var webSocket = kind == EchoKind.WebSocket;
        using var server = new EchoServer(endPoint, webSocket ? WebSocketEcho.RunAsync : TcpEcho.RunAsync);
        await output.WriteLineAsync($"listening on {server.EndPoint} ({(webSocket ? "WebSocket" : "TCP")} echo)");
        await output.FlushAsync(CancellationToken.None);
        await server.RunAsync(Grace, stop.Token);
        return 0;
    }

    /// <summary>Everything is compressed, so that no message goes around the codec.</summary>
    private static DeflateOptions? Deflate(string? kind) =>
        kind is null
            ? null
            : new DeflateOptions
            {
                MinBytes = 0,
                ServerTakesOver = kind == "takeover",
                ClientTakesOver = kind == "takeover",
            };

    private static void Stop(PosixSignalContext context, CancellationTokenSource stop)
    {
        context.Cancel = true;
        stop.Cancel();
    }
}

/// <summary>What an echo server speaks.</summary>
internal enum EchoKind
{
    Tcp,
    WebSocket,
    Udp,

    /// <summary>WebSocket, on the gateway's own event loop.</summary>
    Reactor,
}
