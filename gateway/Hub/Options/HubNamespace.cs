using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Queues;

namespace Mooring.Gateway.Hub.Options;

/// <summary>A namespace as it is in force. Immutable.</summary>
internal sealed class HubNamespace
{
    public HubNamespace(HubNamespaceConfig config)
    {
        Config = config;
        Publish = config.History is { } history
            ? new PublishOptions
            {
                HistorySize = history.Size,
                HistoryTtl = history.Ttl,
                MetaTtl = history.MetaTtl,
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

    public TimeSpan MetaTtl => Config.History?.MetaTtl ?? TimeSpan.Zero;
}
