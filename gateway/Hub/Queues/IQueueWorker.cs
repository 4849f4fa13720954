namespace Mooring.Gateway.Hub.Queues;

/// <summary>A connected client that does jobs.</summary>
internal interface IQueueWorker
{
    /// <summary>It keeps up: jobs may be taken from the queue for it. Asked on any thread.</summary>
    bool TakesMore => true;

    /// <summary>Sends it a job, which is its own for so long. Called on any thread. False: it is gone, and the job is given to another.</summary>
    bool TryDeliver(string queue, in LeasedJob job, TimeSpan lease);
}
