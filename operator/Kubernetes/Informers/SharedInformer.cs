using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;
using Mooring.Kubernetes.Telemetry;

namespace Mooring.Kubernetes.Informers;

/// <summary>Follows one resource: a cache that is kept right by list and watch, and handlers that hear of each change.</summary>
/// <remarks>
/// One list and one watch for any number of handlers. Nothing is missed: after a cut the watch resumes where it stood, and when the server
/// no longer has that version everything is listed again and compared, deletions included. An object that comes again with the same
/// version is no change. Thread-safe, except that handlers run on the informer's loop.
/// </remarks>
public sealed class SharedInformer<T> : ISharedInformer
    where T : class, IKubernetesObject
{
    private readonly SharedInformerOptions<T> _options;
    private readonly TimeProvider _time;
    private readonly Reflector<T> _reflector;
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly EventDispatcher<T> _dispatcher;
    private bool _started;
    private volatile InformerProblem? _problem;

    public SharedInformer(
        KubernetesClient client,
        ResourceType<T> type,
        SharedInformerOptions<T>? options = null,
        ILoggerFactory? loggers = null
    )
    {
        Type = type;
        _options = options ?? new SharedInformerOptions<T>();
        _time = client.Time;
        ILogger logger = (ILogger?)loggers?.CreateLogger<SharedInformer<T>>() ?? NullLogger.Instance;
        _dispatcher = new EventDispatcher<T>(type.QualifiedName, logger);
        Cache = new ObjectCache<T>(_options.Indexers);
        _reflector = new Reflector<T>(client, type, _options, this, logger);
    }

    public ResourceType<T> Type { get; }

    /// <summary>What is there now. Empty until the first list is in.</summary>
    public ObjectCache<T> Cache { get; }

    /// <inheritdoc/>
    public string Name => Type.QualifiedName;

    /// <inheritdoc/>
    public bool HasSynced => _synced.Task.IsCompletedSuccessfully;

    /// <inheritdoc/>
    public InformerProblem? Problem
    {
        get => _problem;
        internal set => _problem = value;
    }

    /// <summary>Adds a handler; it first hears an Existing for everything that is cached already.</summary>
    /// <returns>Takes the handler away again when disposed.</returns>
    public IDisposable AddHandler(ResourceEventHandler<T> handler)
    {
        lock (_lock)
        {
            foreach (var value in Cache.List())
            {
                _dispatcher.Call(handler, static (to, _, value) => (to.Existing ?? to.Added)?.Invoke(value!), null, value);
            }

            return _dispatcher.Add(handler);
        }
    }

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _started, true))
        {
            throw new InvalidOperationException($"the informer of {Name} was started before");
        }

        using var resync =
            _options.ResyncPeriod > TimeSpan.Zero
                ? _time.CreateTimer(_ => Resync(), null, _options.ResyncPeriod, _options.ResyncPeriod)
                : null;
        try
        {
            await _reflector.RunAsync(cancellationToken);
        }
        finally
        {
            KubernetesMetrics.InformerHolds(Name, -Cache.Count);
        }
    }

    /// <inheritdoc/>
    public Task WaitForSyncAsync(CancellationToken cancellationToken) => _synced.Task.WaitAsync(cancellationToken);

    /// <summary>Makes the cache equal to a full list: adds, updates, and deletions of what is no longer in it.</summary>
    internal void Replace(IReadOnlyList<T> items)
    {
        lock (_lock)
        {
            var keys = new HashSet<ObjectKey>(items.Count);
            foreach (var item in items)
            {
                keys.Add(ObjectKey.Of(item));
                Store(item);
            }

            foreach (var gone in Cache.AllKeys())
            {
                if (!keys.Contains(gone))
                {
                    Drop(gone, null);
                }
            }
        }

        _synced.TrySetResult();
    }

    internal void Change(WatchEvent<T> change)
    {
        lock (_lock)
        {
            if (change.Type == WatchEventType.Deleted)
            {
                Drop(ObjectKey.Of(change.Object!), change.Object);
            }
            else
            {
                Store(change.Object!);
            }
        }
    }

    private void Store(T value)
    {
        var key = ObjectKey.Of(value);
        if (Cache.Find(key) is { } known)
        {
            if (known.Metadata.ResourceVersion == value.Metadata.ResourceVersion && known.Metadata.Uid == value.Metadata.Uid)
            {
                return;
            }

            if (known.Metadata.Uid != value.Metadata.Uid)
            {
                // Deleted and made again while nobody watched: two objects, not one that changed.
                Drop(key, null);
            }
        }

        _options.Transform?.Invoke(value);
        var old = Cache.Set(key, value);
        if (old is null)
        {
            KubernetesMetrics.InformerHolds(Name, 1);
            KubernetesMetrics.InformerEvent(Name, "added");
            _dispatcher.CallAll(
                HasSynced
                    ? static (to, _, value) => to.Added?.Invoke(value!)
                    : static (to, _, value) => (to.Existing ?? to.Added)?.Invoke(value!),
                null,
                value
            );
        }
        else
        {
            KubernetesMetrics.InformerEvent(Name, "modified");
            _dispatcher.CallAll(static (to, old, value) => to.Updated?.Invoke(old!, value!), old, value);
        }
    }

    private void Drop(ObjectKey key, T? last)
    {
        if (Cache.Remove(key) is not { } old)
        {
            return;
        }

        if (last is not null)
        {
            _options.Transform?.Invoke(last);
        }

        KubernetesMetrics.InformerHolds(Name, -1);
        KubernetesMetrics.InformerEvent(Name, last is null ? "deleted-unseen" : "deleted");
        _dispatcher.CallAll(static (to, _, value) => to.Deleted?.Invoke(value!), null, last ?? old);
    }

    private void Resync()
    {
        lock (_lock)
        {
            foreach (var value in Cache.List())
            {
                _dispatcher.CallAll(static (to, old, value) => to.Updated?.Invoke(old!, value!), value, value);
            }
        }
    }
}
