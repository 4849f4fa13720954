using System.Net;
using Microsoft.Extensions.Logging;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;
using Mooring.Kubernetes.Queueing;
using Mooring.Kubernetes.Telemetry;

namespace Mooring.Kubernetes.Informers;

/// <summary>Lists, watches, resumes and lists again, for ever, on behalf of one informer.</summary>
internal sealed partial class Reflector<T>(
    KubernetesClient client,
    ResourceType<T> type,
    SharedInformerOptions<T> options,
    SharedInformer<T> informer,
    ILogger logger
)
    where T : class, IKubernetesObject
{
    // A watch that ends sooner than this without an event counts as a failure, or a broken server would be asked in a tight loop.
    private static readonly TimeSpan ShortWatch = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan LongestAsked = TimeSpan.FromMinutes(5);

    private readonly Backoff _backoff = new(options.MinBackoff, options.MaxBackoff, jitter: 1);
    private readonly TimeProvider _time = client.Time;
    private readonly string _loop = $"informer {type.QualifiedName}";

    // What may be listed may yet not be watched: only a watch that works shows that it may.
    private InformerProblem? _watchProblem;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        string? version = null;
        var reason = "start";
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                if (version is null)
                {
                    version = await ListAsync(reason, cancellationToken);
                    informer.Problem = _watchProblem;
                    LogListed(type.QualifiedName, informer.Cache.Count, version);
                }

                version = await WatchAsync(version, cancellationToken);
            }
            catch (WatchEndedException ended)
            {
                version = ended.Relist ? null : ended.Version;
                reason = ended.How;
                _watchProblem = Problem(ended.InnerException) ?? _watchProblem;
                informer.Problem = _watchProblem;
                await FailedAsync(ended.How, ended.InnerException!, ended.Pause, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                reason = "error";
                informer.Problem = Problem(error) ?? informer.Problem;
                if (error is KubernetesException { IsNotFound: true } && informer.HasSynced)
                {
                    // The resource itself is gone, as with its definition: and with it every object, be it that the deletions were not seen.
                    informer.Replace([]);
                }

                await FailedAsync("list", error, pause: true, cancellationToken);
            }
        }
    }

    private async Task<string> ListAsync(string reason, CancellationToken cancellationToken)
    {
        KubernetesMetrics.InformerListed(type.QualifiedName, reason);
        var list = await client.ListAsync(
            type,
            options.Namespace,
            new ListOptions
            {
                LabelSelector = options.LabelSelector,
                FieldSelector = options.FieldSelector,
                Limit = options.PageSize,
            },
            cancellationToken
        );
        informer.Replace(list.Items);
        LoopActivity.Note(_loop, _time);
        return list.Metadata.ResourceVersion ?? "";
    }

    /// <summary>Runs one watch to its orderly end. Returns where to resume.</summary>
    private async Task<string> WatchAsync(string version, CancellationToken cancellationToken)
    {
        var (opened, progress) = (false, false);
        var watch = new WatchOptions
        {
            LabelSelector = options.LabelSelector,
            FieldSelector = options.FieldSelector,
            ResourceVersion = version,
            Timeout = options.WatchTimeout * (1 + Random.Shared.NextDouble()),
            Opened = () =>
            {
                opened = true;
                _watchProblem = informer.Problem = null;
            },
        };
        var started = _time.GetTimestamp();
        try
        {
            await foreach (var change in client.WatchAsync(type, options.Namespace, watch, cancellationToken))
            {
                progress = true;
                if (change.Type != WatchEventType.Bookmark)
                {
                    informer.Change(change);
                }

                version = change.ResourceVersion.Length > 0 ? change.ResourceVersion : version;
                _backoff.Reset();
                LoopActivity.Note(_loop, _time);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            if (opened && _time.GetElapsedTime(started) >= ShortWatch)
            {
                // The server takes watches, and something cuts them: no reason to look ever later, where nothing has happened.
                _backoff.Reset();
            }

            var ended = new WatchEndedException(version, progress, error);
            if (opened || error is KubernetesException)
            {
                client.Witness?.WatchEnded(type.QualifiedName, ended.How, _time.GetElapsedTime(started));
            }

            throw ended;
        }

        client.Witness?.WatchEnded(type.QualifiedName, "server", _time.GetElapsedTime(started));
        if (!progress && _time.GetElapsedTime(started) < ShortWatch)
        {
            throw new WatchEndedException(version, progress, new IOException("the watch ended at once, without an event"));
        }

        KubernetesMetrics.InformerWatchEnded(type.QualifiedName, "server");
        return version;
    }

    private static InformerProblem? Problem(Exception? error) =>
        error is KubernetesException { IsExpired: false, Code: var code } refused && (int)code is >= 400 and < 500 and not 429
            ? new InformerProblem(refused.Status.Message ?? refused.Message, code == HttpStatusCode.Forbidden)
            : null;

    private async Task FailedAsync(string how, Exception error, bool pause, CancellationToken cancellationToken)
    {
        KubernetesMetrics.InformerWatchEnded(type.QualifiedName, how);
        var delay = pause ? _backoff.Next() : TimeSpan.Zero;
        if (error is KubernetesException { RetryAfter: { } asked } && asked > delay)
        {
            // A server may ask for anything: for more than a timer can wait, too, which would end this loop.
            delay = asked < LongestAsked ? asked : LongestAsked;
        }

        if (how is "list" or "error")
        {
            LogFailed(type.QualifiedName, error.Message, delay);
        }
        else
        {
            LogWatchEnded(type.QualifiedName, how, error.Message, delay);
        }

        await Task.Delay(delay, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    [LoggerMessage(11, LogLevel.Debug, "Listed {Resource}: {Count} objects at version {Version}")]
    private partial void LogListed(string resource, int count, string version);

    [LoggerMessage(12, LogLevel.Warning, "Following {Resource} failed: {Error}; trying again in {Delay}")]
    private partial void LogFailed(string resource, string error, TimeSpan delay);

    [LoggerMessage(13, LogLevel.Debug, "Watch of {Resource} ended ({How}): {Error}; trying again in {Delay}")]
    private partial void LogWatchEnded(string resource, string how, string error, TimeSpan delay);
}

/// <summary>A watch broke off; says where to go on.</summary>
internal sealed class WatchEndedException(string version, bool progress, Exception cause) : Exception(cause.Message, cause)
{
    /// <summary>The last version that was seen.</summary>
    public string Version => version;

    /// <summary>Wait before going on: always but for a version that expired under a watch that worked.</summary>
    public bool Pause => !progress || How != "expired";

    /// <summary>The version is of no use any more, or the resource is gone. Also after an event that cannot be read: resuming would meet it again.</summary>
    public bool Relist =>
        InnerException is KubernetesException { IsExpired: true } or KubernetesException { IsNotFound: true } or InvalidDataException;

    /// <summary>A word for metrics.</summary>
    public string How =>
        InnerException switch
        {
            KubernetesException { IsExpired: true } => "expired",
            KubernetesException => "error",
            TimeoutException => "idle",
            InvalidDataException => "malformed",
            _ => "connection",
        };
}
