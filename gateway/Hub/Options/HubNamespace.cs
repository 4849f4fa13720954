using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Queues;
using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway.Hub.Options;

/// <summary>A namespace as it is in force. Immutable.</summary>
internal sealed class HubNamespace
{
    /// <summary>Looking at a channel's position is its use, and must not find it gone since the look before.</summary>
    private static readonly TimeSpan ShortestMetaTtl = 2 * PositionChecker.Interval;

    public HubNamespace(HubNamespaceConfig config)
    {
        Config = config;
        MetaTtl =
            config.History is not { } kept ? TimeSpan.Zero
            : kept.MetaTtl > ShortestMetaTtl ? kept.MetaTtl
            : ShortestMetaTtl;
        Publish = config.History is { } history
            ? new PublishOptions
            {
                HistorySize = history.Size,
                HistoryTtl = history.Ttl,
                MetaTtl = MetaTtl,
            }
            : PublishOptions.None;
        Queue = HubQueueCompiler.Compile(config.Queue);
        IsPositioned = config.History is { Recovery: true };
    }

    public HubNamespaceConfig Config { get; }

    /// <summary>How publications are kept.</summary>
    public PublishOptions Publish { get; }

    /// <summary>Null: its channels are no queues.</summary>
    public QueueOptions? Queue { get; }

    /// <summary>Subscribers are watched for gaps, and recovered.</summary>
    public bool IsPositioned { get; }

    public bool IsCache => Config.History is { Cache: true };

    /// <summary>How long a channel's epoch and offset are kept after its last use.</summary>
    public TimeSpan MetaTtl { get; }
}
