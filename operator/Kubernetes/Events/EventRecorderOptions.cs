namespace Mooring.Kubernetes.Events;

/// <summary>In whose name events are recorded, and how many.</summary>
public sealed record EventRecorderOptions
{
    /// <summary>Qualified name such as <c>mooring.dev/operator</c>; at most 128 characters.</summary>
    public required string ReportingController { get; init; }

    /// <summary>Which instance, such as the pod's name; at most 128 characters. Default: the host name.</summary>
    public string ReportingInstance { get; init; } = Environment.MachineName;

    /// <summary>Events that wait to be sent, at most; more are dropped. Default 1,000.</summary>
    public int QueueSize { get; init; } = 1000;

    /// <summary>Series and objects remembered, at most; the oldest are forgotten first. Default 4,096.</summary>
    public int MaxRemembered { get; init; } = 4096;

    /// <summary>An event that repeats within this time continues its series. Default 6 min, as client-go.</summary>
    public TimeSpan SeriesWindow { get; init; } = TimeSpan.FromMinutes(6);

    /// <summary>A series is written at its first repeat and then at most this often. Default 30 s.</summary>
    public TimeSpan SeriesInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>New events of one object at once. Default 25, as client-go's spam filter.</summary>
    public int ObjectBurst { get; init; } = 25;

    /// <summary>One more new event of an object in this time. Default 5 min, as client-go's spam filter.</summary>
    public TimeSpan ObjectRefill { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Tries of one event while the server cannot be reached. Default 12, ten seconds apart.</summary>
    public int MaxTries { get; init; } = 12;

    /// <summary>Default 10 s.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(10);
}

/// <summary>How grave an event is.</summary>
public enum EventType
{
    Normal,
    Warning,
}
