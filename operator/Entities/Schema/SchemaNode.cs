using System.Text.Json.Nodes;

namespace Mooring.Operator.Entities.Schema;

/// <summary>One place in the structural schema of a kind.</summary>
/// <remarks>The CRD is written from it and manifests are checked against it, so that both say the same. Immutable.</remarks>
public sealed record SchemaNode
{
    public required SchemaType Type { get; init; }

    public string Description { get; init; } = "";

    /// <summary>Of an object with known fields, in order of declaration.</summary>
    public IReadOnlyList<SchemaProperty> Properties { get; init; } = [];

    /// <summary>Of a list: its items. Of a map: its values.</summary>
    public SchemaNode? Items { get; init; }

    /// <summary>Least length of a text, or number of items or entries.</summary>
    public int? Minimum { get; init; }

    /// <summary>Greatest length of a text, or number of items or entries.</summary>
    public int? Maximum { get; init; }

    /// <summary>Least value of a number.</summary>
    public long? LeastValue { get; init; }

    /// <summary>Greatest value of a number.</summary>
    public long? GreatestValue { get; init; }

    public string? Pattern { get; init; }

    /// <summary>What <see cref="Pattern"/> asks for, to complete "must be …".</summary>
    public string? PatternMeaning { get; init; }

    /// <summary>The only values; empty: any.</summary>
    public IReadOnlyList<JsonNode> Allowed { get; init; } = [];

    /// <summary><c>int32</c>, <c>int64</c> or <c>date-time</c>.</summary>
    public string? Format { get; init; }

    public JsonNode? Default { get; init; }

    /// <summary>Of a list: the field that tells its items apart.</summary>
    public string? MapKey { get; init; }

    public IReadOnlyList<SchemaRule> Rules { get; init; } = [];

    public SchemaProperty? Find(string name) => Properties.FirstOrDefault(property => property.Name == name);
}

public sealed record SchemaProperty(string Name, SchemaNode Schema, bool Required);

/// <summary>A CEL rule.</summary>
public sealed record SchemaRule(string Rule, string Message, string? FieldPath);

public enum SchemaType
{
    /// <summary>An object with known fields.</summary>
    Object,

    /// <summary>An object with any keys and values of one kind.</summary>
    Map,

    /// <summary>An object that is carried along, never looked into.</summary>
    Any,

    /// <summary>An object's metadata, whose schema the API server knows itself.</summary>
    Metadata,
    List,
    Text,
    Integer,
    Boolean,

    /// <summary>A whole number or a text.</summary>
    IntegerOrText,

    /// <summary>As <see cref="IntegerOrText"/>, and a Kubernetes quantity.</summary>
    Quantity,
}
