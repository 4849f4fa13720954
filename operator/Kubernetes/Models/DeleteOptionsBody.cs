namespace Mooring.Kubernetes.Models;

/// <summary>Body of a DELETE (meta/v1 DeleteOptions).</summary>
internal sealed record DeleteOptionsBody
{
    public string ApiVersion { get; init; } = "v1";

    public string Kind { get; init; } = "DeleteOptions";

    public long? GracePeriodSeconds { get; init; }

    public string? PropagationPolicy { get; init; }

    public IReadOnlyList<string>? DryRun { get; init; }

    public DeletePreconditions? Preconditions { get; init; }
}

/// <summary>What the object must still be for the delete to go ahead.</summary>
internal sealed record DeletePreconditions
{
    public string? Uid { get; init; }

    public string? ResourceVersion { get; init; }
}
