using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Reconciliation;

/// <summary>Why an object could not be made as planned.</summary>
public enum ApplyProblemReason
{
    /// <summary>An object of that name is there and belongs to somebody else.</summary>
    Conflict,

    /// <summary>Somebody else changes it again each time it is put back: it is put back less and less often.</summary>
    Contested,

    /// <summary>The operator may not: its role lacks a right, or a quota or an admission policy says no.</summary>
    Forbidden,

    /// <summary>The API server finds the object invalid.</summary>
    Invalid,

    /// <summary>Any other answer of the API server.</summary>
    Failed,
}

/// <summary>One object that could not be made as planned.</summary>
/// <param name="Reason">Also the reason of the condition and of the event.</param>
/// <param name="Object">Such as <c>Deployment demo-gateway-1</c>.</param>
/// <param name="Message">What the API server said.</param>
public sealed record ApplyProblem(ApplyProblemReason Reason, string Object, string Message)
{
    public override string ToString() => $"{Object}: {Message}";
}

/// <summary>An object that was there, but not as it had been applied.</summary>
/// <param name="Object">Such as <c>Deployment demo-gateway-1</c>.</param>
/// <param name="Difference">The first field that differed.</param>
public sealed record DriftCorrection(string Object, Difference Difference);

/// <summary>What applying a plan has done.</summary>
public sealed record ApplyReport
{
    public static readonly ApplyReport Nothing = new();

    /// <summary>Objects that were created or changed.</summary>
    public int Applied { get; init; }

    /// <summary>Objects that were as planned, and cost no request.</summary>
    public int Unchanged { get; init; }

    public int Deleted { get; init; }

    public IReadOnlyList<DriftCorrection> Drift { get; init; } = [];

    public IReadOnlyList<ApplyProblem> Problems { get; init; } = [];

    internal static string NameOf(IKubernetesObject value) => $"{value.Kind} {value.Metadata.Name}";
}
