using System.Net;
using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Admin;

/// <summary>HTTP for probes, Prometheus and people: the only part of the gateway that runs on ASP.NET Core.</summary>
internal sealed class AdminServer : IAsyncDisposable
{
    private const int MaxConnections = 64;
    private readonly WebApplication _app;

    private AdminServer(WebApplication app) => _app = app;

    /// <summary>Where it listens.</summary>
    public Uri Address => new(_app.Urls.First());

    /// <summary>Binds and serves; at 0.0.0.0 and at [::] IPv4 and IPv6, or IPv4 alone where the host has no IPv6.</summary>
    /// <exception cref="IOException">The address is taken or not this machine's.</exception>
    public static async Task<AdminServer> StartAsync(IPEndPoint endPoint, IGatewayView view, CancellationToken cancellation)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder
            .WebHost.UseKestrelCore()
            .ConfigureKestrel(kestrel =>
            {
                kestrel.AddServerHeader = false;
                // Of those that are about to end some may still be there.
                kestrel.Limits.MaxConcurrentConnections = 4 * MaxConnections;
                kestrel.Limits.MaxRequestBodySize = 0;
                var newest = new NewestConnections(MaxConnections);
                // The kubelet probes at the pod's first address, which in a cluster of IPv6 is not one of 0.0.0.0.
                if (endPoint.Address.Equals(IPAddress.Any) || endPoint.Address.Equals(IPAddress.IPv6Any))
                {
                    kestrel.ListenAnyIP(endPoint.Port, listen => listen.Use(newest.Around));
                }
                else
                {
                    kestrel.Listen(endPoint, listen => listen.Use(newest.Around));
                }
            });
        var app = builder.Build();
        app.UseRouting();
        Map(app, view);
        try
        {
            await app.StartAsync(cancellation);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        return new AdminServer(app);
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private static void Map(WebApplication app, IGatewayView view)
    {
        app.MapGet("/health", context => WriteHealthAsync(context, view, fails: false));
        app.MapGet("/health/live", context => WriteAsync(context, 200, "application/json", """{"status":"ok"}"""u8.ToArray()));
        app.MapGet("/health/ready", context => WriteHealthAsync(context, view, fails: true));
        app.MapGet("/metrics", context => WriteMetricsAsync(context, view));
        app.MapGet("/config", context => WriteConfigAsync(context, view));
        app.MapGet("/backends", context => WriteBackendsAsync(context, view));
        RegistryEndpoints.Map(app, view);
        HubEndpoints.Map(app, view);
    }

    private static async Task WriteHealthAsync(HttpContext context, IGatewayView view, bool fails)
    {
        var checks = view.Checks();
        var ready = checks.All(check => check.Problem is null);
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("status", ready ? "ok" : "unready");
            json.WriteNumber("uptimeSeconds", Math.Floor(view.Uptime.TotalSeconds));
            json.WriteStartObject("checks");
            foreach (var (name, problem) in checks)
            {
                json.WriteString(name, problem ?? "ok");
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        await WriteAsync(context, fails && !ready ? 503 : 200, "application/json", body.ToArray());
    }

    private static Task WriteMetricsAsync(HttpContext context, IGatewayView view)
    {
        var openMetrics = context.Request.Headers.Accept.Any(accept =>
            accept?.Contains("application/openmetrics-text", StringComparison.Ordinal) == true
        );
        var text = MetricsText.Write(GatewayMetrics.All, view.Metrics(), openMetrics);
        return WriteAsync(
            context,
            200,
            openMetrics ? MetricsText.OpenMetricsType : MetricsText.PrometheusType,
            System.Text.Encoding.UTF8.GetBytes(text)
        );
    }

    /// <summary>The hash is that of the whole config; the only secret that is in it, and no file that it names, is left out.</summary>
    private static async Task WriteConfigAsync(HttpContext context, IGatewayView view)
    {
        if (view.Config is not { } config)
        {
            await WriteAsync(context, 404, "application/json", """{"error":"no config yet"}"""u8.ToArray());
            return;
        }

        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("hash", ContractsJson.Hash(config));
            json.WritePropertyName("config");
            JsonSerializer.Serialize(json, WithoutKeys(config), ContractsJson.Default.GatewayConfig);
            json.WriteEndObject();
        }

        await WriteAsync(context, 200, "application/json", body.ToArray());
    }

    /// <summary>Who reads here is asked for nothing, and who has the key can sign cookies.</summary>
    private static GatewayConfig WithoutKeys(GatewayConfig config) =>
        config with
        {
            Listeners =
            [
                .. config.Listeners.Select(static listener =>
                    listener.WebSocket is { Affinity: { Key: not null } affinity } socket
                        ? listener with
                        {
                            WebSocket = socket with { Affinity = affinity with { Key = "(not shown)" } },
                        }
                        : listener
                ),
            ],
        };

    /// <summary>As the load reports have them.</summary>
    private static async Task WriteBackendsAsync(HttpContext context, IGatewayView view)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteStartArray("backends");
            foreach (var backend in view.Backends())
            {
                JsonSerializer.Serialize(json, backend, ContractsJson.Default.BackendLoad);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        await WriteAsync(context, 200, "application/json", body.ToArray());
    }

    /// <summary>JSON of what there is; 404 where there is nothing.</summary>
    internal static Task WriteAsync<T>(HttpContext context, T? value, Func<T, byte[]> json)
        where T : class =>
        value is null
            ? WriteAsync(context, 404, "application/json", """{"error":"there is none"}"""u8.ToArray())
            : WriteAsync(context, 200, "application/json", json(value));

    private static async Task WriteAsync(HttpContext context, int status, string type, byte[] body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }
}
