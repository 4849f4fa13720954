using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Mooring.Benchmarks.WebSockets.Echo;

/// <summary>Hidden verb <c>kestrel-ws</c>: Kestrel with System.Net.WebSockets, which sends every message back.</summary>
internal static class KestrelEchoCommand
{
    private const int BufferBytes = 4096;

    public static Command Create()
    {
        var listeners = new Option<string[]>("--listen")
        {
            Description = "PORT[,CERTIFICATE,KEY] of each listener",
            AllowMultipleArgumentsPerToken = true,
        };
        var command = new Command("kestrel-ws", "Kestrel as a peer of the WebSocket benchmark") { listeners };
        command.Hidden = true;
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(listeners) ?? [], cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string[] listeners, CancellationToken cancellation)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxConcurrentConnections = null;
            kestrel.Limits.MaxConcurrentUpgradedConnections = null;
            foreach (var listener in listeners.Select(static text => text.Split(',')))
            {
                kestrel.Listen(
                    IPAddress.Loopback,
                    int.Parse(listener[0], CultureInfo.InvariantCulture),
                    listen =>
                    {
                        listen.Protocols = HttpProtocols.Http1;
                        if (listener.Length > 1)
                        {
                            using var pem = X509Certificate2.CreateFromPemFile(listener[1], listener[2]);
                            listen.UseHttps(X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null));
                        }
                    }
                );
            }
        });
        await using var app = builder.Build();
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.Zero });
        app.Run(EchoAsync);
        await app.StartAsync(cancellation);
        await app.WaitForShutdownAsync(cancellation);
        return 0;
    }

    private static async Task EchoAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        // Waits with no buffer of its own, as who has many connections does.
        while (true)
        {
            var waited = await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None);
            if (waited.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseAsync(socket.CloseStatus ?? WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
                return;
            }

            var buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(BufferBytes);
            var received = await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
            if (received.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseAsync(socket.CloseStatus ?? WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
                return;
            }

            await socket.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, CancellationToken.None);
            System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
