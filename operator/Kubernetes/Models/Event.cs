using System.Text.Json.Serialization;

namespace Mooring.Kubernetes.Models;

/// <summary>An event (events.k8s.io/v1): something that happened to an object, for people to read.</summary>
[KubernetesEntity(Group = "events.k8s.io", ApiVersion = "v1", Kind = "Event", PluralName = "events")]
public sealed class Event : IKubernetesObject
{
    public string ApiVersion { get; set; } = "events.k8s.io/v1";

    public string Kind { get; set; } = "Event";

    public ObjectMeta Metadata { get; set; } = new();

    [JsonConverter(typeof(MicroTimeConverter))]
    public DateTimeOffset? EventTime { get; set; }

    public EventSeries? Series { get; set; }

    /// <summary>Who reports, such as <c>mooring.dev/operator</c>.</summary>
    public string? ReportingController { get; set; }

    /// <summary>Which instance of it; at most 128 characters.</summary>
    public string? ReportingInstance { get; set; }

    /// <summary>What was done, CamelCase; at most 128 characters.</summary>
    public string? Action { get; set; }

    /// <summary>Why, CamelCase; at most 128 characters.</summary>
    public string? Reason { get; set; }

    public ObjectReference? Regarding { get; set; }

    public ObjectReference? Related { get; set; }

    /// <summary>The text for people; at most 1,024 bytes.</summary>
    public string? Note { get; set; }

    /// <summary><c>Normal</c> or <c>Warning</c>.</summary>
    public string? Type { get; set; }
}

/// <summary>That the same event was seen again.</summary>
public sealed record EventSeries
{
    /// <summary>How often it was seen; 2 or more.</summary>
    public int Count { get; init; }

    [JsonConverter(typeof(MicroTimeConverter))]
    public DateTimeOffset? LastObservedTime { get; init; }
}

/// <summary>Merge patch that sets an event's series.</summary>
internal sealed record SeriesPatch
{
    public required EventSeries Series { get; init; }
}

/// <summary>Names an object.</summary>
public sealed record ObjectReference
{
    public string? ApiVersion { get; init; }

    public string? Kind { get; init; }

    public string? Namespace { get; init; }

    public string? Name { get; init; }

    public string? Uid { get; init; }

    public string? ResourceVersion { get; init; }

    /// <summary>Path of a part of the object, such as <c>spec.containers{gateway}</c>.</summary>
    public string? FieldPath { get; init; }

    /// <summary>Refers to an object.</summary>
    public static ObjectReference To(IKubernetesObject target) =>
        new()
        {
            ApiVersion = target.ApiVersion,
            Kind = target.Kind,
            Namespace = target.Metadata.Namespace,
            Name = target.Metadata.Name,
            Uid = target.Metadata.Uid,
            ResourceVersion = target.Metadata.ResourceVersion,
        };
}
