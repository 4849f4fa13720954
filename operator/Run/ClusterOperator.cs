using System.Security.Cryptography;
using System.Text.Json;
using Mooring.Contracts.Processes;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Kubernetes.Controllers;
using Mooring.Kubernetes.LeaderElection;
using Mooring.Operator.AdminApi;
using Mooring.Operator.AdminApi.InCluster;
using Mooring.Operator.Metrics;
using Mooring.Operator.Run.Troubles;

namespace Mooring.Operator.Run;

/// <summary>The operator of a cluster: one process that serves its probes, stands for election, and works while it leads.</summary>
internal sealed class ClusterOperator(
    RunOptions options,
    KubernetesClient client,
    KubernetesClient reviews,
    string ownNamespace,
    ILoggerFactory loggers
) : IAsyncDisposable
{
    private static readonly TimeSpan LabelRetry = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ReviewTimeout = TimeSpan.FromSeconds(4);
    private const int Stopped = 0;
    private const int Failed = 1;
    private const int LeadershipLost = 3;

    private readonly OperatorHealth _health = new();
    private readonly PrometheusExporter _metrics = new("Mooring.", "System.Runtime");
    private readonly LeaderLabel _label = new(client, ownNamespace, options.PodName);
    private readonly ILogger _log = loggers.CreateLogger<ClusterOperator>();

    /// <summary>Runs until stopped. Returns the process's exit code.</summary>
    public static async Task<int> RunAsync(RunOptions options, CancellationToken stopping)
    {
        // The command line has its own handlers in place, which cancel.
        EarlySignals.HandOver();
        using var loggers = LoggerFactory.Create(logging => Configure(logging, options));
        var log = loggers.CreateLogger<ClusterOperator>();
        try
        {
            var config = ClusterConfigLoader.Load(
                new ClusterConfigOptions { KubeConfigFile = options.Kubeconfig, Context = options.Context }
            );
            using var tracing = OtlpTracing.Start(
                options.OtlpEndpoint,
                options.TraceRatio,
                options.PodName ?? Environment.MachineName,
                Environment.GetEnvironmentVariable
            );
            var requests = new KubernetesClientOptions
            {
                FieldManager = "mooring-operator",
                UserAgent = "mooring-operator",
                QueriesPerSecond = options.QueriesPerSecond,
                Burst = (int)Math.Max(1, options.QueriesPerSecond * 2),
                // What is asked to wait for longer does so in the queue: a few that wait here would hold up all the other fleets.
                MaxRetryDelay = TimeSpan.FromSeconds(2),
            };
            using var client = new KubernetesClient(config, requests, loggers: loggers);
            // Who asks by the admin API has no part in the reconciles' rate.
            using var reviews = new KubernetesClient(
                config,
                requests with
                {
                    QueriesPerSecond = 50,
                    Burst = 100,
                    MaxRetries = 1,
                    AttemptTimeout = ReviewTimeout,
                },
                loggers: loggers
            );
            await using var @operator = new ClusterOperator(options, client, reviews, options.OwnNamespace ?? config.Namespace, loggers);
            return await @operator.RunAsync(stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return Stopped;
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            var isOdd =
                error
                is not (
                    KubeConfigException
                    or CredentialException
                    or KubernetesException
                    or HttpRequestException
                    or TimeoutException
                    or IOException
                    or InvalidDataException
                    or JsonException
                    or CryptographicException
                );
            Log.Failed(log, isOdd ? error.ToString() : error.Message);
            return Failed;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _metrics.Dispose();
        await ValueTask.CompletedTask;
    }

    private async Task<int> RunAsync(CancellationToken stopping)
    {
        // By the client that goes on writing after a term of leading.
        await using var troubles = new TroubleWatch(
            reviews,
            ownNamespace,
            options.LeaseName,
            new TroubleLimits(),
            TimeProvider.System,
            loggers
        );
        client.Witness = troubles;
        await using var work = new FleetOperator(options, client, ownNamespace, loggers);
        await using var health = HttpServers.Health(options.Http, _health, options.OpenMetrics ? _metrics : null, loggers);
        await health.StartAsync(stopping);
        Log.Serving(_log, HttpServers.PortOf(health));
        await using var admin = await StartAdminAsync(work, stopping);
        _health.LongestReconcile = () => work.LongestReconcile;
        _health.HasSynced = () => work.HasSynced;
        try
        {
            // The caches are filled before it leads, so that taking over costs no lists. Without them nobody sees what there is.
            return await Beside.RunAsync(
                ending =>
                    options.LeaderElect
                        ? StandAsync(work, ending)
                        : LeadAsync(work, TermNumber.First(TimeProvider.System.GetUtcNow()), static () => true, ending),
                caches =>
                    Together.RunAsync(
                        [work.FollowAsync, static token => MemoryTrim.RunAsync(TimeProvider.System, token), troubles.RunAsync],
                        caches
                    ),
                stopping
            );
        }
        finally
        {
            await (admin?.StopAsync(CancellationToken.None) ?? Task.CompletedTask);
            await health.StopAsync(CancellationToken.None);
        }
    }

    private async Task<WebApplication?> StartAdminAsync(FleetOperator work, CancellationToken stopping)
    {
        if (options.Admin is not { } address)
        {
            return null;
        }

        var access = new ClusterAccess(reviews, options.OpenMetrics, TimeProvider.System);
        var endpoints = new AdminEndpoints(work.Administration(reviews), access, loggers.CreateLogger<AdminEndpoints>());
        var app = HttpServers.Admin(address, endpoints, _metrics, () => work.Certificate, loggers);
        await app.StartAsync(stopping);
        Log.ServingAdmin(_log, HttpServers.PortOf(app));
        return app;
    }

    private async Task<int> StandAsync(FleetOperator work, CancellationToken stopping)
    {
        await TryLabelAsync(leads: false, stopping);
        var elector = new LeaderElector(
            client,
            new LeaderElectionOptions
            {
                Namespace = ownNamespace,
                Name = options.LeaseName,
                Identity = $"{options.PodName ?? Environment.MachineName}_{Guid.NewGuid():N}",
            },
            loggers
        );
        _health.Started();
        var code = Stopped;
        var outcome = await elector.RunAsync(
            async term => code = await LeadAsync(work, term.Epoch, () => term.IsHeld, term.Ended),
            stopping
        );
        return outcome == LeaderElectionOutcome.Lost ? LeadershipLost : code;
    }

    private async Task<int> LeadAsync(FleetOperator work, long epoch, Func<bool> mayWork, CancellationToken ended)
    {
        _health.Started();
        client.MayWrite = mayWork;
        try
        {
            await work.WorkAsync(epoch, mayWork, () => LabelAsync(ended), ended);
            return Stopped;
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            return Stopped;
        }
        finally
        {
            if (mayWork())
            {
                using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
                await TryLabelAsync(leads: false, limit.Token);
            }
        }
    }

    // Without its label the stream goes without the leader, yet reconciling goes on: a reason to try again, and none to stop.
    private Task LabelAsync(CancellationToken ended) =>
        Persistently.RunAsync(
            async cancellation =>
            {
                await _label.SetAsync(leads: true, cancellation);
                return null;
            },
            LabelRetry,
            error => Log.LabelFailed(_log, error.Message),
            TimeProvider.System,
            ended
        );

    private async Task TryLabelAsync(bool leads, CancellationToken cancellation)
    {
        try
        {
            await _label.SetAsync(leads, cancellation);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            Log.LabelFailed(_log, error.Message);
        }
    }

    private static void Configure(ILoggingBuilder logging, RunOptions options)
    {
        logging.SetMinimumLevel(options.LogLevel);
        logging.AddFilter("Microsoft", options.LogLevel > LogLevel.Warning ? options.LogLevel : LogLevel.Warning);
        if (options.LogJson)
        {
            logging.AddJsonConsole(json => json.UseUtcTimestamp = true);
        }
        else
        {
            logging.AddSimpleConsole(line => (line.SingleLine, line.TimestampFormat, line.UseUtcTimestamp) = (true, "HH:mm:ss.fff ", true));
        }
    }
}
