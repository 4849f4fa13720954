using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Mooring.Kubernetes.Queueing;

namespace Mooring.Kubernetes.Telemetry;

/// <summary>Every instrument of the library, on one meter. Process-wide and thread-safe.</summary>
public static class KubernetesMetrics
{
    /// <summary>Name of the meter and of the activity source.</summary>
    public const string Name = "Mooring.Kubernetes";

    private static readonly Meter Meter = new(Name);

    private static readonly Histogram<double> RequestDuration = Meter.CreateHistogram(
        "kubernetes.client.request.duration",
        "s",
        "Time of one try of a request, by verb, resource and code",
        advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
        }
    );

    private static readonly UpDownCounter<long> RequestsInFlight = Meter.CreateUpDownCounter<long>(
        "kubernetes.client.requests.inflight",
        "{request}",
        "Requests under way, watches included"
    );

    private static readonly Counter<long> Retries = Meter.CreateCounter<long>(
        "kubernetes.client.retries",
        "{retry}",
        "Requests tried again, by reason"
    );

    private static readonly Histogram<double> ThrottleWait = Meter.CreateHistogram<double>(
        "kubernetes.client.throttle.wait",
        "s",
        "Time that requests waited for this client's own rate limit"
    );

    private static readonly Counter<long> InformerEvents = Meter.CreateCounter<long>(
        "kubernetes.informer.events",
        "{event}",
        "Changes seen by informers, by resource and type"
    );

    private static readonly Counter<long> InformerLists = Meter.CreateCounter<long>(
        "kubernetes.informer.lists",
        "{list}",
        "Full lists by informers, by resource and reason"
    );

    private static readonly Counter<long> InformerWatches = Meter.CreateCounter<long>(
        "kubernetes.informer.watches",
        "{watch}",
        "Watches that ended, by resource and how"
    );

    private static readonly UpDownCounter<long> InformerObjects = Meter.CreateUpDownCounter<long>(
        "kubernetes.informer.objects",
        "{object}",
        "Objects held in informer caches"
    );

    private static readonly Counter<long> QueueAdds = Meter.CreateCounter<long>(
        "kubernetes.workqueue.adds",
        "{item}",
        "Items put into a work queue, duplicates left out"
    );

    private static readonly Counter<long> QueueRetries = Meter.CreateCounter<long>(
        "kubernetes.workqueue.retries",
        "{item}",
        "Items put back with a back-off"
    );

    private static readonly UpDownCounter<long> QueueDepth = Meter.CreateUpDownCounter<long>(
        "kubernetes.workqueue.depth",
        "{item}",
        "Items that wait for a worker, by priority: normal for changes, low for what is looked at for completeness' sake"
    );

    // A reconcile that finds all well takes a millisecond, one that makes a fleet some dozens of requests.
    private static readonly InstrumentAdvice<double> Durations = new()
    {
        HistogramBucketBoundaries = [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    };

    private static readonly Histogram<double> QueueLatency = Meter.CreateHistogram<double>(
        "kubernetes.workqueue.queue.duration",
        "s",
        "Time that an item waited for a worker",
        advice: Durations
    );

    private static readonly Histogram<double> WorkDuration = Meter.CreateHistogram<double>(
        "kubernetes.workqueue.work.duration",
        "s",
        "Time that a worker had an item",
        advice: Durations
    );

    private static readonly Counter<long> Reconciles = Meter.CreateCounter<long>(
        "kubernetes.controller.reconciles",
        "{reconcile}",
        "Reconciles, by controller and result"
    );

    private static readonly UpDownCounter<long> Leading = Meter.CreateUpDownCounter<long>(
        "kubernetes.leader",
        "{lease}",
        "1 while this process leads"
    );

    private static readonly Counter<long> RecordedEvents = Meter.CreateCounter<long>(
        "kubernetes.events",
        "{event}",
        "Events given to a recorder, by outcome"
    );

    // Kept for as long as the process: what it observes comes and goes, and it does not.
    private static readonly ConcurrentDictionary<RunningWatch, bool> Running = new();

    private static readonly ObservableGauge<double> LongestRunning = Meter.CreateObservableGauge(
        "kubernetes.workqueue.longest_running",
        static () =>
            Running
                .Keys.GroupBy(static watch => watch.Name, StringComparer.Ordinal)
                .Select(static queue => new Measurement<double>(queue.Max(static watch => watch.Seconds()), Queue(queue.Key))),
        "s",
        "Age of the item that a worker has had the longest"
    );

    internal static ActivitySource Activities { get; } = new(Name);

    internal static void RequestStarted(string verb, string resource) => RequestsInFlight.Add(1, Verb(verb), Resource(resource));

    internal static void RequestEnded(string verb, string resource, string code, TimeSpan took)
    {
        RequestsInFlight.Add(-1, Verb(verb), Resource(resource));
        RequestDuration.Record(took.TotalSeconds, Verb(verb), Resource(resource), new("code", code));
    }

    /// <summary>A request whose answer goes on after its headers counts as under way until what is returned is disposed of.</summary>
    internal static IDisposable Streaming(string verb, string resource) => new StreamedRequest(verb, resource);

    internal static void Retried(string verb, string reason) => Retries.Add(1, Verb(verb), new("reason", reason));

    internal static void Throttled(TimeSpan wait) => ThrottleWait.Record(wait.TotalSeconds);

    internal static void InformerEvent(string resource, string type) => InformerEvents.Add(1, Resource(resource), new("type", type));

    internal static void InformerListed(string resource, string reason) => InformerLists.Add(1, Resource(resource), new("reason", reason));

    internal static void InformerWatchEnded(string resource, string how) => InformerWatches.Add(1, Resource(resource), new("how", how));

    internal static void InformerHolds(string resource, long change) => InformerObjects.Add(change, Resource(resource));

    internal static void QueueAdded(string queue, WorkPriority priority)
    {
        QueueAdds.Add(1, Queue(queue));
        QueueDepth.Add(1, Queue(queue), Priority(priority));
    }

    internal static void QueueRaised(string queue, WorkPriority from, WorkPriority to)
    {
        QueueDepth.Add(-1, Queue(queue), Priority(from));
        QueueDepth.Add(1, Queue(queue), Priority(to));
    }

    internal static void QueueTaken(string queue, WorkPriority priority, TimeSpan waited)
    {
        QueueDropped(queue, priority);
        QueueLatency.Record(waited.TotalSeconds, Queue(queue));
    }

    internal static void QueueDropped(string queue, WorkPriority priority) => QueueDepth.Add(-1, Queue(queue), Priority(priority));

    internal static void QueueDone(string queue, TimeSpan worked) => WorkDuration.Record(worked.TotalSeconds, Queue(queue));

    internal static void QueueRetried(string queue) => QueueRetries.Add(1, Queue(queue));

    /// <summary>Has the gauge of a queue's longest-running item read it, until what is returned is disposed of. Of queues of one name the longest counts.</summary>
    internal static IDisposable WatchLongestRunning(string queue, Func<double> seconds) => new RunningWatch(queue, seconds);

    internal static void Reconciled(string controller, string result) =>
        Reconciles.Add(1, new KeyValuePair<string, object?>("controller", controller), new("result", result));

    internal static void LeadershipChanged(string lease, bool leads) =>
        Leading.Add(leads ? 1 : -1, new KeyValuePair<string, object?>("lease", lease));

    internal static void EventRecorded(string outcome) => RecordedEvents.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    private static KeyValuePair<string, object?> Verb(string value) => new("verb", value);

    private static KeyValuePair<string, object?> Resource(string value) => new("resource", value);

    private static KeyValuePair<string, object?> Queue(string value) => new("queue", value);

    private static KeyValuePair<string, object?> Priority(WorkPriority value) =>
        new("priority", value == WorkPriority.Low ? "low" : "normal");

    private sealed class StreamedRequest : IDisposable
    {
        private readonly string _verb;
        private readonly string _resource;

        public StreamedRequest(string verb, string resource)
        {
            (_verb, _resource) = (verb, resource);
            RequestsInFlight.Add(1, Verb(verb), Resource(resource));
        }

        public void Dispose() => RequestsInFlight.Add(-1, Verb(_verb), Resource(_resource));
    }

    private sealed class RunningWatch : IDisposable
    {
        public RunningWatch(string name, Func<double> seconds)
        {
            (Name, Seconds) = (name, seconds);
            Running[this] = true;
        }

        public string Name { get; }

        public Func<double> Seconds { get; }

        public void Dispose() => Running.TryRemove(this, out _);
    }
}
