using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Mooring.Gateway.Tests.WebSockets;

/// <summary>A WebSocket server nobody here wrote (Kestrel's), which echoes and keeps what it saw.</summary>
internal sealed class EchoBackend : IAsyncDisposable
{
    private readonly WebApplication _app;

    private EchoBackend(WebApplication app)
    {
        _app = app;
        app.UseWebSockets();
        app.Run(ServeAsync);
    }

    public int Port => new Uri(_app.Urls.First()).Port;

    /// <summary>Headers of each request, in order.</summary>
    public ConcurrentQueue<(string Target, IHeaderDictionary Headers)> Requests { get; } = new();

    /// <summary>Of each session that has ended: how, and what came.</summary>
    public Channel<(WebSocketCloseStatus? Status, string? Description, byte[] Received)> Ended { get; } =
        Channel.CreateUnbounded<(WebSocketCloseStatus?, string?, byte[])>();

    public static async Task<EchoBackend> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var backend = new EchoBackend(builder.Build());
        await backend._app.StartAsync();
        return backend;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task ServeAsync(HttpContext context)
    {
        var target = context.Request.Path + context.Request.QueryString;
        Requests.Enqueue(
            (target, new HeaderDictionary(context.Request.Headers.ToDictionary(header => header.Key, header => header.Value)))
        );
        switch (context.Request.Path.Value)
        {
            case "/refuse":
                context.Response.StatusCode = 403;
                context.Response.Headers["X-Why"] = "because";
                await context.Response.WriteAsync("not you");
                return;
            case "/refuse-chunked":
                context.Response.StatusCode = 401;
                await context.Response.WriteAsync("first ");
                await context.Response.Body.FlushAsync();
                await context.Response.WriteAsync(new string('x', 200_000));
                return;
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync(
            new WebSocketAcceptContext
            {
                SubProtocol = context.WebSockets.WebSocketRequestedProtocols.LastOrDefault(),
                DangerousEnableCompression = true,
                KeepAliveInterval = TimeSpan.Zero,
            }
        );
        using var received = new MemoryStream();
        try
        {
            if (context.Request.Path == "/goodbye")
            {
                await socket.CloseAsync((WebSocketCloseStatus)4001, "backend's reason", CancellationToken.None);
            }
            else
            {
                await EchoAsync(socket, received);
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException)
        {
            // Cut.
        }

        Ended.Writer.TryWrite((socket.CloseStatus, socket.CloseStatusDescription, received.ToArray()));
    }

    private static async Task EchoAsync(WebSocket socket, MemoryStream received)
    {
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var result = await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
            if (result.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseOutputAsync(
                    socket.CloseStatus ?? WebSocketCloseStatus.Empty,
                    socket.CloseStatusDescription,
                    CancellationToken.None
                );
                return;
            }

            received.Write(buffer, 0, result.Count);
            await socket.SendAsync(buffer.AsMemory(0, result.Count), result.MessageType, result.EndOfMessage, CancellationToken.None);
        }
    }
}
