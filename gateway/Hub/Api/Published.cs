using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Protocol;

namespace Mooring.Gateway.Hub.Api;

/// <summary>What became of one publication by the API.</summary>
internal readonly record struct Published
{
    /// <summary>Null: it was published.</summary>
    public HubError? Error { get; init; }

    /// <summary>Of the publication; offset 0: the channel has no history.</summary>
    public StreamPosition Position { get; init; }

    /// <summary>The job's number, where the channel is a queue.</summary>
    public long? Job { get; init; }
}
