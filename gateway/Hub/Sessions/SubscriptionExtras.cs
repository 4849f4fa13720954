using Mooring.Gateway.Hub.Queues;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>What few subscriptions have.</summary>
internal sealed class SubscriptionExtras
{
    public ReadOnlyMemory<byte> ChanInfo { get; set; }

    public QueueMembership? Membership { get; set; }

    public SubscribedWorker? Worker { get; set; }
}
