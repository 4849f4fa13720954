using System.Net;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Client;

/// <summary>The API server answered a request with an error.</summary>
/// <remarks>A server that could not be reached is an <see cref="HttpRequestException"/>, one that was too slow a <see cref="TimeoutException"/>.</remarks>
public sealed class KubernetesException : Exception
{
    public KubernetesException(HttpStatusCode code, Status status, string request, TimeSpan? retryAfter = null)
        : base($"{request}: {(int)code} {status.Reason ?? code.ToString()}: {status.Message ?? "no message"}")
    {
        Code = code;
        Status = status;
        RetryAfter = retryAfter ?? (status.Details?.RetryAfterSeconds is > 0 and var seconds ? TimeSpan.FromSeconds(seconds) : null);
    }

    /// <summary>The HTTP status code; for an error inside a watch, the code of its Status object.</summary>
    public HttpStatusCode Code { get; }

    /// <summary>The Status object; made from the HTTP answer where the body was none.</summary>
    public Status Status { get; }

    /// <summary>CamelCase word such as <c>AlreadyExists</c>; empty when the server gave none.</summary>
    public string Reason => Status.Reason ?? "";

    /// <summary>The fields and other things at fault; empty when the server named none.</summary>
    public IReadOnlyList<StatusCause> Causes => Status.Details?.Causes ?? [];

    /// <summary>How long the server asked to wait; null when it did not.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>No such object, or no such resource (<see cref="Status"/> then has no details name).</summary>
    public bool IsNotFound => Code == HttpStatusCode.NotFound;

    /// <summary>The object changed meanwhile, or (reason AlreadyExists) is there already, or fields belong to another manager.</summary>
    public bool IsConflict => Code == HttpStatusCode.Conflict;

    public bool IsAlreadyExists => IsConflict && Reason == "AlreadyExists";

    /// <summary>The resource version or continue token is too old: list again.</summary>
    public bool IsExpired => Code == HttpStatusCode.Gone || Reason is "Expired" or "Gone";

    /// <summary>The object is invalid; <see cref="Causes"/> names the fields.</summary>
    public bool IsInvalid => Code == HttpStatusCode.UnprocessableEntity;

    /// <summary>For a refused server-side apply: who owns which fields. Empty otherwise.</summary>
    public IReadOnlyList<ApplyConflict> ApplyConflicts => ApplyConflict.From(Causes);
}
