using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Mooring.Contracts;
using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Tests.Streams;

/// <summary>The operator's end of the stream: records what gateways say, and says what a test wants.</summary>
internal sealed class FakeOperator : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<WebSocket, byte> _open = new();

    private FakeOperator(WebApplication app)
    {
        _app = app;
        app.UseWebSockets();
        app.Run(ServeAsync);
    }

    /// <summary>Every message of every session, in order.</summary>
    public Channel<GatewayMessage> Received { get; } = Channel.CreateUnbounded<GatewayMessage>();

    /// <summary>Sessions as they open.</summary>
    public Channel<WebSocket> Sessions { get; } = Channel.CreateUnbounded<WebSocket>();

    /// <summary>Authorization headers of the handshakes.</summary>
    public ConcurrentQueue<string> Authorizations { get; } = new();

    public string? Path { get; private set; }

    /// <summary>What it says of silence; null: nothing.</summary>
    public string? Silence { get; set; }

    public WebSocketCloseStatus? CloseStatus { get; private set; }

    public int Port => new Uri(_app.Urls.First()).Port;

    public static async Task<FakeOperator> StartAsync(string? unixPath = null, X509Certificate2? certificate = null, int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            if (unixPath is not null)
            {
                kestrel.ListenUnixSocket(unixPath);
            }
            else
            {
                kestrel.Listen(
                    IPAddress.Loopback,
                    port,
                    listen =>
                    {
                        if (certificate is not null)
                        {
                            listen.UseHttps(certificate);
                        }
                    }
                );
            }
        });
        var fake = new FakeOperator(builder.Build());
        await fake._app.StartAsync();
        return fake;
    }

    public static (X509Certificate2 Certificate, string Pem) SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=operator", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return (certificate, certificate.ExportCertificatePem());
    }

    public static Task SendAsync(WebSocket session, OperatorMessage message) =>
        SendAsync(session, JsonSerializer.Serialize(message, ContractsJson.Default.OperatorMessage));

    public static Task SendAsync(WebSocket session, string text) =>
        session.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, Deadline());

    public async Task<WebSocket> SessionAsync() => await Sessions.Reader.ReadAsync(Deadline());

    /// <summary>The next message of this kind; others before it are passed over.</summary>
    public async Task<T> NextAsync<T>(Func<T, bool>? where = null)
        where T : GatewayMessage
    {
        while (true)
        {
            if (await Received.Reader.ReadAsync(Deadline()) is T message && (where is null || where(message)))
            {
                return message;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var session in _open.Keys)
        {
            session.Abort();
        }

        await _app.DisposeAsync();
    }

    public static CancellationToken Deadline() => new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token;

    private async Task ServeAsync(HttpContext context)
    {
        Path = context.Request.Path;
        Authorizations.Enqueue(context.Request.Headers.Authorization.ToString());
        if (Silence is not null)
        {
            context.Response.Headers[StreamLimits.SilenceHeader] = Silence;
        }

        using var session = await context.WebSockets.AcceptWebSocketAsync(StreamLimits.Subprotocol);
        _open[session] = 0;
        Sessions.Writer.TryWrite(session);
        var buffer = new byte[1 << 20];
        try
        {
            var length = 0;
            while (true)
            {
                var result = await session.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
                if (result.MessageType == WebSocketMessageType.Close)
                {
                    CloseStatus = session.CloseStatus;
                    await session.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Deadline());
                    return;
                }

                length += result.Count;
                if (result.EndOfMessage)
                {
                    Received.Writer.TryWrite(JsonSerializer.Deserialize(buffer.AsSpan(0, length), ContractsJson.Default.GatewayMessage)!);
                    length = 0;
                }
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException)
        {
            // Cut: by the test, or by the gateway.
        }
        finally
        {
            _open.TryRemove(session, out _);
        }
    }
}
