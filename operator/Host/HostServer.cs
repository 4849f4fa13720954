using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Mooring.Contracts.Stream;
using Mooring.Operator.AdminApi;
using Mooring.Operator.Dashboard;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Host;

/// <summary>The host's web server: the gateways' streams on a Unix socket, and health, metrics and the dashboard on an address.</summary>
internal sealed class HostServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private HostServer(WebApplication app) => _app = app;

    /// <summary>Starts it.</summary>
    /// <exception cref="IOException">The address, or the Unix socket, cannot be had; says which.</exception>
    public static async Task<HostServer> StartAsync(
        HostOptions options,
        string streamPath,
        GatewayHub hub,
        IGatewayAuthenticator authenticator,
        Func<IReadOnlyList<FleetOverview>> fleets,
        AdminEndpoints admin,
        Action<string> say
    )
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.AddProvider(new SayingLogger(say, LogLevel.Warning));
        // The runtime's own handlers of Ctrl-C would end the streams before anything is drained.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddRoutingCore();
        builder
            .WebHost.UseKestrelCore()
            .ConfigureKestrel(kestrel =>
            {
                kestrel.AddServerHeader = false;
                kestrel.ListenUnixSocket(streamPath);
                if (options.Http is { } http)
                {
                    kestrel.Listen(http, static listen => listen.Protocols = HttpProtocols.Http1);
                }
            });
        var app = builder.Build();
        app.Use(RefuseOtherHostsAsync);
        app.Use(AdminEndpoints.ExplainAsync);
        app.UseRouting();
        app.UseWebSockets();
        new StreamServer(
            hub,
            authenticator,
            // No kubelet asks whether a gateway hangs, and there are few: they speak oftener than in a cluster.
            new StreamOptions { SilenceTimeout = TimeSpan.FromSeconds(35) },
            TimeProvider.System,
            app.Services.GetRequiredService<ILogger<StreamServer>>()
        ).Map(app, app.Lifetime.ApplicationStopping);
        DashboardEndpoints.Map(app);
        admin.Map(app);
        app.MapGet("/healthz", static context => context.Response.WriteAsync("ok\n"));
        app.MapGet("/readyz", context => WriteReadyAsync(context, fleets()));
        app.MapGet(
            "/metrics",
            context =>
                admin.GuardAsync(
                    context,
                    AccessRule.Metrics,
                    async () =>
                    {
                        var answers = await hub.AskAsync(null, QuestionKind.Metrics, GatewayHub.AnswerLimit, context.RequestAborted);
                        context.Response.ContentType = HostMetrics.ContentType;
                        var text = HostMetrics.Write(fleets(), hub.Views());
                        await context.Response.WriteAsync(text + GatewayMetricsMerge.Write(answers, text), context.RequestAborted);
                    }
                )
        );
        try
        {
            await app.StartAsync();
        }
        catch (Exception exception) when (exception is IOException or System.Net.Sockets.SocketException)
        {
            await app.DisposeAsync();
            throw new IOException($"the web server cannot have {options.Http} and {streamPath}: {exception.Message}", exception);
        }

        return new HostServer(app);
    }

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(3));
        await _app.StopAsync(limit.Token);
        await _app.DisposeAsync();
    }

    /// <summary>Answers 421 to a browser that was led here by a name of its page's own (DNS rebinding); the page could read everything else.</summary>
    private static Task RefuseOtherHostsAsync(HttpContext context, RequestDelegate next)
    {
        // The Unix socket has no address, and an address that others can reach goes by names that only they know.
        if (context.Connection.LocalIpAddress is not { } local || !IPAddress.IsLoopback(local) || IsOwnName(context.Request.Host.Host))
        {
            return next(context);
        }

        context.Response.StatusCode = StatusCodes.Status421MisdirectedRequest;
        return context.Response.WriteAsync("ask for localhost, or for the address itself\n");
    }

    private static bool IsOwnName(string host) =>
        host.Length == 0
        || IPAddress.TryParse(host, out _)
        || host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase);

    private static Task WriteReadyAsync(HttpContext context, IReadOnlyList<FleetOverview> fleets)
    {
        // One that is being ended is no more wanted.
        var wanted = fleets.Where(static fleet => fleet.Phase != FleetConditions.Deleting).ToList();
        var notReady = wanted
            .Where(static fleet => !Serves(fleet))
            .Select(static fleet =>
                $"{fleet.Namespace}/{fleet.Name}: {fleet.Conditions.FirstOrDefault(static condition => condition.Type == "Ready")?.Message}\n"
            )
            .ToList();
        context.Response.StatusCode =
            notReady.Count == 0 && wanted.Count > 0 ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        return context.Response.WriteAsync(
            notReady.Count > 0 ? string.Concat(notReady)
            : wanted.Count > 0 ? "ok\n"
            : "no fleet\n"
        );
    }

    /// <summary>It is as it is wanted, or was until its gateways began to be replaced or more were asked for, and as many as before serve on.</summary>
    internal static bool Serves(FleetOverview fleet) =>
        fleet.Conditions.FirstOrDefault(static condition => condition.Type == FleetConditions.Ready) is { } ready
        && (
            ready.Status == FleetConditions.True
            || (
                ready.Reason is FleetConditions.RolloutSurging or FleetConditions.RolloutStalled or FleetConditions.GatewaysNotReady
                && fleet.GatewaysReady >= Math.Max(1, fleet.GatewaysNeeded)
            )
        );

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
