using System.Runtime.CompilerServices;
using Mooring.Kubernetes.Models;
using Mooring.Kubernetes.Telemetry;

namespace Mooring.Kubernetes.Client;

// Lists and watches.
public sealed partial class KubernetesClient
{
    private const int MaxListRestarts = 3;

    /// <summary>Reads one page of a list; <see cref="ListMeta.Continue"/> of the answer leads to the next.</summary>
    /// <param name="ns">Null: all namespaces.</param>
    public async Task<KubernetesList<T>> ListPageAsync<T>(
        ResourceType<T> type,
        string? ns,
        ListOptions? options = null,
        CancellationToken cancellationToken = default
    )
        where T : class, IKubernetesObject
    {
        options ??= new ListOptions();
        var query = new Query()
            .Add("labelSelector", options.LabelSelector)
            .Add("fieldSelector", options.FieldSelector)
            .Add("continue", options.Continue)
            .Add("resourceVersion", options.ResourceVersion);
        if (options.Limit > 0)
        {
            query.Add("limit", options.Limit);
        }

        var request = Request(HttpMethod.Get, "list", type, type.Path(ns), query);
        return ListReader.Read(type, await _pipeline.SendAsync(request, cancellationToken));
    }

    /// <summary>Reads a whole list, page by page.</summary>
    /// <remarks>A continue token that expired on the way starts it again, with longer pages and at last with a single one.</remarks>
    /// <param name="ns">Null: all namespaces.</param>
    public async Task<KubernetesList<T>> ListAsync<T>(
        ResourceType<T> type,
        string? ns,
        ListOptions? options = null,
        CancellationToken cancellationToken = default
    )
        where T : class, IKubernetesObject
    {
        options ??= new ListOptions();
        for (var restarts = 0; ; restarts++)
        {
            try
            {
                return await ListPagesAsync(type, ns, options, cancellationToken);
            }
            catch (KubernetesException error) when (error.IsExpired && restarts < MaxListRestarts && options.Limit > 0)
            {
                var last = restarts == MaxListRestarts - 1;
                options = options with { Continue = null, Limit = last ? 0 : (int)Math.Min(options.Limit * 4L, 1_000_000) };
            }
        }
    }

    /// <summary>Opens one watch and yields its events until the server ends it.</summary>
    /// <remarks>One connection only: an informer adds resuming, relisting and the cache.</remarks>
    /// <param name="ns">Null: all namespaces.</param>
    /// <exception cref="KubernetesException">Also in mid-stream: with 410 the version is too old, list again.</exception>
    /// <exception cref="TimeoutException">Silent for <see cref="KubernetesClientOptions.WatchIdleTimeout"/>.</exception>
    /// <exception cref="InvalidDataException">An event is too long or malformed.</exception>
    public async IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
        ResourceType<T> type,
        string? ns,
        WatchOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
        where T : class, IKubernetesObject
    {
        options ??= new WatchOptions();
        var query = new Query()
            .Add("watch", true)
            .Add("allowWatchBookmarks", true)
            .Add("labelSelector", options.LabelSelector)
            .Add("fieldSelector", options.FieldSelector)
            .Add("resourceVersion", options.ResourceVersion)
            .Add("timeoutSeconds", Math.Max(1, (long)options.Timeout.TotalSeconds));
        var request = Request(HttpMethod.Get, "watch", type, type.Path(ns), query);
        using var response = await _pipeline.OpenAsync(request, cancellationToken);
        using var underWay = KubernetesMetrics.Streaming(request.Verb, request.Resource);
        options.Opened?.Invoke();
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var events = WatchReader.ReadAsync(type, stream, Options.WatchIdleTimeout, Options.MaxWatchLineBytes, Time, cancellationToken);
        await foreach (var item in events.WithCancellation(cancellationToken))
        {
            yield return item;
        }
    }

    private async Task<KubernetesList<T>> ListPagesAsync<T>(
        ResourceType<T> type,
        string? ns,
        ListOptions options,
        CancellationToken cancellationToken
    )
        where T : class, IKubernetesObject
    {
        var whole = await ListPageAsync(type, ns, options, cancellationToken);
        while (whole.Metadata.Continue is { Length: > 0 } token)
        {
            // The version belongs to the token from the second page on.
            var page = await ListPageAsync(type, ns, options with { Continue = token, ResourceVersion = null }, cancellationToken);
            whole.Items.AddRange(page.Items);
            whole.Metadata = page.Metadata;
        }

        return whole;
    }
}
