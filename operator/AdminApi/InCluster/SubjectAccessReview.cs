using System.Text.Json.Serialization;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.AdminApi.InCluster;

/// <summary>authorization.k8s.io/v1 SubjectAccessReview: asks the API server whether somebody may do something.</summary>
[KubernetesEntity(
    Group = "authorization.k8s.io",
    ApiVersion = "v1",
    Kind = "SubjectAccessReview",
    PluralName = "subjectaccessreviews",
    ClusterScoped = true
)]
internal sealed class SubjectAccessReview : IKubernetesObject
{
    public string ApiVersion { get; set; } = "authorization.k8s.io/v1";

    public string Kind { get; set; } = "SubjectAccessReview";

    public ObjectMeta Metadata { get; set; } = new();

    public required SubjectAccessReviewSpec Spec { get; set; }

    public SubjectAccessReviewStatus? Status { get; set; }
}

/// <summary>Of the two attributes exactly one is set.</summary>
internal sealed class SubjectAccessReviewSpec
{
    public required string User { get; set; }

    public string? Uid { get; set; }

    public IReadOnlyList<string>? Groups { get; set; }

    public IReadOnlyDictionary<string, IReadOnlyList<string>>? Extra { get; set; }

    public ResourceAttributes? ResourceAttributes { get; set; }

    public PathAttributes? NonResourceAttributes { get; set; }
}

/// <param name="Namespace">Empty: all.</param>
/// <param name="Name">Empty: all.</param>
internal sealed record ResourceAttributes(
    string Namespace,
    string Verb,
    string Group,
    string Version,
    string Resource,
    string Subresource,
    string Name
);

internal sealed record PathAttributes(string Path, string Verb);

internal sealed class SubjectAccessReviewStatus
{
    public bool Allowed { get; set; }

    public string? Reason { get; set; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(SubjectAccessReview))]
internal sealed partial class ReviewJson : JsonSerializerContext;
