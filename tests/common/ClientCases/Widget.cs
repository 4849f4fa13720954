using System.Text.Json.Serialization;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;

namespace Mooring.Testing.ClientCases;

/// <summary>A custom kind with status and scale.</summary>
[KubernetesEntity(Group = "test.mooring.dev", ApiVersion = "v1", Kind = "Widget", PluralName = "widgets")]
public sealed class Widget : IKubernetesObject
{
    public static ResourceType<Widget> Type { get; } = ResourceType.For(WidgetJson.Default.Widget);

    public string ApiVersion { get; set; } = "";

    public string Kind { get; set; } = "";

    public ObjectMeta Metadata { get; set; } = new();

    public WidgetSpec? Spec { get; set; }

    public WidgetStatus? Status { get; set; }
}

public sealed record WidgetSpec
{
    public int? Replicas { get; init; }

    public string? Color { get; init; }
}

public sealed record WidgetStatus
{
    public int? Replicas { get; init; }

    public string? Selector { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(Widget))]
public sealed partial class WidgetJson : JsonSerializerContext;
