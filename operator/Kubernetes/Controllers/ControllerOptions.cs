using Mooring.Kubernetes.Models;
using Mooring.Kubernetes.Queueing;

namespace Mooring.Kubernetes.Controllers;

/// <summary>How a controller works through its queue.</summary>
public sealed record ControllerOptions
{
    /// <summary>For logs and metrics. Default: the kind's plural.</summary>
    public string? Name { get; init; }

    /// <summary>Entities in work at once. 1 or more; default 2.</summary>
    public int Workers { get; init; } = 2;

    /// <summary>Back-off and rate of retries.</summary>
    public WorkQueueOptions Queue { get; init; } = new();

    /// <summary>One reconcile at most; then it is cancelled and counts as failed. Default 5 min.</summary>
    public TimeSpan ReconcileTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Asked before each item; while false nothing is done. For leaders: <see cref="LeaderElection.Leadership.IsHeld"/>. Null: always.</summary>
    public Func<bool>? MayWork { get; init; }

    /// <summary>Asked before each item; above zero it is put back for so long, as if it had not come up yet. Null: none is held. Must not throw.</summary>
    public Func<ObjectKey, TimeSpan>? Hold { get; init; }

    /// <summary>Asked of each update of an entity, with the old and the new one: how long it can wait, so that what comes meanwhile is one reconcile with it. Null: none can. Must not throw.</summary>
    public Func<IKubernetesObject, IKubernetesObject, TimeSpan>? UpdateDelay { get; init; }

    /// <summary>Called after an entity's reconcile has thrown, lost races apart, with when it is tried again: to tell people. Must not throw. Null: nobody is told.</summary>
    public Action<ObjectKey, Exception, TimeSpan>? Failed { get; init; }

    /// <summary>Entities are handed out as they are cached, and whoever gets them changes nothing of them. A copy costs as much as reading the object anew. Default: copies.</summary>
    public bool SharesEntities { get; init; }
}
