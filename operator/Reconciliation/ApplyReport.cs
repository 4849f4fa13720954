using System.Net;
using Mooring.Kubernetes.Client;
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

    /// <summary>The API server, or a webhook of it, fails or takes too long: the rest of the plan was not tried.</summary>
    Unavailable,
}

/// <summary>One object that could not be made as planned.</summary>
/// <param name="Reason">Also the reason of the condition and of the event.</param>
/// <param name="Object">Such as <c>Deployment demo-gateway-1</c>.</param>
/// <param name="Message">What the API server said.</param>
public sealed record ApplyProblem(ApplyProblemReason Reason, string Object, string Message)
{
    /// <summary>For how long the API server asked to be left alone; null: it did not.</summary>
    public TimeSpan? RetryAfter { get; init; }

    public override string ToString() => $"{Object}: {Message}";

    /// <summary>What an answer of the API server means for an object.</summary>
    internal static ApplyProblem Of(string name, KubernetesException error) =>
        new(
            error switch
            {
                { IsInvalid: true } or { Code: HttpStatusCode.BadRequest } => ApplyProblemReason.Invalid,
                { Code: HttpStatusCode.Forbidden } => ApplyProblemReason.Forbidden,
                { IsConflict: true } => ApplyProblemReason.Conflict,
                _ when EndsPass(error) => ApplyProblemReason.Unavailable,
                _ => ApplyProblemReason.Failed,
            },
            name,
            error.Status.Message ?? error.Message
        )
        {
            RetryAfter = error.RetryAfter is { } asked && asked > TimeSpan.Zero ? asked : null,
        };

    /// <summary>The API server did not answer in time.</summary>
    internal static ApplyProblem Of(string name, TimeoutException error) => new(ApplyProblemReason.Unavailable, name, error.Message);

    /// <summary>Not a matter of this object alone: a server that fails or is overloaded need not be asked about the next.</summary>
    internal static bool EndsPass(KubernetesException error) =>
        (int)error.Code >= 500 || error.Code is HttpStatusCode.TooManyRequests or HttpStatusCode.Unauthorized;
}

/// <summary>An object that was there, but not as it had been applied.</summary>
/// <param name="Object">Such as <c>Deployment demo-gateway-1</c>.</param>
/// <param name="Difference">The first field that differed.</param>
public sealed record DriftCorrection(string Object, Difference Difference);

/// <summary>What applying a plan has done.</summary>
public sealed record ApplyReport
{
    public static readonly ApplyReport Nothing = new();

    private static readonly TimeSpan LongestAsked = TimeSpan.FromMinutes(5);

    /// <summary>Objects that were created or changed.</summary>
    public int Applied { get; init; }

    /// <summary>Objects that were as planned, and cost no request.</summary>
    public int Unchanged { get; init; }

    public int Deleted { get; init; }

    public IReadOnlyList<DriftCorrection> Drift { get; init; } = [];

    public IReadOnlyList<ApplyProblem> Problems { get; init; } = [];

    /// <summary>Something had changed since it was looked at, and was left for the next time.</summary>
    public bool Raced { get; init; }

    /// <summary>Nothing but the server was in the way, and it ended the pass.</summary>
    public bool WasCutShort => Problems.Any(static problem => problem.Reason == ApplyProblemReason.Unavailable);

    /// <summary>When the fleet is to be tried again by what the API server asked, five minutes at most; null: it asked for nothing.</summary>
    public TimeSpan? RetryAfter =>
        Problems.Max(static problem => problem.RetryAfter) is { } asked ? (asked < LongestAsked ? asked : LongestAsked) : null;

    internal static string NameOf(IKubernetesObject value) => $"{value.Kind} {value.Metadata.Name}";
}
