namespace Mooring.Kubernetes.Informers;

/// <summary>An informer, whatever it follows: for running and waiting for several together.</summary>
public interface ISharedInformer
{
    /// <summary><c>plural.group</c>.</summary>
    string Name { get; }

    /// <summary>The first list is in the cache and went to the handlers. Stays true.</summary>
    bool HasSynced { get; }

    /// <summary>What the server refuses at present; null: nothing. A server that cannot be reached, or only is busy, refuses nothing.</summary>
    InformerProblem? Problem { get; }

    /// <summary>Follows the resource until cancelled; only once. Never fails for what the server does: it tries again for ever.</summary>
    Task RunAsync(CancellationToken cancellationToken);

    /// <summary>Waits for <see cref="HasSynced"/>.</summary>
    Task WaitForSyncAsync(CancellationToken cancellationToken);
}
