namespace Mooring.Gateway.Hub.Queues;

/// <summary>A connected client that does jobs.</summary>
internal interface IQueueWorker
{
    /// <summary>Sends it a job. Called on any thread. False: it is gone, and the job is given to another.</summary>
    bool TryDeliver(string queue, in LeasedJob job);
}
