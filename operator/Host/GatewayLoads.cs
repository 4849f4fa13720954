using Mooring.Operator.Gateways;

namespace Mooring.Operator.Host;

/// <summary>What is known of the connections that a fleet's gateways carry on this machine. Pure.</summary>
/// <param name="Gateways">Each that has a process, as it has told of itself; null: its stream is away, or has not come yet.</param>
/// <param name="MovedAt">Until when connections may have gone from one to another: a gateway that drains hands them over.</param>
internal sealed record GatewayLoads(IReadOnlyList<GatewayView?> Gateways, DateTimeOffset MovedAt)
{
    // A report that was on its way then may still miss a connection that had just been made, or taken over.
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(1);

    /// <summary>Whether each of them has said that it has no connection to an endpoint, at a time when none could come to it any more.</summary>
    /// <param name="endpoint">Its id.</param>
    /// <param name="since">Since when it is given no new ones.</param>
    /// <param name="now">The time. A report from later came before the clock was set back.</param>
    public bool AreWithout(string endpoint, DateTimeOffset since, DateTimeOffset now)
    {
        var from = (since > MovedAt ? since : MovedAt) + Settle;
        return now >= from
            && Gateways.All(gateway => gateway?.ReportedAt is { } at && at >= from && at <= now && Connections(gateway, endpoint) == 0);
    }

    private static int Connections(GatewayView gateway, string endpoint) =>
        gateway
            .Report!.Backends.SelectMany(static backend => backend.Endpoints)
            .Where(load => load.Id == endpoint)
            .Sum(static load => load.Connections);
}
