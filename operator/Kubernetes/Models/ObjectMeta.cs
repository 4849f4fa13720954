namespace Mooring.Kubernetes.Models;

/// <summary>Metadata of an object. Null members are left out of the JSON, so that a server-side apply claims only what is set.</summary>
public sealed class ObjectMeta
{
    public string? Name { get; set; }

    public string? GenerateName { get; set; }

    public string? Namespace { get; set; }

    public string? Uid { get; set; }

    public string? ResourceVersion { get; set; }

    public long? Generation { get; set; }

    public DateTimeOffset? CreationTimestamp { get; set; }

    public DateTimeOffset? DeletionTimestamp { get; set; }

    public long? DeletionGracePeriodSeconds { get; set; }

    public Dictionary<string, string>? Labels { get; set; }

    public Dictionary<string, string>? Annotations { get; set; }

    public List<OwnerReference>? OwnerReferences { get; set; }

    public List<string>? Finalizers { get; set; }
}

/// <summary>Which object owns this one; the garbage collector follows it.</summary>
public sealed class OwnerReference
{
    public required string ApiVersion { get; set; }

    public required string Kind { get; set; }

    public required string Name { get; set; }

    public required string Uid { get; set; }

    /// <summary>The one owner that reconciles the object.</summary>
    public bool? Controller { get; set; }

    public bool? BlockOwnerDeletion { get; set; }
}

/// <summary>Metadata of a list.</summary>
public sealed class ListMeta
{
    public string? ResourceVersion { get; set; }

    /// <summary>Token of the next page; null or empty on the last.</summary>
    public string? Continue { get; set; }

    public long? RemainingItemCount { get; set; }
}

/// <summary>One page of a list.</summary>
public sealed class KubernetesList<T>
    where T : IKubernetesObject
{
    public string ApiVersion { get; set; } = "v1";

    public string Kind { get; set; } = "List";

    public ListMeta Metadata { get; set; } = new();

    public List<T> Items { get; set; } = [];
}

/// <summary>A condition, after the API conventions (meta/v1 Condition).</summary>
public sealed record Condition
{
    public required string Type { get; init; }

    /// <summary><c>True</c>, <c>False</c> or <c>Unknown</c>.</summary>
    public required string Status { get; init; }

    /// <summary>CamelCase word.</summary>
    public required string Reason { get; init; }

    /// <summary>For people; at most 32,768 characters.</summary>
    public string Message { get; set; } = "";

    /// <summary>When <see cref="Status"/> last changed.</summary>
    public DateTimeOffset LastTransitionTime { get; init; }

    public long? ObservedGeneration { get; init; }
}
