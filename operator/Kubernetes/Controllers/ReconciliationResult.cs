using System.Diagnostics.CodeAnalysis;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Controllers;

/// <summary>What came of reconciling an entity. Named as in KubeOps.</summary>
public sealed record ReconciliationResult<TEntity>
    where TEntity : class, IKubernetesObject
{
    private ReconciliationResult(TEntity entity, bool isSuccess, string? errorMessage, Exception? error, TimeSpan? requeueAfter)
    {
        Entity = entity;
        IsSuccess = isSuccess;
        ErrorMessage = errorMessage;
        Error = error;
        RequeueAfter = requeueAfter;
    }

    public TEntity Entity { get; }

    [MemberNotNullWhen(false, nameof(ErrorMessage))]
    public bool IsSuccess { get; }

    [MemberNotNullWhen(true, nameof(ErrorMessage))]
    public bool IsFailure => !IsSuccess;

    public string? ErrorMessage { get; }

    public Exception? Error { get; }

    /// <summary>When to come back. Null: on success at the next change, on failure after the queue's back-off.</summary>
    public TimeSpan? RequeueAfter { get; }

    /// <summary>When there is something to do whatever becomes of a failure, which the queue's back-off does not put off. Null: nothing.</summary>
    public TimeSpan? Due { get; init; }

    public static ReconciliationResult<TEntity> Success(TEntity entity, TimeSpan? requeueAfter = null) =>
        new(entity, true, null, null, requeueAfter);

    public static ReconciliationResult<TEntity> Failure(
        TEntity entity,
        string errorMessage,
        Exception? error = null,
        TimeSpan? requeueAfter = null
    ) => new(entity, false, errorMessage, error, requeueAfter);
}
