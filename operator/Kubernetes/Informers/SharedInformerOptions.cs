using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Informers;

/// <summary>What an informer follows, and how.</summary>
public sealed record SharedInformerOptions<T>
    where T : class, IKubernetesObject
{
    /// <summary>Null: all namespaces.</summary>
    public string? Namespace { get; init; }

    /// <summary>Only objects with these labels: what keeps an operator's memory small in a big cluster. Null: all.</summary>
    public string? LabelSelector { get; init; }

    public string? FieldSelector { get; init; }

    /// <summary>How often every cached object is handed to the handlers again, as an update from itself to itself. Default 10 h; zero: never.</summary>
    public TimeSpan ResyncPeriod { get; init; } = TimeSpan.FromHours(10);

    /// <summary>Objects a page of a list. Default 500.</summary>
    public int PageSize { get; init; } = 500;

    /// <summary>Named indexes: from an object to the keys it is found under. Must be pure.</summary>
    public IReadOnlyDictionary<string, Func<T, IEnumerable<string>>> Indexers { get; init; } =
        new Dictionary<string, Func<T, IEnumerable<string>>>(StringComparer.Ordinal);

    /// <summary>Changes each object before it is cached, to drop what nobody reads. Null: kept as it is.</summary>
    public Action<T>? Transform { get; init; }

    /// <summary>Between two failures at first. Default 0.8 s; doubled up to <see cref="MaxBackoff"/>, and spread up to twofold.</summary>
    public TimeSpan MinBackoff { get; init; } = TimeSpan.FromMilliseconds(800);

    /// <summary>Default 30 s.</summary>
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Server-side length of a watch. Default 5 min, spread up to twofold so that informers do not reconnect together.</summary>
    public TimeSpan WatchTimeout { get; init; } = TimeSpan.FromMinutes(5);
}
