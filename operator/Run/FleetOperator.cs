using System.Runtime.ExceptionServices;
using System.Security.Cryptography.X509Certificates;
using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Controllers;
using Mooring.Kubernetes.Events;
using Mooring.Kubernetes.Models;
using Mooring.Kubernetes.Queueing;
using Mooring.Kubernetes.Telemetry;
using Mooring.Operator.AdminApi;
using Mooring.Operator.AdminApi.InCluster;
using Mooring.Operator.Dashboard;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Gateways.InCluster;
using Mooring.Operator.Metrics;
using Mooring.Operator.Metrics.External;
using Mooring.Operator.Planning;
using Mooring.Operator.Reconciliation;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Run;

/// <summary>The work of a leader: the fleets' controllers and the gateways' stream, wired together.</summary>
internal sealed class FleetOperator : IAsyncDisposable
{
    private static readonly TimeSpan CertificateCheck = TimeSpan.FromHours(6);

    // The API server's own certificates for aggregation may be renewed at any time, and an APIService that is made anew has no caBundle: until it has,
    // every autoscaler on it stands still, and no namespace of the cluster can be deleted.
    private static readonly TimeSpan MetricsApiCheck = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan MetricsApiRetry = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan MetricsApiReminder = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan CertificateRetry = TimeSpan.FromSeconds(5);

    // Reports of figures come from every gateway every ten seconds: one reconcile takes in what came meanwhile.
    private static readonly TimeSpan FigureDelay = TimeSpan.FromSeconds(1);

    // Children and gateways come and change in crowds, most of them by what the operator itself has just done.
    private static readonly TimeSpan CalmDelay = TimeSpan.FromMilliseconds(50);

    // While others wait for a worker, more of a crowd may as well come first: to be looked at sooner would be to be looked at oftener.
    private static readonly TimeSpan BusyDelay = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan WorthTelling = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CachesCheck = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan RightsCheck = TimeSpan.FromSeconds(1);

    private readonly RunOptions _options;
    private readonly KubernetesClient _client;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _log;
    private readonly GatewayHub _hub = new(TimeProvider.System);
    private readonly StreamIdentity _identity = new();
    private readonly RecommendedGateways _recommended = new(TimeProvider.System);
    private readonly FleetCaches _caches;
    private readonly ReferencedServices _references;
    private readonly EventRecorder _recorder;
    private readonly FleetMetrics _metrics;
    private readonly CertificateStore _certificates;
    private readonly MetricsApiServer _metricsApi;
    private readonly Uri _streamUrl;
    private readonly TimeProvider _certificatesTime;
    private KubernetesClient? _reviews;
    private string? _metricsApiProblem;
    private DateTimeOffset _metricsApiTold;

    // By namespace; where all are watched, one of "".
    private Dictionary<string, Controller<ConnectionFleet>> _controllers = [];
    private volatile bool _leads;

    /// <param name="options">How it was started.</param>
    /// <param name="client">For everything but the review of tokens.</param>
    /// <param name="ownNamespace">Of its certificates.</param>
    /// <param name="loggers">Of all its parts.</param>
    /// <param name="certificatesTime">The clock by which certificates are made and renewed; null: the system's.</param>
    public FleetOperator(
        RunOptions options,
        KubernetesClient client,
        string ownNamespace,
        ILoggerFactory loggers,
        TimeProvider? certificatesTime = null
    )
    {
        _certificatesTime = certificatesTime ?? TimeProvider.System;
        (_options, _client, _loggers, _log) = (options, client, loggers, loggers.CreateLogger<FleetOperator>());
        var host = $"{options.StreamService}.{ownNamespace}.svc";
        _streamUrl = options.StreamUrl ?? new Uri($"wss://{host}:{options.Stream?.Port ?? 8443}{StreamLimits.Path}");
        _caches = new FleetCaches(client, options.Namespaces, loggers);
        _references = new ReferencedServices(client, loggers);
        _recorder = new EventRecorder(client, new EventRecorderOptions { ReportingController = "mooring.dev/operator" }, loggers);
        _metrics = new FleetMetrics(_hub);
        _metricsApi = new MetricsApiServer(client, ownNamespace, options.StreamService, _log, TimeProvider.System);
        _certificates = new CertificateStore(
            client,
            ownNamespace,
            "mooring-stream-tls",
            [_streamUrl.Host, host, $"{host}.cluster.local", $"{options.StreamService}-metrics.{ownNamespace}.svc"],
            _certificatesTime
        );
    }

    public bool HasSynced => _caches.HasSynced;

    public TimeSpan LongestReconcile => _controllers.Values.Select(controller => controller.LongestRunning).DefaultIfEmpty().Max();

    /// <summary>The certificate of the operator's own servers; null: there is none yet.</summary>
    public X509Certificate2? Certificate => _certificates.Current;

    /// <summary>What the admin API acts on.</summary>
    public ClusterAdministration Administration(KubernetesClient client) => new(_caches, client, _recorder, Look, _hub, () => _leads);

    /// <summary>Keeps the caches right until stopped; and where there is an admin API, its certificate while another leads.</summary>
    public Task FollowAsync(CancellationToken stopping) =>
        Together.RunAsync(_options.Admin is null ? [_caches.RunAsync] : [_caches.RunAsync, FollowCertificateAsync], stopping);

    /// <summary>Reconciles and serves the stream until the term has ended.</summary>
    /// <param name="epoch">Number of the term, which fences directives.</param>
    /// <param name="mayWork">Asked before each reconcile.</param>
    /// <param name="announce">Begun once streams can be served, and nothing waits for it.</param>
    public async Task WorkAsync(long epoch, Func<bool> mayWork, Func<Task> announce, CancellationToken ended)
    {
        SequenceMetrics.Begin();
        await WaitForCachesAsync(ended);
        if (_options is { Admin: not null, Stream: null })
        {
            await UntilAsync(() => _certificates.EnsureAsync(ended), ended);
        }

        await using var stream = await StartStreamAsync(ended);
        await using var metricsApi = await StartMetricsApiAsync(ended);
        var events = new FleetEvents(_recorder);
        var reconciler = CreateReconciler(epoch, events, out var finalizer);
        var settling = stream is null ? null : new Settling(Now, _caches.Pods.List().Count(IsGateway));
        _controllers = _caches.Fleets.ByNamespace.ToDictionary(
            static watched => watched.Key,
            watched => new Controller<ConnectionFleet>(
                _client,
                watched.Value,
                reconciler,
                [finalizer],
                new ControllerOptions
                {
                    Name = "fleets",
                    Workers = _options.Workers,
                    SharesEntities = true,
                    MayWork = mayWork,
                    Hold = key => HoldOf(settling, key),
                    UpdateDelay = (before, after) => StatusUpdate.Is(before, after) ? CrowdDelay : TimeSpan.Zero,
                    // A right that is granted or a webhook that is mended should not wait for a quarter of an hour.
                    Queue = new WorkQueueOptions { MaxDelay = LongestRetry },
                    Failed = (key, error, delay) => TellFailure(events, key, error, delay),
                },
                _loggers
            ),
            StringComparer.Ordinal
        );
        _caches.OnChange((key, priority) => Enqueue(key, CrowdDelay, priority));
        _references.Changed = key => Enqueue(key, CrowdDelay);
        _hub.Changed += (fleet, change) => Enqueue(ObjectKey.Parse(fleet), DelayOf(change));
        Log.Working(_log, epoch);
        _leads = true;
        try
        {
            await Together.RunAsync(
                [
                    _ => announce(),
                    .. _controllers.Values.Select(static controller => (Func<CancellationToken, Task>)controller.RunAsync),
                    RenewAsync,
                    WatchRightsAsync,
                ],
                ended
            );
        }
        finally
        {
            _leads = false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var controller in _controllers.Values)
        {
            controller.Dispose();
        }

        _references.Dispose();
        await _recorder.DisposeAsync();
        _metrics.Dispose();
        _certificates.Dispose();
        _reviews?.Dispose();
    }

    private AdminFleet Look(ConnectionFleet fleet)
    {
        var view = _hub.View(ObjectKey.Of(fleet).ToString());
        // A spec that was not looked at yet may be one that no config can be made of.
        var isKnown = fleet.Status?.Phase is not (null or "Invalid") && fleet.Status.ObservedGeneration == fleet.Metadata.Generation;
        var filled = FleetPresets.Fill(fleet);
        var config = isKnown ? GatewayConfigRenderer.Render(new FleetInput { Fleet = filled }) : null;
        return new AdminFleet(filled, FleetOverviews.Of(fleet, config, view), view);
    }

    private IEntityController<ConnectionFleet> CreateReconciler(long epoch, FleetEvents events, out FleetFinalizer finalizer)
    {
        var time = TimeProvider.System;
        var applier = new PlanApplier(_client, _caches, time);
        var statuses = new StatusWriter(_client, time);
        var options = new ReconciliationOptions { GatewayImage = _options.GatewayImage, Workers = _options.Workers };
        var directives = new DirectiveSender(_hub, epoch, time);
        finalizer = new FleetFinalizer(_caches, applier, statuses, events, _metrics, _hub, directives, time);
        var reconciler = new FleetReconciler(
            new FleetGatherer(_caches, _references, _hub, _identity, options, time),
            applier,
            new GatewayPublisher(_hub),
            statuses,
            events,
            _metrics,
            _hub,
            new FreshLook(_client),
            new MarkWriter(_client, _caches),
            directives,
            new GatewayScaler(_client, _recommended),
            new PassingTroubles(time)
        );
        return new SightedController(reconciler, _caches, statuses, time);
    }

    /// <summary>Waits for the caches; no longer than until it is known that the rest of them may not be filled.</summary>
    private async Task WaitForCachesAsync(CancellationToken ended)
    {
        var synced = _caches.WaitForSyncAsync(ended);
        while (!synced.IsCompleted && !_caches.IsSettled)
        {
            await Task.WhenAny(synced, Task.Delay(CachesCheck, ended));
            ended.ThrowIfCancellationRequested();
        }

        foreach (var missing in _caches.Forbidden)
        {
            Log.Blind(_log, missing);
        }
    }

    /// <summary>Has every fleet looked at when a right to read is taken away or granted: no event would bring it about.</summary>
    private async Task WatchRightsAsync(CancellationToken ended)
    {
        var before = string.Join('\n', _caches.Forbidden);
        while (!ended.IsCancellationRequested)
        {
            await Task.Delay(RightsCheck, ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var now = string.Join('\n', _caches.Forbidden);
            if (now != before)
            {
                before = now;
                _caches.Fleets.List().ForEach(fleet => Enqueue(ObjectKey.Of(fleet), TimeSpan.Zero, WorkPriority.Low));
            }
        }
    }

    // What stays away for a second or forbidden is worth an event; a server that is away could take none.
    private void TellFailure(FleetEvents events, ObjectKey key, Exception error, TimeSpan delay)
    {
        if (
            error is KubernetesException refused
            && (refused.Code == System.Net.HttpStatusCode.Forbidden || delay >= WorthTelling)
            && _caches.Fleets.Find(key) is { } fleet
        )
        {
            events.Report(fleet, refused);
        }
    }

    private bool IsBusy => _controllers.Values.Any(controller => controller.Waiting > _options.Workers);

    private TimeSpan CrowdDelay => IsBusy ? BusyDelay : CalmDelay;

    private TimeSpan DelayOf(GatewayChange change) =>
        change switch
        {
            GatewayChange.Figures => FigureDelay,
            GatewayChange.State => IsBusy ? BusyDelay : TimeSpan.Zero,
            _ => CrowdDelay,
        };

    /// <summary>How long a fleet can wait.</summary>
    private TimeSpan HoldOf(Settling? settling, ObjectKey key) =>
        settling?.IsOver(Now, _hub.Count) != false || _caches.Fleets.Find(key) is not { } fleet || !AtRest.Is(fleet)
            ? TimeSpan.Zero
            : Settling.Pause;

    private static TimeSpan Now => TimeProvider.System.GetElapsedTime(0);

    private static bool IsGateway(Pod pod) =>
        pod.Metadata.Labels?.GetValueOrDefault(ResourceLabels.Role) == ResourceLabels.GatewayRole
        && GatewayObserver.StageOf(pod) == GatewayStage.Ready;

    // One whose namespace may not be read works at nothing: what is not its own would wait in its queue for good.
    private void Enqueue(ObjectKey fleet, TimeSpan delay, WorkPriority priority = WorkPriority.Normal) =>
        (_controllers.GetValueOrDefault("") ?? _controllers.GetValueOrDefault(fleet.Namespace))?.EnqueueAfter(fleet, delay, priority);

    private async Task<WebApplication?> StartStreamAsync(CancellationToken ended)
    {
        if (_options.Stream is not { } address)
        {
            return null;
        }

        await UntilAsync(async () => await RefreshIdentityAsync(ended), ended);
        // By a connection of their own, and no part of the reconciles' rate: after a change of leader every gateway's token is reviewed within seconds.
        // The stream server lets in no more than it can have under way.
        _reviews ??= new KubernetesClient(_client.Config, _client.Options with { QueriesPerSecond = 0 }, loggers: _loggers)
        {
            Witness = _client.Witness,
        };
        var server = new StreamServer(
            _hub,
            new TokenAuthenticator(_reviews),
            new StreamOptions(),
            TimeProvider.System,
            _loggers.CreateLogger<StreamServer>()
        );
        var app = HttpServers.Stream(address, server, () => _certificates.Current, _loggers, ended);
        await app.StartAsync(ended);
        Log.Streaming(_log, HttpServers.PortOf(app), _streamUrl.ToString());
        return app;
    }

    private async Task<WebApplication?> StartMetricsApiAsync(CancellationToken ended)
    {
        if (_options.MetricsApi is not { } address)
        {
            return null;
        }

        await UntilAsync(async () => await RefreshMetricsApiAsync(await _certificates.EnsureAsync(ended), ended), ended);
        var app = HttpServers.MetricsApi(address, _recommended, () => _certificates.Current, _metricsApi.Accepts, _loggers);
        await app.StartAsync(ended);
        Log.ServingMetricsApi(_log, HttpServers.PortOf(app));
        return app;
    }

    /// <summary>A cluster that cannot be asked about it keeps nothing else from working.</summary>
    private async Task RefreshMetricsApiAsync(string bundle, CancellationToken ended)
    {
        if (_options.MetricsApi is null)
        {
            return;
        }

        var before = _metricsApiProblem;
        try
        {
            _metricsApiProblem = await _metricsApi.RefreshAsync(bundle, ended);
        }
        catch (Exception error) when (error is not OutOfMemoryException && !ended.IsCancellationRequested)
        {
            _metricsApiProblem = error.Message;
        }

        var now = _certificatesTime.GetUtcNow();
        if (_metricsApiProblem is { } problem && (problem != before || now - _metricsApiTold >= MetricsApiReminder))
        {
            _metricsApiTold = now;
            Log.MetricsApiFailed(_log, problem);
        }
    }

    /// <summary>Returns whether gateways are to be told another authority.</summary>
    private async Task<bool> RefreshIdentityAsync(CancellationToken ended)
    {
        var bundle = await _certificates.EnsureAsync(ended);
        await RefreshMetricsApiAsync(bundle, ended);
        if (_identity.Endpoint?.CaBundle == bundle)
        {
            return false;
        }

        _identity.Endpoint = new StreamEndpoint(_streamUrl.ToString(), bundle);
        return true;
    }

    /// <summary>The leader makes and renews it; the others take what it has made.</summary>
    private Task FollowCertificateAsync(CancellationToken stopping) =>
        Persistently.RunAsync(
            async cancellation => _leads || await _certificates.LoadAsync(cancellation) ? CertificateCheck : CertificateRetry,
            CertificateRetry,
            error => Log.CertificatesFailed(_log, error.Message, CertificateRetry),
            TimeProvider.System,
            stopping
        );

    private Task RenewAsync(CancellationToken ended)
    {
        if (_options is { Stream: null, Admin: null, MetricsApi: null })
        {
            return Task.CompletedTask;
        }

        // What there was when it began to lead has just been looked at.
        var isFirst = true;
        return Persistently.RunAsync(
            async cancellation =>
            {
                LoopActivity.Note("certificates", TimeProvider.System);
                if (!isFirst)
                {
                    await RenewOnceAsync(cancellation);
                }

                isFirst = false;
                return _options.MetricsApi is null ? CertificateCheck
                    : _metricsApiProblem is null ? MetricsApiCheck
                    : MetricsApiRetry;
            },
            CertificateRetry,
            error => Log.CertificatesFailed(_log, error.Message, CertificateRetry),
            _certificatesTime,
            ended
        );
    }

    /// <summary>What a leader cannot begin without: to give up the lead for one bad answer would leave it to the next, which is answered no better.</summary>
    private async Task UntilAsync(Func<Task> done, CancellationToken ended)
    {
        ExceptionDispatchInfo? hopeless = null;
        await Persistently.RunAsync(
            async _ =>
            {
                try
                {
                    await done();
                }
                catch (Exception error) when (IsFinal(error))
                {
                    hopeless = ExceptionDispatchInfo.Capture(error);
                }

                return null;
            },
            CertificateRetry,
            error => Log.CertificatesFailed(_log, error.Message, CertificateRetry),
            TimeProvider.System,
            ended
        );
        ended.ThrowIfCancellationRequested();
        hopeless?.Throw();
    }

    // A right that is missing, or somebody else's Secret in the way: for people to see, as a process that does not run.
    private static bool IsFinal(Exception error) =>
        error is IOException
        || error is KubernetesException { IsConflict: false, Code: var code } && (int)code is >= 400 and < 500 and not (401 or 408 or 429);

    private async Task RenewOnceAsync(CancellationToken ended)
    {
        if (_options.Stream is null)
        {
            await RefreshMetricsApiAsync(await _certificates.EnsureAsync(ended), ended);
        }
        else if (await RefreshIdentityAsync(ended))
        {
            _caches.Fleets.List().ForEach(fleet => Enqueue(ObjectKey.Of(fleet), TimeSpan.Zero, WorkPriority.Low));
        }
    }
}
