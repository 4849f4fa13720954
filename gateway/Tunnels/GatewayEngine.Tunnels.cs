using System.Net;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels;

namespace Mooring.Gateway;

internal sealed partial class GatewayEngine
{
    /// <summary>The tunnels of this gateway.</summary>
    public TunnelService Tunnels => _state.Tunnels!;

    /// <summary>What stands for the data connections of a Tunnel listener's clients: nobody ever connects there.</summary>
    private EndpointState TunnelEndpoint(string listener)
    {
        lock (_endpoints)
        {
            var name = $"({listener})";
            return _state.Endpoints.Add(
                "tunnel",
                new EndpointTarget
                {
                    Address = KernelAddress.From(IPAddress.Loopback, 0),
                    Text = "127.0.0.1:0",
                    Weight = 1,
                    Draining = false,
                    MaxConnections = 0,
                    MaxFails = 0,
                    FailTimeoutMicroseconds = 0,
                },
                name,
                BackendIndex(name)
            );
        }
    }
}
