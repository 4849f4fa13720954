using System.Net;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;
using Mooring.Kubernetes.Telemetry;

namespace Mooring.Kubernetes.Events;

/// <summary>Records events about objects (events.k8s.io/v1) without ever holding up who reports them.</summary>
/// <remarks>
/// Thread-safe. Like events (same object, related object, type, reason and action, whatever the note) make one Event with a series count. An object that
/// reports too much is throttled (events with a related object, or by note, for each reason alone), a full queue drops: events are for people, and none of it may
/// cost a reconcile.
/// </remarks>
public sealed partial class EventRecorder : IAsyncDisposable
{
    private const int MaxNoteBytes = 1024;
    private const int MaxWordChars = 128;
    private static readonly TimeSpan FlushLimit = TimeSpan.FromSeconds(5);

    private readonly KubernetesClient _client;
    private readonly EventRecorderOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly EventSeriesMemory _memory;
    private readonly Channel<RecordedEvent> _queue;
    private readonly CancellationTokenSource _stop = new();
    private readonly ITimer _flush;
    private readonly SemaphoreSlim _due = new(0, 1);
    private readonly Task _loop;

    public EventRecorder(KubernetesClient client, EventRecorderOptions options, ILoggerFactory? loggers = null)
    {
        _client = client;
        _options = options;
        _time = client.Time;
        _logger = (ILogger?)loggers?.CreateLogger<EventRecorder>() ?? NullLogger.Instance;
        _memory = new EventSeriesMemory(options, _time);
        _queue = Channel.CreateBounded<RecordedEvent>(new BoundedChannelOptions(options.QueueSize) { SingleReader = true });
        _flush = _time.CreateTimer(_ => Wake(), null, options.SeriesInterval, options.SeriesInterval);
        _loop = Task.Run(RunAsync);
    }

    /// <summary>Reports an event. Returns at once; false when it was dropped since too many wait.</summary>
    /// <param name="reason">CamelCase word; cut at 128 characters.</param>
    /// <param name="action">CamelCase word for what was done or tried; cut at 128 characters.</param>
    /// <param name="note">For people; cut at 1,024 bytes.</param>
    /// <param name="related">The other object that it is about; null: none.</param>
    /// <param name="byNote">Another note makes another event: its figures are what it tells.</param>
    public bool Publish(
        ObjectReference regarding,
        EventType type,
        string reason,
        string action,
        string note,
        ObjectReference? related = null,
        bool byNote = false
    )
    {
        ArgumentException.ThrowIfNullOrEmpty(reason);
        ArgumentException.ThrowIfNullOrEmpty(action);
        var item = new RecordedEvent(regarding, type, Cut(reason), Cut(action), CutNote(note), related, _time.GetUtcNow(), byNote);
        if (_queue.Writer.TryWrite(item))
        {
            Wake();
            return true;
        }

        KubernetesMetrics.EventRecorded("dropped");
        return false;
    }

    /// <inheritdoc cref="Publish(ObjectReference, EventType, string, string, string, ObjectReference?, bool)"/>
    public bool Publish(
        IKubernetesObject regarding,
        EventType type,
        string reason,
        string action,
        string note,
        ObjectReference? related = null,
        bool byNote = false
    ) => Publish(ObjectReference.To(regarding), type, reason, action, note, related, byNote);

    /// <summary>Sends what waits, for five seconds at most.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_queue.Writer.TryComplete())
        {
            return;
        }

        await _flush.DisposeAsync();
        _stop.CancelAfter(FlushLimit);
        Wake();
        await _loop;
        _stop.Dispose();
        _due.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            while (true)
            {
                while (_queue.Reader.TryRead(out var item))
                {
                    await HandleAsync(item);
                }

                foreach (var (key, series) in _memory.Due(_time.GetUtcNow()))
                {
                    await UpdateAsync(key, series);
                }

                if (_queue.Reader.Completion.IsCompleted)
                {
                    return;
                }

                await _due.WaitAsync(_stop.Token);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested) { }
    }

    private async Task HandleAsync(RecordedEvent item)
    {
        switch (_memory.See(item, out var series))
        {
            case EventVerdict.Create:
                await CreateAsync(item, series);
                break;
            case EventVerdict.UpdateSeries:
                await UpdateAsync(item.Key, series);
                break;
            case EventVerdict.Throttled:
                KubernetesMetrics.EventRecorded("throttled");
                break;
            default:
                KubernetesMetrics.EventRecorded("counted");
                break;
        }
    }

    private async Task CreateAsync(RecordedEvent item, Series series)
    {
        // Events of cluster-scoped objects live in the default namespace.
        var ns = item.Regarding.Namespace is { Length: > 0 } own ? own : "default";
        var name = EventName(item.Regarding.Name ?? "unknown");
        var sent = await SendAsync(() =>
            _client.CreateAsync(
                Resources.Events,
                new Event
                {
                    Metadata = new ObjectMeta { Namespace = ns, Name = name },
                    EventTime = item.Time,
                    ReportingController = _options.ReportingController,
                    ReportingInstance = Cut(_options.ReportingInstance),
                    Action = item.Action,
                    Reason = item.Reason,
                    Regarding = item.Regarding,
                    Related = item.Related,
                    Note = item.Note,
                    Type = item.Type.ToString(),
                },
                null,
                _stop.Token
            )
        );
        if (sent)
        {
            (series.Namespace, series.Name) = (ns, name);
            KubernetesMetrics.EventRecorded("created");
        }
        else
        {
            _memory.Forget(item.Key);
        }
    }

    private async Task UpdateAsync(SeriesKey key, Series series)
    {
        var count = series.Count;
        var patch = new SeriesPatch
        {
            Series = new EventSeries { Count = count, LastObservedTime = series.LastSeen },
        };
        var body = System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(patch, WireJson.Default.SeriesPatch);
        series.LastWritten = _time.GetUtcNow();
        if (
            await SendAsync(() => _client.PatchAsync(Resources.Events, series.Namespace, series.Name, Patch.Merge(body), null, _stop.Token))
        )
        {
            series.WrittenCount = count;
            KubernetesMetrics.EventRecorded("series");
        }
        else
        {
            // The server forgets events after an hour or so: the next one starts anew.
            _memory.Forget(key);
        }
    }

    // Through an outage the events wait in the bounded queue; what the server refuses is not worth another try.
    private async Task<bool> SendAsync(Func<Task<Event>> send)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await send();
                return true;
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                throw;
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                var refused = error is KubernetesException { Code: < HttpStatusCode.InternalServerError } or ArgumentException;
                if (refused || tries >= _options.MaxTries)
                {
                    KubernetesMetrics.EventRecorded("failed");
                    LogFailed(error.Message);
                    return false;
                }
            }

            await Task.Delay(_options.RetryDelay * (0.5 + Random.Shared.NextDouble()), _time, _stop.Token);
        }
    }

    private void Wake()
    {
        try
        {
            if (_due.CurrentCount == 0)
            {
                _due.Release();
            }
        }
        catch (Exception error) when (error is SemaphoreFullException or ObjectDisposedException)
        {
            // Somebody else woke it in the same moment, or it has ended.
        }
    }

    private static string EventName(string regarding)
    {
        var suffix = $".{Guid.NewGuid():N}"[..17];
        return regarding[..Math.Min(regarding.Length, 253 - suffix.Length)].TrimEnd('.', '-') + suffix;
    }

    private static string Cut(string word) => word.Length <= MaxWordChars ? word : word[..MaxWordChars];

    private static string CutNote(string note)
    {
        if (Encoding.UTF8.GetByteCount(note) <= MaxNoteBytes)
        {
            return note;
        }

        // Not in the middle of a character.
        var kept = new StringBuilder();
        var bytes = 0;
        foreach (var rune in note.EnumerateRunes())
        {
            if ((bytes += rune.Utf8SequenceLength) > MaxNoteBytes - 3)
            {
                break;
            }

            kept.Append(rune);
        }

        return kept.Append("...").ToString();
    }

    [LoggerMessage(40, LogLevel.Debug, "An event could not be recorded: {Error}")]
    private partial void LogFailed(string error);
}
