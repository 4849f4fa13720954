using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Mooring.Api.Tests.Cluster;

namespace Mooring.Api.Tests.Faults;

/// <summary>Stands between an operator and the real API server: ends TLS with the cluster's own authority, forwards as the operator's user, and mistreats what it is told to.</summary>
/// <remarks>The audit log shows what reached the API server, under the operator's name.</remarks>
internal sealed class ApiFaultProxy : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpClient _upstream;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly HashSet<ConnectionContext> _connections = [];
    private TaskCompletionSource? _silence;
    private int _watchesEnded;
    private int _givenUp;

    private ApiFaultProxy(WebApplication app, HttpClient upstream) => (_app, _upstream) = (app, upstream);

    public Uri Address => new(_app.Urls.First());

    /// <summary>What befalls a request; null: nothing. Asked once for each, on any thread.</summary>
    public Func<ProxiedRequest, ApiFault?> Rule { get; set; } = static _ => null;

    /// <summary>Watches that were cut, ended or expired so far.</summary>
    public int WatchesEnded => Volatile.Read(ref _watchesEnded);

    /// <summary>Connections that the operator gave up because nothing was said on them.</summary>
    public int GivenUp => Volatile.Read(ref _givenUp);

    /// <param name="cluster">Whose API server is behind it.</param>
    /// <param name="user">As whom the API server is asked.</param>
    public static async Task<ApiFaultProxy> StartAsync(TestCluster cluster, string user)
    {
        var pair = cluster.ServerCertificate();
        // Not the ephemeral one of the PEM's parser: the server hands it to OpenSSL again and again.
        var certificate = X509Certificate2.CreateFromPem(pair.Certificate, pair.Key);
        ApiFaultProxy? proxy = null;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder
            .WebHost.UseKestrelCore()
            .UseKestrelHttpsConfiguration()
            .ConfigureKestrel(kestrel =>
            {
                kestrel.Limits.MaxRequestBodySize = null;
                kestrel.Listen(
                    IPAddress.Loopback,
                    0,
                    listen =>
                    {
                        listen.Use(next => connection => proxy!.ConnectAsync(connection, next));
                        listen.UseHttps(certificate);
                    }
                );
            });
        var app = builder.Build();
        proxy = new ApiFaultProxy(app, cluster.CreateClient(user));
        app.Run(proxy.ServeAsync);
        await app.StartAsync();
        return proxy;
    }

    /// <summary>Half-open from now on: open connections are reset, new ones are taken and nothing is ever said on them, not even of TLS.</summary>
    public void FallSilent()
    {
        List<ConnectionContext> open;
        lock (_gate)
        {
            _silence ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            open = [.. _connections];
        }

        open.ForEach(static connection => connection.Abort());
    }

    public void Speak()
    {
        lock (_gate)
        {
            _silence?.TrySetResult();
            _silence = null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Speak();
        await _stop.CancelAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _app.StopAsync(limit.Token);
        await _app.DisposeAsync();
        _upstream.Dispose();
    }

    private async Task ConnectAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        TaskCompletionSource? silence;
        lock (_gate)
        {
            _connections.Add(connection);
            silence = _silence;
        }

        try
        {
            if (silence is not null)
            {
                var gone = Task.Delay(Timeout.Infinite, connection.ConnectionClosed);
                if (await Task.WhenAny(silence.Task, gone) == gone)
                {
                    Interlocked.Increment(ref _givenUp);
                }

                connection.Abort();
                return;
            }

            await next(connection);
        }
        finally
        {
            lock (_gate)
            {
                _connections.Remove(connection);
            }
        }
    }

    private async Task ServeAsync(HttpContext context)
    {
        var query = context.Request.Query["watch"].ToString();
        var request = new ProxiedRequest(context.Request.Method, context.Request.Path.Value ?? "", query is "true" or "1");
        var fault = Rule(request);
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _stop.Token);
        try
        {
            if (fault is { Delay.Ticks: > 0 })
            {
                await Task.Delay(fault.Delay, gone.Token);
            }

            if (fault is { Status: > 0 })
            {
                context.Response.StatusCode = fault.Status;
                context.Response.Headers.RetryAfter = fault.RetryAfter?.ToString();
                await WriteAsync(context, Status(fault.Status), gone.Token);
            }
            else if (fault is { Expires: true } && request.IsWatch)
            {
                Interlocked.Increment(ref _watchesEnded);
                await WriteAsync(context, $$"""{"type":"ERROR","object":{{Status(410)}}}""" + "\n", gone.Token);
            }
            else
            {
                await ForwardAsync(context, request, fault, gone);
            }
        }
        catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException)
        {
            // The operator has gone, or the API server, or the test has ended.
            context.Abort();
        }
    }

    private async Task ForwardAsync(HttpContext context, ProxiedRequest request, ApiFault? fault, CancellationTokenSource gone)
    {
        using var message = new HttpRequestMessage(
            new HttpMethod(request.Method),
            new Uri(_upstream.BaseAddress!, context.Request.Path.ToUriComponent() + context.Request.QueryString.ToUriComponent())
        );
        message.Headers.TryAddWithoutValidation("Accept", context.Request.Headers.Accept.ToString());
        message.Headers.TryAddWithoutValidation("User-Agent", context.Request.Headers.UserAgent.ToString());
        if (request.IsWrite)
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, gone.Token);
            message.Content = new ByteArrayContent(body.ToArray());
            message.Content.Headers.TryAddWithoutValidation("Content-Type", context.Request.ContentType);
        }

        using var answer = await _upstream.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, gone.Token);
        if (fault is { LosesAnswer: true })
        {
            await answer.Content.ReadAsByteArrayAsync(gone.Token);
            context.Abort();
            return;
        }

        context.Response.StatusCode = (int)answer.StatusCode;
        context.Response.ContentType = answer.Content.Headers.ContentType?.ToString();
        context.Response.Headers.RetryAfter = answer.Headers.RetryAfter?.ToString();
        await context.Response.StartAsync(gone.Token);
        await context.Response.Body.FlushAsync(gone.Token);
        using var cut = CancellationTokenSource.CreateLinkedTokenSource(gone.Token);
        if (request.IsWatch && fault?.CutAfter is { } time)
        {
            cut.CancelAfter(time);
        }

        try
        {
            await using var stream = await answer.Content.ReadAsStreamAsync(cut.Token);
            var buffer = new byte[64 * 1024];
            int count;
            while ((count = await stream.ReadAsync(buffer, cut.Token)) > 0)
            {
                await context.Response.Body.WriteAsync(buffer.AsMemory(0, count), cut.Token);
                await context.Response.Body.FlushAsync(cut.Token);
            }
        }
        catch (OperationCanceledException) when (!gone.IsCancellationRequested)
        {
            Interlocked.Increment(ref _watchesEnded);
            if (fault is not { EndsWell: true })
            {
                context.Abort();
            }
        }
    }

    private static async Task WriteAsync(HttpContext context, string json, CancellationToken cancellation)
    {
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(json, cancellation);
    }

    private static string Status(int code) =>
        $$"""{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"a fault on order","reason":"{{Reason(code)}}","code":{{code}}}""";

    private static string Reason(int code) =>
        code switch
        {
            409 => "Conflict",
            410 => "Expired",
            429 => "TooManyRequests",
            503 => "ServiceUnavailable",
            _ => "InternalError",
        };
}
