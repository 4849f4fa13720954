using System.Text.Json.Serialization;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Gateways.InCluster;

/// <summary>authentication.k8s.io/v1 TokenReview: asks the API server whose token it is.</summary>
[KubernetesEntity(
    Group = "authentication.k8s.io",
    ApiVersion = "v1",
    Kind = "TokenReview",
    PluralName = "tokenreviews",
    ClusterScoped = true
)]
internal sealed class TokenReview : IKubernetesObject
{
    public string ApiVersion { get; set; } = "authentication.k8s.io/v1";

    public string Kind { get; set; } = "TokenReview";

    public ObjectMeta Metadata { get; set; } = new();

    public required TokenReviewSpec Spec { get; set; }

    public TokenReviewStatus? Status { get; set; }
}

internal sealed class TokenReviewSpec
{
    public required string Token { get; set; }

    /// <summary>The token must be meant for one of them; none: for the API server itself.</summary>
    public IReadOnlyList<string>? Audiences { get; set; }
}

internal sealed class TokenReviewStatus
{
    public bool Authenticated { get; set; }

    public TokenReviewUser? User { get; set; }

    /// <summary>Of those asked about, the ones that the token is for.</summary>
    public IReadOnlyList<string>? Audiences { get; set; }

    public string? Error { get; set; }
}

internal sealed class TokenReviewUser
{
    public string? Username { get; set; }

    public string? Uid { get; set; }

    public IReadOnlyList<string>? Groups { get; set; }

    public IReadOnlyDictionary<string, IReadOnlyList<string>>? Extra { get; set; }
}

/// <summary>v1 Secret, as the operator keeps its own in it.</summary>
[KubernetesEntity(Kind = "Secret", PluralName = "secrets")]
internal sealed class Secret : IKubernetesObject
{
    public string ApiVersion { get; set; } = "v1";

    public string Kind { get; set; } = "Secret";

    public ObjectMeta Metadata { get; set; } = new();

    public string? Type { get; set; }

    public Dictionary<string, byte[]>? Data { get; set; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(TokenReview))]
[JsonSerializable(typeof(Secret))]
internal sealed partial class InClusterJson : JsonSerializerContext;
