using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Tests.Gateways;

/// <summary>A stream server on a loopback port, and gateways that are nothing but a WebSocket.</summary>
internal sealed class StreamFixture : IAsyncDisposable
{
    public const string Fleet = "default/edge";
    private readonly CancellationTokenSource _deadline = new(TimeSpan.FromSeconds(90));
    private readonly WebApplication _app;

    private StreamFixture(WebApplication app, GatewayHub hub, ConcurrentQueue<Socket> links) => (_app, Hub, Links) = (app, hub, links);

    public GatewayHub Hub { get; }

    /// <summary>The server's ends of the connections.</summary>
    public ConcurrentQueue<Socket> Links { get; }

    public CancellationToken Deadline => _deadline.Token;

    public static async Task<StreamFixture> StartAsync(StreamOptions? options = null, string? refusal = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var hub = new GatewayHub(TimeProvider.System);
        var links = new ConcurrentQueue<Socket>();
        app.Use(next =>
            context =>
            {
                links.Enqueue(context.Features.Get<IConnectionSocketFeature>()!.Socket);
                return next(context);
            }
        );
        app.UseWebSockets();
        new StreamServer(
            hub,
            new FixedAnswer(refusal),
            options ?? new StreamOptions(),
            TimeProvider.System,
            NullLogger<StreamServer>.Instance
        ).Map(app, app.Lifetime.ApplicationStopping);
        await app.StartAsync();
        return new StreamFixture(app, hub, links);
    }

    public async Task<ClientWebSocket> DialAsync(string protocol = StreamLimits.Subprotocol)
    {
        var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol(protocol);
        socket.Options.CollectHttpResponseDetails = true;
        await socket.ConnectAsync(
            new Uri(_app.Urls.First().Replace("http:", "ws:", StringComparison.Ordinal) + StreamLimits.Path),
            Deadline
        );
        return socket;
    }

    public async Task<ClientWebSocket> JoinAsync(string name, string? hash = null)
    {
        var socket = await DialAsync();
        await SendAsync(
            socket,
            new HelloMessage
            {
                Fleet = Fleet,
                Gateway = name,
                Version = "1",
                ConfigHash = hash,
            }
        );
        return socket;
    }

    public Task SendAsync(WebSocket socket, GatewayMessage message) =>
        SendAsync(socket, JsonSerializer.SerializeToUtf8Bytes(message, ContractsJson.Default.GatewayMessage));

    public Task SendAsync(WebSocket socket, string text) => SendAsync(socket, Encoding.UTF8.GetBytes(text));

    public Task SendAsync(WebSocket socket, byte[] text) => socket.SendAsync(text, WebSocketMessageType.Text, true, Deadline);

    public async Task<T> ReceiveAsync<T>(WebSocket socket)
        where T : OperatorMessage
    {
        var json = await new MessageReader(socket, StreamLimits.MaxMessageBytes).ReadAsync(Deadline);
        return JsonSerializer.Deserialize(json.ShouldNotBeNull().Span, ContractsJson.Default.OperatorMessage).ShouldBeOfType<T>();
    }

    /// <summary>Reads until the server closes, and returns its reason.</summary>
    public async Task<string?> ClosedAsync(WebSocket socket)
    {
        var buffer = new byte[64 * 1024];
        while ((await socket.ReceiveAsync(buffer.AsMemory(), Deadline)).MessageType != WebSocketMessageType.Close) { }

        return socket.CloseStatusDescription;
    }

    public async Task UntilAsync(Func<FleetView, bool> condition)
    {
        while (!condition(Hub.View(Fleet)))
        {
            await Task.Delay(10, Deadline);
        }
    }

    public static FleetDesired Desired(int perAddress, params (string Backend, int Port)[] endpoints) =>
        new()
        {
            Config = new GatewayConfig
            {
                Fleet = Fleet,
                Capacity = new CapacityConfig { PerAddress = perAddress },
            },
            Endpoints = endpoints.ToDictionary(
                static pair => pair.Backend,
                static pair =>
                    (IReadOnlyList<EndpointInfo>)
                        [
                            new EndpointInfo
                            {
                                Id = "e",
                                Address = "127.0.0.1",
                                Port = pair.Port,
                            },
                        ],
                StringComparer.Ordinal
            ),
        };

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
        _deadline.Dispose();
    }

    private sealed class FixedAnswer(string? refusal) : IGatewayAuthenticator
    {
        public ValueTask<string?> RefuseAsync(HttpContext context, HelloMessage hello, CancellationToken cancellation) => new(refusal);
    }
}
