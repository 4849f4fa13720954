using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Tunnels;

/// <summary>The tunnels as reports and metrics have them.</summary>
internal static class TunnelLoads
{
    /// <summary>Null where there never was a Tunnel listener.</summary>
    public static TunnelsLoad? Of(TunnelService tunnels)
    {
        var listeners = tunnels.Listeners;
        if (listeners.Count == 0)
        {
            return null;
        }

        var open = tunnels.Open();
        var ended = tunnels.Ended();
        return new TunnelsLoad
        {
            Open = open.Count,
            Capacity = listeners.Max(static listener => listener.Capacity.MaxTunnels),
            OpenedTotal = tunnels.OpenedTotal,
            States = open.CountBy(static session => session.State).ToDictionary(static count => count.Key, static count => count.Value),
            EndedTotal = tunnels.EndedTotal,
            RefusedTotal = tunnels.Refused.ToDictionary(static refused => refused.Key, static refused => refused.Value),
            ForeignPorts = tunnels.ForeignPorts,
            Tenants =
            [
                .. listeners.SelectMany(listener =>
                    listener.Tenants.Select(tenant => new TunnelTenantLoad
                    {
                        Listener = listener.Name,
                        Tenant = tenant.Name,
                        Tunnels = tenant.Tunnels,
                        Visitors = tenant.Visitors,
                    })
                ),
            ],
            Tunnels =
            [
                .. open.Reverse()
                    .Take(TunnelsLoad.MaxTunnels - Math.Min(ended.Count, TunnelsLoad.MinEnded))
                    .Concat(ended.Reverse())
                    .Take(TunnelsLoad.MaxTunnels)
                    .Select(Of),
            ],
        };
    }

    private static TunnelLoad Of(TunnelSession session) =>
        new()
        {
            Name = session.Name,
            Listener = session.Listener.Name,
            Tenant = session.Tenant.Name,
            Client = session.Client.ToString(),
            Ports = [.. session.Ports.Select(static port => port.Thing.Id)],
            State = session.State,
            Since = session.Since,
            Opened = session.Opened,
            Visitors = session.Visitors,
            VisitorsTotal = session.VisitorsTotal,
            ReceivedBytesTotal = session.Received,
            SentBytesTotal = session.Sent,
            History =
            [
                .. session.History.Select(static moment => new TunnelMoment
                {
                    At = moment.At,
                    State = moment.State,
                    Reason = moment.Reason.Length > 256 ? moment.Reason[..256] : moment.Reason,
                }),
            ],
        };
}
