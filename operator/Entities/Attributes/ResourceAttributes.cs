namespace Mooring.Operator.Entities.Attributes;

/// <summary>Short names that <c>kubectl</c> takes for the kind.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class KubernetesEntityShortNamesAttribute(params string[] names) : Attribute
{
    public IReadOnlyList<string> Names { get; } = names;
}

/// <summary>Groups, such as <c>all</c>, in which <c>kubectl get</c> lists the kind.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class KubernetesEntityCategoriesAttribute(params string[] names) : Attribute
{
    public IReadOnlyList<string> Names { get; } = names;
}

/// <summary>A column of <c>kubectl get</c>, in the order of declaration.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
public sealed class AdditionalPrinterColumnAttribute(int order, string name, string jsonPath, string type) : Attribute
{
    /// <summary>Reflection promises no order of attributes, so they carry it.</summary>
    public int Order { get; } = order;

    public string Name { get; } = name;

    public string JsonPath { get; } = jsonPath;

    /// <summary><c>string</c>, <c>integer</c>, <c>boolean</c> or <c>date</c>.</summary>
    public string Type { get; } = type;

    public string Description { get; init; } = "";

    /// <summary>Only with <c>-o wide</c>.</summary>
    public bool Wide { get; init; }
}

/// <summary>The kind has the scale subresource, which <c>kubectl scale</c> and the HPA speak to.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class ScaleSubresourceAttribute(string specReplicasPath, string statusReplicasPath, string labelSelectorPath) : Attribute
{
    public string SpecReplicasPath { get; } = specReplicasPath;

    public string StatusReplicasPath { get; } = statusReplicasPath;

    public string LabelSelectorPath { get; } = labelSelectorPath;
}
