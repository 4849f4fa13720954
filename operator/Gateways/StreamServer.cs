using System.Globalization;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text.Json;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Net.Http.Headers;
using Mooring.Contracts.Stream;
using Mooring.Operator.Metrics;

namespace Mooring.Operator.Gateways;

/// <summary>The HTTP side of the streams: upgrade, hello, authentication; then a <see cref="GatewaySession"/>.</summary>
/// <remarks>Thread-safe. The application must have <c>UseWebSockets</c> before it.</remarks>
public sealed class StreamServer(
    GatewayHub hub,
    IGatewayAuthenticator authenticator,
    StreamOptions options,
    TimeProvider time,
    ILogger<StreamServer> logger
)
{
    private const int MaxHelloBytes = 64 * 1024;
    private int _handshakes;
    private int _streams;

    /// <summary>Serves <see cref="StreamLimits.Path"/>. Streams end when <paramref name="stopping"/> does.</summary>
    public void Map(IEndpointRouteBuilder routes, CancellationToken stopping) =>
        routes.Map(StreamLimits.Path, context => HandleAsync(context, stopping));

    private async Task HandleAsync(HttpContext context, CancellationToken stopping)
    {
        if (!context.WebSockets.IsWebSocketRequest || !context.WebSockets.WebSocketRequestedProtocols.Contains(StreamLimits.Subprotocol))
        {
            await RefuseAsync(
                context,
                StatusCodes.Status400BadRequest,
                $"a WebSocket with subprotocol {StreamLimits.Subprotocol} is expected"
            );
            return;
        }

        if (Interlocked.Increment(ref _streams) > options.MaxStreams)
        {
            Interlocked.Decrement(ref _streams);
            await RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, "too many streams");
            return;
        }

        try
        {
            await ServeAsync(context, stopping);
        }
        finally
        {
            Interlocked.Decrement(ref _streams);
        }
    }

    private async Task ServeAsync(HttpContext context, CancellationToken stopping)
    {
        if (Interlocked.Increment(ref _handshakes) > options.MaxHandshakes)
        {
            Interlocked.Decrement(ref _handshakes);
            await RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, "too many streams that have not said hello");
            return;
        }

        WebSocket? socket = null;
        GatewaySession? session;
        try
        {
            WatchLink(context);
            context.Response.Headers[StreamLimits.SilenceHeader] = ((int)options.SilenceTimeout.TotalSeconds).ToString(
                CultureInfo.InvariantCulture
            );
            socket = await context.WebSockets.AcceptWebSocketAsync(
                new WebSocketAcceptContext
                {
                    SubProtocol = StreamLimits.Subprotocol,
                    // Reports tell that a gateway lives: pings would cost a timer and two more packets a stream.
                    KeepAliveInterval = TimeSpan.Zero,
                }
            );
            session = await GreetAsync(context, socket, stopping);
        }
        finally
        {
            Interlocked.Decrement(ref _handshakes);
        }

        // The request lasts as long as the stream, and its token is longer than all that is kept of it.
        context.Request.Headers.Remove(HeaderNames.Authorization);
        using (socket)
        {
            if (session is not null)
            {
                await session.RunAsync(stopping);
            }
        }
    }

    /// <summary>Returns null, with the socket closed, when the hello is late, of the wrong form or refused.</summary>
    private async Task<GatewaySession?> GreetAsync(HttpContext context, WebSocket socket, CancellationToken stopping)
    {
        using var limit = new CancellationTokenSource(options.HandshakeTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping, context.RequestAborted);
        string? refusal;
        try
        {
            var json = await new MessageReader(socket, MaxHelloBytes).ReadAsync(either.Token);
            if (json is null)
            {
                return null;
            }

            if (StreamCodec.Decode(json.Value.Span) is HelloMessage hello)
            {
                refusal = await authenticator.RefuseAsync(context, hello, either.Token);
                if (refusal is null)
                {
                    return new GatewaySession(socket, hello, hub, options, time, logger);
                }

                refusal = $"{hello.Fleet} {hello.Gateway}: {refusal}";
            }
            else
            {
                refusal = "the first message is no hello";
            }
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            refusal = "no accepted hello in time";
        }
        catch (Exception exception) when (exception is JsonException or InvalidDataException)
        {
            refusal = exception.Message;
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
        {
            return null;
        }

        StreamMetrics.StreamRefused();
        Log.GatewayRefused(logger, context.Connection.RemoteIpAddress?.ToString() ?? "local", refusal);
        await GatewaySession.CloseAsync(socket, refusal, options.HandshakeTimeout, time);
        return null;
    }

    /// <summary>A node that dies says nothing: the kernel finds out long before its gateway's silence would tell.</summary>
    private static void WatchLink(HttpContext context)
    {
        if (context.Features.Get<IConnectionSocketFeature>()?.Socket is not { ProtocolType: ProtocolType.Tcp } link)
        {
            return;
        }

        try
        {
            StreamSockets.Watch(link);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The gateway has gone already, as the first read will tell: no fault of ours to be logged.
        }
    }

    private static Task RefuseAsync(HttpContext context, int status, string why)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsync(why + "\n");
    }
}
