using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Mooring.Operator.AdminApi;
using Mooring.Operator.Dashboard;
using Mooring.Operator.Gateways;
using Mooring.Operator.Metrics;
using Mooring.Operator.Metrics.External;

namespace Mooring.Operator.Run;

/// <summary>The operator's HTTP servers: for probes, for people and scripts, for gateways, for the API server. At 0.0.0.0 and at [::] they take IPv4 and IPv6.</summary>
internal static class HttpServers
{
    // Whoever can reach a port may hold this many connections of it, and for so long, without having said who it is.
    private const int MaxConnections = 1024;
    private static readonly TimeSpan IdleTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Serves /healthz and /readyz, which tell a stranger nothing; and /metrics where they are given.</summary>
    public static WebApplication Health(IPEndPoint address, OperatorHealth health, PrometheusExporter? metrics, ILoggerFactory loggers)
    {
        var app = Build(address, loggers, certificate: null);
        app.MapGet("/healthz", () => Answer(health.Unhealthy()));
        app.MapGet("/readyz", () => Answer(health.Unready()));
        if (metrics is not null)
        {
            app.MapGet("/metrics", () => Results.Text(metrics.Write(), PrometheusExporter.ContentType));
        }

        return app;
    }

    /// <summary>Serves the admin API, the page and /metrics to those that have the right.</summary>
    /// <param name="certificate">Asked for each connection.</param>
    public static WebApplication Admin(
        IPEndPoint address,
        AdminEndpoints endpoints,
        PrometheusExporter metrics,
        Func<X509Certificate2?> certificate,
        ILoggerFactory loggers
    )
    {
        var app = Build(address, loggers, certificate);
        app.Use(AdminEndpoints.ExplainAsync);
        app.UseRouting();
        endpoints.Map(app);
        DashboardEndpoints.Map(app);
        app.MapGet(
            "/metrics",
            context =>
                endpoints.GuardAsync(
                    context,
                    AccessRule.Metrics,
                    () =>
                    {
                        context.Response.ContentType = PrometheusExporter.ContentType;
                        return context.Response.WriteAsync(metrics.Write(), context.RequestAborted);
                    }
                )
        );
        return app;
    }

    /// <summary>Serves the gateways' stream.</summary>
    /// <param name="certificate">Asked for each connection, so that a renewed one is used at once.</param>
    public static WebApplication Stream(
        IPEndPoint address,
        StreamServer server,
        Func<X509Certificate2?> certificate,
        ILoggerFactory loggers,
        CancellationToken stopping
    )
    {
        var app = Build(address, loggers, certificate, inline: true);
        app.UseWebSockets();
        server.Map(app, stopping);
        return app;
    }

    /// <summary>Serves external.metrics.k8s.io to the cluster's API server, and to nobody else.</summary>
    /// <param name="certificate">Asked for each connection.</param>
    /// <param name="isProxy">Whether a client's certificate is the API server's.</param>
    public static WebApplication MetricsApi(
        IPEndPoint address,
        RecommendedGateways recommended,
        Func<X509Certificate2?> certificate,
        Func<X509Certificate2, bool> isProxy,
        ILoggerFactory loggers
    )
    {
        var app = Build(address, loggers, certificate, isProxy);
        ExternalMetricsApi.Map(app, recommended);
        return app;
    }

    /// <summary>The port that a started server got; differs from the one asked for where that was 0.</summary>
    public static int PortOf(WebApplication app) =>
        new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;

    private static WebApplication Build(
        IPEndPoint address,
        ILoggerFactory loggers,
        Func<X509Certificate2?>? certificate,
        Func<X509Certificate2, bool>? isClient = null,
        bool inline = false
    )
    {
        var tls = certificate is null ? null : new ServerTls(certificate, isClient);
        // Slim, and without appsettings.json, environment variables or arguments: what is served is said here alone.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.Services.Replace(ServiceDescriptor.Singleton(loggers));
        builder
            .WebHost.UseKestrelCore()
            .ConfigureKestrel(kestrel =>
            {
                kestrel.AddServerHeader = false;
                // Streams are upgraded, and counted by the stream server itself.
                kestrel.Limits.MaxConcurrentConnections = MaxConnections;
                kestrel.Limits.KeepAliveTimeout = IdleTimeout;
                kestrel.Limits.RequestHeadersTimeout = RequestTimeout;
                // Of a cluster whose pods have IPv6 alone, 0.0.0.0 is none of their addresses.
                if (address.Address.Equals(IPAddress.Any) || address.Address.Equals(IPAddress.IPv6Any))
                {
                    kestrel.ListenAnyIP(address.Port, Secure);
                }
                else
                {
                    kestrel.Listen(address, Secure);
                }
            });
        if (certificate is not null)
        {
            builder.WebHost.UseKestrelHttpsConfiguration();
        }

        if (inline)
        {
            // A report would otherwise go through three queues, each of which may have to wake a thread, for some microseconds of work that waits for nothing.
            builder.WebHost.UseSockets(static sockets => sockets.UnsafePreferInlineScheduling = true);
        }

        return builder.Build();

        void Secure(ListenOptions listen)
        {
            if (tls is not null)
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.UseHttps(tls.Callback);
            }
        }
    }

    private static IResult Answer(string? wrong) =>
        wrong is null ? Results.Text("ok\n") : Results.Text(wrong + "\n", statusCode: StatusCodes.Status503ServiceUnavailable);
}
