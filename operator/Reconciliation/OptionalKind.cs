using System.Net;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Informers;
using Mooring.Kubernetes.Models;
using Mooring.Kubernetes.Queueing;

namespace Mooring.Operator.Reconciliation;

/// <summary>A kind of another operator's, which a cluster may have, get or lose while this one runs.</summary>
/// <remarks>
/// It is looked for at the start, and from then on only while somebody wants it: a cluster without it is asked nothing for nothing. Once it is there it is
/// followed like any other, until a write finds that it has gone. Thread-safe.
/// </remarks>
/// <param name="client">Asks whether it is there.</param>
/// <param name="type">The kind.</param>
/// <param name="namespaces">Those that are followed; empty: all.</param>
/// <param name="make">Makes what follows the kind.</param>
/// <param name="log">Told of a kind that may not be read.</param>
internal sealed class OptionalKind<T>(
    KubernetesClient client,
    ResourceType<T> type,
    IReadOnlyList<string> namespaces,
    Func<WatchedKind<T>> make,
    ILogger<OptionalKind<T>> log
) : IWatched<T>
    where T : class, IKubernetesObject
{
    /// <summary>How long a kind that was installed meanwhile may stay unseen. Default 15 s.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(15);

    private readonly List<Action<T?, T?, WorkPriority>> _handlers = [];
    private volatile WatchedKind<T>? _current;
    private CancellationTokenSource? _presence;
    private bool _refused;

    public ResourceType<T> Type => type;

    /// <summary>The cluster has the kind, and what is there of it in the namespace is known.</summary>
    public bool IsPresentIn(string ns) => _current?.HasSyncedIn(ns) == true;

    // Nothing while the list is being read: a plan was made without the kind, and what it does not have is pruned.
    public T? Find(ObjectKey key) => _current is { } current && current.HasSyncedIn(key.Namespace) ? current.Find(key) : null;

    public IReadOnlyList<T> OfFleet(ObjectKey fleet) =>
        _current is { } current && current.HasSyncedIn(fleet.Namespace) ? current.OfFleet(fleet) : [];

    /// <summary>As <see cref="WatchedKind{T}.OnChange"/>, also for what is followed later.</summary>
    public void OnChange(Action<T?, T?, WorkPriority> changed)
    {
        lock (_handlers)
        {
            _handlers.Add(changed);
            _current?.OnChange(changed);
        }
    }

    /// <summary>The kind was found to be gone: its objects went with it.</summary>
    public void Lost()
    {
        CancellationTokenSource? presence;
        lock (_handlers)
        {
            (presence, _presence, _current) = (_presence, null, null);
        }

        if (presence is not null)
        {
            Log.OptionalKindLost(log, type.QualifiedName);
            presence.Cancel();
        }
    }

    /// <summary>Looks for the kind, and follows it, until stopped.</summary>
    /// <param name="isWanted">Whether anybody has a use for it.</param>
    /// <param name="found">Called each time that it was found, and for each namespace.</param>
    /// <param name="stopping">Ends it.</param>
    public async Task RunAsync(Func<bool> isWanted, Action found, CancellationToken stopping)
    {
        var first = true;
        while (!stopping.IsCancellationRequested)
        {
            if ((first || isWanted()) && await IsServedAsync(stopping))
            {
                await FollowAsync(found, stopping);
            }

            first = false;
            await Task.Delay(Interval, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task FollowAsync(Action found, CancellationToken stopping)
    {
        using var presence = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var watched = make();
        lock (_handlers)
        {
            _presence = presence;
            _current = watched;
            _handlers.ForEach(watched.OnChange);
        }

        Log.OptionalKindFound(log, type.QualifiedName);
        // Each namespace by itself: one that may not be read keeps the kind from no other.
        await Task.WhenAll(
                watched.Informers.SelectMany(informer =>
                    (Task[])[informer.RunAsync(presence.Token), TellAsync(informer, found, presence.Token)]
                )
            )
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_handlers)
        {
            (_presence, _current) = (null, null);
        }
    }

    private async Task<bool> IsServedAsync(CancellationToken stopping)
    {
        try
        {
            string?[] asked = namespaces.Count == 0 ? [null] : [.. namespaces];
            foreach (var ns in asked)
            {
                if (await MayListAsync(ns, stopping))
                {
                    return true;
                }
            }

            return false;
        }
        catch (KubernetesException error) when (error.Code == HttpStatusCode.NotFound)
        {
            return false;
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return false;
        }
        catch (Exception error) when (error is KubernetesException or HttpRequestException or TimeoutException)
        {
            // An API server that is away is noticed by everything else.
            return false;
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // Whatever it answered: to look no more would be to have none of the kind for as long as the process lives.
            Log.OptionalKindUnknown(log, type.QualifiedName, error.Message, Interval);
            return false;
        }
    }

    private async Task<bool> MayListAsync(string? ns, CancellationToken stopping)
    {
        try
        {
            await client.ListPageAsync(type, ns, new ListOptions { Limit = 1 }, stopping);
            _refused = false;
            return true;
        }
        catch (KubernetesException error) when (error.Code == HttpStatusCode.Forbidden)
        {
            if (!_refused)
            {
                Log.OptionalKindForbidden(log, type.QualifiedName, error.Message);
            }

            _refused = true;
            return false;
        }
    }

    private static async Task TellAsync(ISharedInformer informer, Action found, CancellationToken gone)
    {
        var synced = informer.WaitForSyncAsync(gone);
        await synced.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (synced.IsCompletedSuccessfully)
        {
            found();
        }
    }
}
