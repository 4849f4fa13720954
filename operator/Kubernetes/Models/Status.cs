using System.Text.Json.Serialization;

namespace Mooring.Kubernetes.Models;

/// <summary>The API server's account of a failed request (meta/v1 Status).</summary>
public sealed record Status
{
    public string ApiVersion { get; init; } = "v1";

    public string Kind { get; init; } = "Status";

    /// <summary><c>Success</c> or <c>Failure</c>; the API server also sends an empty one.</summary>
    [JsonPropertyName("status")]
    public string? State { get; init; }

    public string? Message { get; init; }

    /// <summary>CamelCase word such as <c>NotFound</c>, <c>Conflict</c>, <c>Expired</c>.</summary>
    public string? Reason { get; init; }

    public StatusDetails? Details { get; init; }

    /// <summary>The HTTP status code.</summary>
    public int? Code { get; init; }
}

/// <summary>More about a failure: which object, which fields, when to try again.</summary>
public sealed record StatusDetails
{
    public string? Name { get; init; }

    public string? Group { get; init; }

    public string? Kind { get; init; }

    public string? Uid { get; init; }

    public IReadOnlyList<StatusCause>? Causes { get; init; }

    /// <summary>How long to wait before trying again, in seconds.</summary>
    public int? RetryAfterSeconds { get; init; }
}

/// <summary>One cause of a failure.</summary>
public sealed record StatusCause
{
    /// <summary>CamelCase word such as <c>FieldManagerConflict</c> or <c>FieldValueInvalid</c>.</summary>
    public string? Reason { get; init; }

    public string? Message { get; init; }

    /// <summary>Path of the field, such as <c>spec.replicas</c>; an apply conflict writes it with a leading dot.</summary>
    public string? Field { get; init; }
}
