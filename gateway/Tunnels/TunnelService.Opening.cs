using Mooring.Gateway.Listeners;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels;

/// <summary>How a tunnel is opened: quotas, then ports one by one, all or none.</summary>
internal sealed partial class TunnelService
{
    private async Task<OpenResult> OpenAsync(OpenOrder order)
    {
        var request = order.Request;
        if (request.Version != 1)
        {
            return Refuse("version", $"this gateway speaks version 1 of the protocol, not {request.Version}");
        }

        // A tunnel that is here already too: its client was sent away from here.
        if (_engine.Mode != AcceptMode.Accept)
        {
            return Refuse("draining", "this gateway is draining");
        }

        if (request.Resume is { } former && TryResume(former, order) is { } same)
        {
            return new OpenResult(same, Resumed: true);
        }

        var registry = await RegistryAsync();
        if (WhyNot(order, registry) is var (reason, text))
        {
            return Refuse(reason, text);
        }

        var key = request.Resume ?? TunnelKey.New();
        order = order with { Print = order.IsBore ? "" : TunnelKey.Print(key) };
        var granted = new List<TunnelPort>();
        try
        {
            for (var i = 0; i < request.Ports.Count; i++)
            {
                var (port, error) = await GrantAsync(order, request.Ports[i], registry);
                if (port is null)
                {
                    GiveUp(order, granted);
                    return Refuse(error!.Value.Reason, error.Value.Text);
                }

                port.Index = i;
                granted.Add(port);
            }
        }
        catch
        {
            GiveUp(order, granted);
            throw;
        }

        var session = new TunnelSession
        {
            Name = $"{order.Listener.Name}-{Random.Shared.Next(0x1000000):x6}",
            Key = key,
            IsBore = order.IsBore,
            Echoes = request.Echoes,
            Listener = order.Listener,
            ListenerIndex = order.ListenerIndex,
            Tenant = order.Tenant,
            Loop = order.Loop,
            Client = order.Client,
            Opened = _time.GetUtcNow(),
            Ports = granted,
        };
        var taken = false;
        lock (_gate)
        {
            taken = !_sessions.TryAdd(session.Key, session);
            _opening -= taken ? 0 : 1;
            foreach (var port in granted)
            {
                port.Session = session;
                if (!taken)
                {
                    _ports[port.Thing] = port;
                }
            }
        }

        if (taken)
        {
            GiveUp(order, granted);
            return Refuse("resume", "the tunnel is being opened already");
        }

        Interlocked.Increment(ref _openedTotal);
        Changed();
        return new OpenResult(session);
    }

    /// <summary>The tunnel that a client goes on with, where this gateway has it.</summary>
    private TunnelSession? TryResume(string key, OpenOrder order)
    {
        lock (_gate)
        {
            return
                _sessions.TryGetValue(key, out var session)
                && session.Listener == order.Listener
                && session.Tenant == order.Tenant
                && session.Ports.Count == order.Request.Ports.Count
                ? session
                : null;
        }
    }

    /// <summary>Takes a place for a tunnel, or says why there is none. With a place, <see cref="_opening"/> and the tenant count it.</summary>
    private (string Reason, string Text)? WhyNot(OpenOrder order, TunnelRegistry registry)
    {
        if (registry.Problem is not null || registry.Gateway.Generation == 0)
        {
            return ("registry", "the gateways' registry is away: no new tunnels at present");
        }

        if (
            order.IsBore is false
            && order.Request.Ports.Any(port => port.Protocol == TunnelProtocol.Name)
            && order.Listener.Config.Domain is null
        )
        {
            return ("name", "tunnels have no names here");
        }

        lock (_gate)
        {
            var open = _sessions.Count + _opening;
            if (TunnelAdmission.WhyFull(registry, order.Listener.Capacity, open) is { } full)
            {
                return full;
            }

            if (open >= order.Listener.Capacity.MaxTunnels)
            {
                return ("gateway_tunnels", $"this gateway has its limit of {order.Listener.Capacity.MaxTunnels} tunnels");
            }

            if (!order.Tenant.TryOpen())
            {
                return ("tenant_tunnels", $"quota reached: {order.Tenant.Config!.MaxTunnels} tunnels");
            }

            _opening++;
            return null;
        }
    }

    /// <summary>Gives back what was taken for a tunnel that there will not be, its place last.</summary>
    private void GiveUp(OpenOrder order, List<TunnelPort> ports)
    {
        GiveBack(ports);
        order.Tenant.Closed();
        lock (_gate)
        {
            _opening--;
        }
    }

    private void GiveBack(List<TunnelPort> ports)
    {
        foreach (var port in ports)
        {
            CloseSocket(port.Socket);
            port.Socket = -1;
            GiveBack(port, released: true);
        }
    }
}
