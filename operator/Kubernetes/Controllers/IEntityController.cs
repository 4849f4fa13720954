using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Controllers;

/// <summary>Brings the world in line with an entity. Called for one entity by one worker at a time.</summary>
public interface IEntityController<TEntity>
    where TEntity : class, IKubernetesObject
{
    /// <summary>Called after any change, of the entity or of what it owns, and from time to time: never ask which.</summary>
    /// <param name="entity">A copy of the cached state; may be changed.</param>
    /// <exception cref="Exception">Counts as a failure: the entity comes back after a growing wait, without an end to the tries.</exception>
    Task<ReconciliationResult<TEntity>> ReconcileAsync(TEntity entity, CancellationToken cancellationToken);

    /// <summary>The entity is gone. Only drops what was held in memory for it; what must be undone belongs into a finalizer.</summary>
    /// <param name="entity">Its last known state.</param>
    Task<ReconciliationResult<TEntity>> DeletedAsync(TEntity entity, CancellationToken cancellationToken);
}

/// <summary>Undoes effects that the garbage collector cannot see, before an entity may go.</summary>
public interface IEntityFinalizer<TEntity>
    where TEntity : class, IKubernetesObject
{
    /// <summary>The mark in <c>metadata.finalizers</c>, such as <c>mooring.dev/tuning</c>. Set before the first reconcile.</summary>
    string Identifier { get; }

    /// <summary>Called once the entity is marked for deletion, until it succeeds; then the mark is removed.</summary>
    /// <returns>Success with a requeue time means "under way": the mark stays and the call comes again then.</returns>
    Task<ReconciliationResult<TEntity>> FinalizeAsync(TEntity entity, CancellationToken cancellationToken);
}
