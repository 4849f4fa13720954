using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Events;
using Mooring.Kubernetes.Models;
using Mooring.Kubernetes.Telemetry;
using Mooring.Operator.Metrics;

namespace Mooring.Operator.Run.Troubles;

/// <summary>Tells in events what the whole operator suffers from: about its Lease, which outlives its pods and is there for every replica. Thread-safe.</summary>
/// <param name="client">Writes the events; not one that stops writing when a term of leading ends.</param>
/// <param name="ns">The operator's own namespace.</param>
/// <param name="lease">Name of the Lease; it need not be there.</param>
/// <param name="limits">What is worth an event.</param>
/// <param name="time">Both clocks that troubles are judged by.</param>
internal sealed class TroubleWatch(
    KubernetesClient client,
    string ns,
    string lease,
    TroubleLimits limits,
    TimeProvider time,
    ILoggerFactory loggers
) : IApiWitness, IAsyncDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookUp = TimeSpan.FromSeconds(5);

    // With a slow server there is something to tell before there is a Lease; without an election there never is one.
    private static readonly TimeSpan LeaseComes = TimeSpan.FromSeconds(60);

    private readonly Lock _lock = new();
    private readonly TroubleLedger _ledger = new(limits);
    private readonly long _began = time.GetTimestamp();
    private readonly ILogger _log = loggers.CreateLogger<TroubleWatch>();
    private readonly EventRecorder _recorder = new(
        client,
        new EventRecorderOptions { ReportingController = "mooring.dev/operator" },
        loggers
    );
    private readonly List<TroubleNews> _untold = [];
    private string? _uid;

    /// <inheritdoc/>
    public void Answered(string verb, string resource, TimeSpan took)
    {
        lock (_lock)
        {
            // Without the verb: told it is by resource, and joining the two would be a string for each request.
            _ledger.Answered(Now(), resource, took, isWatch: verb == "watch");
        }
    }

    /// <inheritdoc/>
    public void Unanswered(string verb, string resource)
    {
        lock (_lock)
        {
            _ledger.Unanswered(Now(), resource);
        }
    }

    /// <inheritdoc/>
    public void WatchEnded(string resource, string how, TimeSpan lived)
    {
        lock (_lock)
        {
            _ledger.WatchEnded(Now(), resource, how, lived);
        }
    }

    /// <summary>Looks once a second until stopped, and once more then.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        TroubleMetrics.Begin();
        while (!stopping.IsCancellationRequested)
        {
            await Task.Delay(Look, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await TellAsync(isLast: stopping.IsCancellationRequested);
        }
    }

    /// <summary>Sends what waits, for five seconds at most.</summary>
    public ValueTask DisposeAsync() => _recorder.DisposeAsync();

    private async Task TellAsync(bool isLast)
    {
        lock (_lock)
        {
            _untold.AddRange(_ledger.Decide(Now(), time.GetUtcNow()));
        }

        if (_untold.Count == 0)
        {
            return;
        }

        var (regarding, isThere) = await RegardingAsync();
        if (!isThere && !isLast && Now() < LeaseComes)
        {
            return;
        }

        foreach (var news in _untold)
        {
            if (news.IsOver)
            {
                Log.TroubleOver(_log, news.Kind, news.Note);
                _recorder.Publish(regarding, EventType.Normal, "Recovered", $"{news.Kind}", news.Note);
            }
            else
            {
                Log.Trouble(_log, news.Kind, news.Note);
                TroubleMetrics.Told(news.Kind);
                _recorder.Publish(regarding, EventType.Warning, $"{news.Kind}", "Watch", news.Note);
            }
        }

        _untold.Clear();
    }

    /// <summary>With the Lease's uid, by which <c>kubectl describe</c> finds an object's events; without it where there is none to be had.</summary>
    private async Task<(ObjectReference Lease, bool IsThere)> RegardingAsync()
    {
        var isThere = true;
        using var limit = new CancellationTokenSource(LookUp);
        try
        {
            _uid = (await client.FindAsync(Resources.Leases, ns, lease, limit.Token))?.Metadata.Uid;
            isThere = _uid is not null;
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // The one known from before, if any: whatever was answered, what it is about has to be told.
        }

        var reference = new ObjectReference
        {
            ApiVersion = "coordination.k8s.io/v1",
            Kind = "Lease",
            Namespace = ns,
            Name = lease,
            Uid = _uid,
        };
        return (reference, isThere);
    }

    private TimeSpan Now() => time.GetElapsedTime(_began);
}
