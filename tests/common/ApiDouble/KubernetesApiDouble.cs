using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Mooring.Testing.ApiDouble;

/// <summary>A Kubernetes API in this process, on a free loopback port, with faults on order.</summary>
/// <remarks>
/// Any group, version and plural is there, without a schema. It has versions and conflicts, paging, watches with bookmarks and history,
/// create, replace, merge and JSON patch, server-side apply (lists owned whole), status and scale, finalizers, preconditions, dry run and,
/// if wished, garbage collection. It has no namespaces, admission, defaulting or controllers.
/// The cases in <c>ClientCases</c> hold it to the real server.
/// </remarks>
public sealed class KubernetesApiDouble : IAsyncDisposable
{
    // As the real one: so that whoever resumes is as near to now as can be.
    private static readonly TimeSpan BookmarkBeforeEnd = TimeSpan.FromSeconds(2);

    private readonly WebApplication _app;
    private readonly ObjectStore _store = new();
    private readonly ConcurrentQueue<RecordedRequest> _requests = new();
    private readonly List<Fault> _faults = [];
    private readonly CancellationTokenSource _stop = new();

    private KubernetesApiDouble(WebApplication app) => _app = app;

    /// <summary>Base address, without a path.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>Breaks every connection: the server is gone.</summary>
    public bool Unreachable { get; set; }

    /// <summary>Which Authorization headers are good; null: all.</summary>
    public Func<string?, bool>? Authorize { get; set; }

    /// <summary>Answers an expired watch with HTTP 410 in place of an error event.</summary>
    public bool ExpireWatchesByCode { get; set; }

    /// <inheritdoc cref="ObjectStore.CollectGarbage"/>
    public bool CollectGarbage
    {
        get => _store.CollectGarbage;
        set => _store.CollectGarbage = value;
    }

    /// <summary>Everything that was asked, in order.</summary>
    public IReadOnlyCollection<RecordedRequest> Requests => _requests;

    public int OpenWatches => _store.Watchers().Count;

    /// <summary>The store's newest version.</summary>
    public long Version => _store.Version;

    public static async Task<KubernetesApiDouble> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var api = new KubernetesApiDouble(app);
        app.Run(api.HandleAsync);
        await app.StartAsync();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        api.Address = new Uri(address);
        return api;
    }

    /// <summary>Puts an object in as another user would.</summary>
    public JsonObject Put(string collection, JsonObject value, string manager = "somebody")
    {
        var path = ApiPath.Parse(collection)!;
        try
        {
            return _store.Create(path, (JsonObject)value.DeepClone(), Owner(path, manager), dryRun: false);
        }
        catch (ApiException error) when (error.Reason == "AlreadyExists")
        {
            var name = (string)value["metadata"]!["name"]!;
            return _store.Change(
                path with
                {
                    Name = name,
                },
                Owner(path, manager),
                dryRun: false,
                owns: true,
                (_, _) => (JsonObject)value.DeepClone()
            );
        }
    }

    /// <summary>Changes an object as another user would.</summary>
    public JsonObject Edit(string path, Action<JsonObject> change, string manager = "somebody")
    {
        var at = ApiPath.Parse(path)!;
        return _store.Change(
            at,
            Owner(at, manager),
            dryRun: false,
            owns: true,
            (value, _) =>
            {
                change(value);
                return value;
            }
        );
    }

    /// <summary>Reads an object; null when there is none.</summary>
    public JsonObject? Find(string path)
    {
        try
        {
            return _store.Get(ApiPath.Parse(path)!);
        }
        catch (ApiException)
        {
            return null;
        }
    }

    /// <summary>Everything of a collection, as <c>/apis/apps/v1/deployments</c>, by name of the object.</summary>
    public IReadOnlyList<JsonObject> List(string collection) =>
        [
            .. _store.List(ApiPath.Parse(collection)!, null, null, 0, null)["items"]!
                .AsArray()
                .Select(static item => item!.AsObject())
                .OrderBy(static item => (string?)item["metadata"]!["name"], StringComparer.Ordinal),
        ];

    /// <summary>Deletes an object as another user would.</summary>
    public void Remove(string path) => _store.Delete(ApiPath.Parse(path)!, null, null);

    public void AddFault(Fault fault)
    {
        lock (_faults)
        {
            _faults.Add(fault);
        }
    }

    public void ClearFaults()
    {
        lock (_faults)
        {
            _faults.Clear();
        }
    }

    /// <summary>Older versions and continue tokens are expired from now on, as after etcd's compaction.</summary>
    public void Compact() => _store.Compact();

    public void SendBookmarks() => Each(one => one.Bookmark(_store.Version));

    /// <summary>Ends every watch in good order.</summary>
    public void EndWatches() => Each(static one => one.End());

    /// <summary>Breaks every watch's connection.</summary>
    public void BreakWatches() => Each(static one => one.Break());

    /// <summary>Every watch stays open and tells nothing any more, as over a link that was cut.</summary>
    public void FreezeWatches() => Each(static one => one.Freeze());

    /// <summary>Sends a line as it is on every watch.</summary>
    public void SendOnWatches(string line) => Each(one => one.SendRaw(line));

    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        await _stop.CancelAsync();
        await _app.DisposeAsync();
    }

    private static FieldManager Owner(ApiPath path, string manager) => new(manager, false, path.Subresource, path.ApiVersion);

    private void Each(Action<Watcher> act)
    {
        foreach (var watcher in _store.Watchers())
        {
            act(watcher);
        }
    }

    private async Task HandleAsync(HttpContext context)
    {
        var request = await ReadAsync(context.Request);
        _requests.Enqueue(request);
        var fault = Unreachable ? new Fault { Abort = true } : TakeFault(request);
        if (fault is not null && !await PassesAsync(context, fault))
        {
            return;
        }

        if (Authorize is { } good && !good(request.Headers.GetValueOrDefault("Authorization")))
        {
            await AnswerAsync(context, 401, new ApiException(401, "Unauthorized", "Unauthorized").ToStatus());
            return;
        }

        try
        {
            if (request.IsWatch)
            {
                await WatchAsync(context, request);
                return;
            }

            var (code, body) = RequestHandler.Handle(_store, request);
            if (fault is { HangAfter: true } or { AbortAfter: true })
            {
                await (fault.HangAfter ? GoneAsync(context, Timeout.InfiniteTimeSpan) : Task.CompletedTask);
                context.Abort();
                return;
            }

            await AnswerAsync(context, code, body);
        }
        catch (ApiException error)
        {
            await AnswerAsync(context, error.Code, error.ToStatus());
        }
        catch (Exception error) when (error is not OperationCanceledException && !context.Response.HasStarted)
        {
            // A fault of the double itself should be seen in the test that meets it.
            await AnswerAsync(context, 500, new ApiException(500, "InternalError", error.ToString()).ToStatus());
        }
    }

    private Fault? TakeFault(RecordedRequest request)
    {
        lock (_faults)
        {
            var fault = _faults.Find(one => one.Times > 0 && one.Match(request));
            if (fault is not null)
            {
                fault.Times--;
            }

            return fault;
        }
    }

    /// <summary>Waits until the client is gone, and no longer than this.</summary>
    private async Task GoneAsync(HttpContext context, TimeSpan longest)
    {
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _stop.Token);
        await Task.Delay(longest, gone.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Returns whether the request is then handled as usual.</summary>
    private async Task<bool> PassesAsync(HttpContext context, Fault fault)
    {
        await GoneAsync(context, fault.Hang ? Timeout.InfiniteTimeSpan : fault.Delay);
        if (fault.Abort || fault.Hang)
        {
            context.Abort();
            return false;
        }

        if (fault.Status == 0)
        {
            return true;
        }

        if (fault.RetryAfter is { } seconds)
        {
            context.Response.Headers.RetryAfter = seconds.ToString();
        }

        if (fault.Body is { } body)
        {
            context.Response.StatusCode = fault.Status;
            await context.Response.WriteAsync(body);
        }
        else
        {
            await AnswerAsync(context, fault.Status, new ApiException(fault.Status, fault.Reason, "a fault on order").ToStatus());
        }

        return false;
    }

    private async Task WatchAsync(HttpContext context, RecordedRequest request)
    {
        var path = ApiPath.Parse(request.Path) ?? throw new ApiException(404, "NotFound", request.Path);
        var query = request.Query;
        Watcher watcher;
        try
        {
            watcher = _store.Watch(
                path,
                query.GetValueOrDefault("labelSelector"),
                query.GetValueOrDefault("fieldSelector"),
                query.GetValueOrDefault("resourceVersion")
            );
        }
        catch (ApiException error) when (error.Code == 410 && !ExpireWatchesByCode)
        {
            // As the real one: from the watch cache an expired version comes as an event.
            watcher = new Watcher(path, null, null);
            watcher.Error(error);
        }

        var length = TimeSpan.FromSeconds(double.Parse(query.GetValueOrDefault("timeoutSeconds", "3600")));
        using var limit = new CancellationTokenSource(length);
        await using var mark =
            query.GetValueOrDefault("allowWatchBookmarks") == "true" && length > BookmarkBeforeEnd
                ? new Timer(_ => watcher.Bookmark(_store.Version), null, length - BookmarkBeforeEnd, Timeout.InfiniteTimeSpan)
                : null;
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _stop.Token, limit.Token);
        try
        {
            context.Response.ContentType = "application/json";
            await context.Response.StartAsync(end.Token);
            await context.Response.Body.FlushAsync(end.Token);
            await foreach (var line in watcher.Lines.ReadAllAsync(end.Token))
            {
                await context.Response.WriteAsync(line + "\n", end.Token);
            }

            if (watcher.Broken)
            {
                context.Abort();
            }
        }
        catch (OperationCanceledException) { }
        finally
        {
            _store.Unwatch(watcher);
        }
    }

    private static async Task AnswerAsync(HttpContext context, int code, JsonObject body)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(body.ToJsonString());
    }

    private static async Task<RecordedRequest> ReadAsync(HttpRequest request)
    {
        using var reader = new StreamReader(request.Body);
        return new RecordedRequest(
            request.Method,
            request.Path.Value ?? "",
            request.Query.ToDictionary(static one => one.Key, static one => one.Value.ToString(), StringComparer.Ordinal),
            request.ContentType,
            request.Headers.ToDictionary(static one => one.Key, static one => one.Value.ToString(), StringComparer.OrdinalIgnoreCase),
            await reader.ReadToEndAsync()
        );
    }
}
