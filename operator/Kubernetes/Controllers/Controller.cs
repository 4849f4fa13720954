using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Informers;
using Mooring.Kubernetes.Models;
using Mooring.Kubernetes.Queueing;
using Mooring.Kubernetes.Telemetry;

namespace Mooring.Kubernetes.Controllers;

/// <summary>Runs an <see cref="IEntityController{TEntity}"/>: informer events fill its queue, workers empty it.</summary>
/// <remarks>
/// Set up with <see cref="Owns"/> and <see cref="Watches"/> before <see cref="RunAsync"/>. The informers are shared, so whoever made
/// them runs them. An entity that fails comes back for ever. It listens from its construction on, so make it when work is to begin
/// (for a leader: after the election); what was there before is queued then. That, and a resync, is of low priority: a change does not wait until all of it is done.
/// </remarks>
public sealed partial class Controller<TEntity> : IDisposable
    where TEntity : class, IKubernetesObject
{
    private static readonly TimeSpan PausedRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestAsked = TimeSpan.FromMinutes(5);

    private readonly SharedInformer<TEntity> _informer;
    private readonly IEntityController<TEntity> _controller;
    private readonly FinalizerRunner<TEntity> _finalizers;
    private readonly ControllerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly string _name;
    private readonly WorkQueue<ObjectKey> _queue;
    private readonly List<ISharedInformer> _informers;
    private readonly List<IDisposable> _registrations = [];

    // What was deleted, until its controller has heard of it.
    private readonly ConcurrentDictionary<ObjectKey, TEntity> _deleted = new();

    public Controller(
        KubernetesClient client,
        SharedInformer<TEntity> informer,
        IEntityController<TEntity> controller,
        IEnumerable<IEntityFinalizer<TEntity>>? finalizers = null,
        ControllerOptions? options = null,
        ILoggerFactory? loggers = null
    )
    {
        _options = options ?? new ControllerOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.Workers, 1);
        _informer = informer;
        _controller = controller;
        _finalizers = new FinalizerRunner<TEntity>(client, informer.Type, finalizers ?? []);
        _time = client.Time;
        _logger = (ILogger?)loggers?.CreateLogger<Controller<TEntity>>() ?? NullLogger.Instance;
        _name = _options.Name ?? informer.Type.Plural;
        _queue = new WorkQueue<ObjectKey>(_options.Queue with { Name = _name }, _time);
        _informers = [informer];
        _registrations.Add(
            informer.AddHandler(
                new ResourceEventHandler<TEntity>
                {
                    Added = value => _queue.Add(ObjectKey.Of(value)),
                    Existing = value => _queue.Add(ObjectKey.Of(value), WorkPriority.Low),
                    Updated = (old, value) =>
                        _queue.AddAfter(
                            ObjectKey.Of(value),
                            _options.UpdateDelay?.Invoke(old, value) ?? TimeSpan.Zero,
                            PriorityOf(old, value)
                        ),
                    Deleted = value =>
                    {
                        _deleted[ObjectKey.Of(value)] = value;
                        _queue.Add(ObjectKey.Of(value));
                    },
                }
            )
        );
    }

    /// <summary>How long the oldest entity now in work has been there; zero when none is.</summary>
    public TimeSpan LongestRunning => _queue.LongestRunning;

    /// <summary>Entities that wait for a worker.</summary>
    public int Waiting => _queue.Count;

    /// <summary>Puts an entity into the queue, for reasons of one's own.</summary>
    public void Enqueue(ObjectKey key, WorkPriority priority = WorkPriority.Normal) => _queue.Add(key, priority);

    /// <summary>Puts an entity into the queue later.</summary>
    public void EnqueueAfter(ObjectKey key, TimeSpan delay, WorkPriority priority = WorkPriority.Normal) =>
        _queue.AddAfter(key, delay, priority);

    /// <summary>A change of a child queues the entity that its controller owner reference names.</summary>
    public Controller<TEntity> Owns<TChild>(SharedInformer<TChild> children)
        where TChild : class, IKubernetesObject => Watches(children, child => OwnerMapping.OwnersOf(child, _informer.Type));

    /// <summary>A change of another object queues the entities that the function names. Of an update, those of the old state too.</summary>
    /// <param name="entities">Pure; called on the informer's loop.</param>
    public Controller<TEntity> Watches<TOther>(SharedInformer<TOther> others, Func<TOther, IEnumerable<ObjectKey>> entities)
        where TOther : class, IKubernetesObject
    {
        void AddAll(TOther value, WorkPriority priority)
        {
            foreach (var key in entities(value))
            {
                _queue.Add(key, priority);
            }
        }

        _informers.Add(others);
        _registrations.Add(
            others.AddHandler(
                new ResourceEventHandler<TOther>
                {
                    Added = value => AddAll(value, WorkPriority.Normal),
                    Existing = value => AddAll(value, WorkPriority.Low),
                    Updated = (old, value) =>
                    {
                        // An object that changed hands concerns the one it left as well.
                        AddAll(old, PriorityOf(old, value));
                        AddAll(value, PriorityOf(old, value));
                    },
                    Deleted = value => AddAll(value, WorkPriority.Normal),
                }
            )
        );
        return this;
    }

    /// <summary>Waits for the informers' first lists, then works until cancelled; work under way is cancelled and waited for.</summary>
    /// <remarks>What fails a worker itself, and not what it works at, ends the others too and is thrown: with fewer workers nobody would notice.</remarks>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            foreach (var informer in _informers)
            {
                await informer.WaitForSyncAsync(cancellationToken);
            }

            await Together.RunAsync(
                Enumerable
                    .Range(0, _options.Workers)
                    .Select(_ => (Func<CancellationToken, Task>)(token => Task.Run(() => WorkAsync(token), CancellationToken.None))),
                cancellationToken
            );
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested) { }
    }

    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }

        _queue.Dispose();
    }

    private async Task WorkAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var (found, key) = await _queue.TakeAsync(cancellationToken);
            if (!found)
            {
                return;
            }

            try
            {
                await ProcessAsync(key, cancellationToken);
            }
            finally
            {
                _queue.Done(key);
                LoopActivity.Note(_name, _time);
            }
        }
    }

    private async Task ProcessAsync(ObjectKey key, CancellationToken cancellationToken)
    {
        if (_options.MayWork is { } mayWork && !mayWork())
        {
            _queue.AddAfter(key, PausedRetry, _queue.PriorityOf(key));
            return;
        }

        if (_options.Hold?.Invoke(key) is { Ticks: > 0 } hold)
        {
            // What can wait is not urgent, whatever brought it up: when all that were held come at once, changes come before them.
            _queue.AddAfter(key, hold, WorkPriority.Low);
            return;
        }

        using var activity = KubernetesMetrics.Activities.StartActivity($"reconcile {_name}");
        activity?.SetTag("k8s.object", key.ToString());
        using var timeout = new CancellationTokenSource(_options.ReconcileTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            Settle(key, await ReconcileAsync(key, either.Token));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Stopping: whoever leads next starts from the whole list.
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            Fail(key, timeout.IsCancellationRequested ? $"not done within {_options.ReconcileTimeout}" : error.Message, error, null);
        }
    }

    private async Task<ReconciliationResult<TEntity>?> ReconcileAsync(ObjectKey key, CancellationToken cancellationToken)
    {
        var cached = _informer.Cache.Find(key);
        if (_deleted.TryGetValue(key, out var gone))
        {
            var told = await _controller.DeletedAsync(_informer.Type.Clone(gone), cancellationToken);
            if (told.IsFailure)
            {
                return told;
            }

            // Only this one: another of the same name may have come and gone meanwhile.
            _deleted.TryRemove(KeyValuePair.Create(key, gone));
            if (cached is null)
            {
                return told;
            }
        }

        if (cached is null)
        {
            return null;
        }

        var entity = _options.SharesEntities ? cached : _informer.Type.Clone(cached);
        if (entity.Metadata.DeletionTimestamp is not null)
        {
            return await _finalizers.FinalizeAsync(entity, cancellationToken);
        }

        return await _controller.ReconcileAsync(await _finalizers.AttachAsync(entity, cancellationToken), cancellationToken);
    }

    private void Settle(ObjectKey key, ReconciliationResult<TEntity>? result)
    {
        if (result is { IsFailure: true })
        {
            Fail(key, result.ErrorMessage, result.Error, result.RequeueAfter);
            if (result.Due is { } due)
            {
                _queue.AddAfter(key, due);
            }

            return;
        }

        KubernetesMetrics.Reconciled(_name, "success");
        _queue.Forget(key);
        if (result?.RequeueAfter is { } after)
        {
            // Something goes on there: it is not begun anew with what nobody has looked at yet.
            _queue.AddAfter(key, after);
        }
    }

    private void Fail(ObjectKey key, string message, Exception? error, TimeSpan? after)
    {
        // A lost race is a matter of course: the newer state is on its way through the informer.
        var raced = error is KubernetesException { IsConflict: true };
        KubernetesMetrics.Reconciled(_name, raced ? "conflict" : "failure");
        Activity.Current?.SetStatus(ActivityStatusCode.Error, message);
        TimeSpan delay;
        if (after is { } asked)
        {
            delay = asked;
            _queue.AddAfter(key, asked, _queue.PriorityOf(key));
        }
        else
        {
            delay = _queue.AddRateLimited(
                key,
                error is KubernetesException { RetryAfter: { } wanted } ? Spread(wanted) : TimeSpan.Zero,
                _queue.PriorityOf(key)
            );
        }

        if (raced)
        {
            LogRaced(_name, key, message, delay);
        }
        else
        {
            if (error is not null)
            {
                _options.Failed?.Invoke(key, error, delay);
            }

            LogFailed(error is KubernetesException or HttpRequestException or TimeoutException ? null : error, _name, key, message, delay);
        }
    }

    // A resync tells of an object as it is.
    private static WorkPriority PriorityOf<T>(T old, T value)
        where T : class => ReferenceEquals(old, value) ? WorkPriority.Low : WorkPriority.Normal;

    // Bounded, since a server may ask for anything; and so that all that were turned away together do not return together.
    private static TimeSpan Spread(TimeSpan asked) =>
        (asked < LongestAsked ? asked : LongestAsked) + TimeSpan.FromMilliseconds(Random.Shared.Next(0, 250));

    [LoggerMessage(30, LogLevel.Error, "Reconciling {Controller} {Key} failed: {Message}; again in {Delay}")]
    private partial void LogFailed(Exception? error, string controller, ObjectKey key, string message, TimeSpan delay);

    [LoggerMessage(31, LogLevel.Debug, "Reconciling {Controller} {Key} met a newer state: {Message}; again in {Delay}")]
    private partial void LogRaced(string controller, ObjectKey key, string message, TimeSpan delay);
}
