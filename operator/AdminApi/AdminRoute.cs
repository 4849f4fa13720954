using System.Text.Json.Serialization.Metadata;

namespace Mooring.Operator.AdminApi;

/// <summary>One operation: what it is called by, who may call it, what it takes and answers. The OpenAPI document is made of these.</summary>
internal sealed record AdminRoute
{
    public required string Method { get; init; }

    /// <summary>With <c>{namespace}</c>, <c>{name}</c> and <c>{gateway}</c>.</summary>
    public required string Path { get; init; }

    /// <summary>Name of the operation, unique.</summary>
    public required string Id { get; init; }

    public required string Summary { get; init; }

    public required AccessRule Access { get; init; }

    public required JsonTypeInfo Answer { get; init; }

    /// <summary>It takes a <see cref="ScaleRequest"/>.</summary>
    public bool TakesBody { get; init; }

    /// <summary>It takes the query parameter <c>namespace</c>.</summary>
    public bool TakesNamespace { get; init; }

    /// <summary>Further query parameters, all texts that may be left out.</summary>
    public IReadOnlyList<QueryParameter> Queries { get; init; } = [];

    public required Func<AdminCall, Task<AdminReply>> Handle { get; init; }

    public bool NamesFleet => Path.Contains("{name}", StringComparison.Ordinal);
}

/// <summary>What right an operation needs, in the terms of Kubernetes' RBAC: of connectionfleets.mooring.dev, or of a path.</summary>
/// <param name="Verb">Such as <c>get</c>.</param>
/// <param name="Subresource">Such as <c>scale</c>; empty: the fleet itself.</param>
/// <param name="Path">A path that is no resource, such as <c>/metrics</c>; null: a fleet.</param>
internal sealed record AccessRule(string Verb, string Subresource = "", string? Path = null)
{
    public static readonly AccessRule List = new("list");
    public static readonly AccessRule Get = new("get");
    public static readonly AccessRule Update = new("update");
    public static readonly AccessRule Scale = new("update", "scale");
    public static readonly AccessRule Gateways = new("update", "gateways");
    public static readonly AccessRule Metrics = new("get", Path: "/metrics");

    /// <summary>Nothing is changed by it.</summary>
    public bool OnlyReads => Verb is "get" or "list";
}
