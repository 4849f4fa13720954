using System.Text.Json.Serialization;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Metrics.External;

/// <summary>external.metrics.k8s.io/v1beta1: the values of one metric.</summary>
internal sealed record ExternalMetricValueList
{
    public string Kind { get; init; } = "ExternalMetricValueList";

    public string ApiVersion { get; init; } = ExternalMetricsApi.GroupVersion;

    public EmptyMeta Metadata { get; init; } = new();

    public required IReadOnlyList<ExternalMetricValue> Items { get; init; }
}

internal sealed record EmptyMeta;

internal sealed record ExternalMetricValue
{
    public required string MetricName { get; init; }

    public required IReadOnlyDictionary<string, string> MetricLabels { get; init; }

    public required DateTimeOffset Timestamp { get; init; }

    /// <summary>A quantity.</summary>
    public required string Value { get; init; }
}

internal sealed record ApiResourceList
{
    public string Kind { get; init; } = "APIResourceList";

    public string ApiVersion { get; init; } = "v1";

    public string GroupVersion { get; init; } = ExternalMetricsApi.GroupVersion;

    public required IReadOnlyList<ApiResource> Resources { get; init; }
}

internal sealed record ApiResource
{
    public required string Name { get; init; }

    public string SingularName { get; init; } = "";

    public bool Namespaced { get; init; } = true;

    public string Kind { get; init; } = "ExternalMetricValueList";

    public IReadOnlyList<string> Verbs { get; init; } = ["get"];
}

/// <summary>What an API server answers where it cannot.</summary>
internal sealed record FailureStatus(int Code, string Reason, string Message)
{
    public string Kind { get; init; } = "Status";

    public string ApiVersion { get; init; } = "v1";

    public string Status { get; init; } = "Failure";
}

/// <summary>apiregistration.k8s.io/v1 APIService: the fields that an operator sets or reads.</summary>
[KubernetesEntity(Group = "apiregistration.k8s.io", ApiVersion = "v1", Kind = "APIService", PluralName = "apiservices")]
internal sealed class ApiService : IKubernetesObject
{
    public string ApiVersion { get; set; } = "apiregistration.k8s.io/v1";

    public string Kind { get; set; } = "APIService";

    public ObjectMeta Metadata { get; set; } = new();

    public ApiServiceSpec? Spec { get; set; }

    public ApiServiceStatus? Status { get; set; }
}

internal sealed class ApiServiceStatus
{
    public List<Condition>? Conditions { get; set; }
}

internal sealed class ApiServiceSpec
{
    public ApiServiceReference? Service { get; set; }

    public byte[]? CaBundle { get; set; }
}

internal sealed class ApiServiceReference
{
    public string? Namespace { get; set; }

    public string? Name { get; set; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(ExternalMetricValueList))]
[JsonSerializable(typeof(ApiResourceList))]
[JsonSerializable(typeof(FailureStatus))]
[JsonSerializable(typeof(ApiService))]
[JsonSerializable(typeof(KubernetesList<ApiService>))]
[JsonSerializable(typeof(string[]))]
internal sealed partial class ExternalMetricsJson : JsonSerializerContext;
