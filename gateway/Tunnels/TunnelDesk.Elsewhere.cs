using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Tunnels;

/// <summary>What belongs to another gateway.</summary>
internal sealed unsafe partial class TunnelDesk
{
    private void BringElsewhere(int client, Channel* channel, Guid id, bool ready, byte[] early) =>
        loop.Closer.Close(client, CloseReason.TunnelGone, reset: false);

    private void LookElsewhere(int visitor, Channel* channel, string host, bool isTls) =>
        TurnAway(visitor, channel, RefusalReason.TunnelGone, isTls ? null : new Refusal(404, "no such tunnel"));
}
