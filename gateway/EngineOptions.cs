using System.Net;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Datagrams;
using Mooring.Gateway.Hub.Listening;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Limits.Overload;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.WebSockets;
using Mooring.Gateway.WebSockets.Deflate;

namespace Mooring.Gateway;

/// <summary>What an engine is made with.</summary>
internal sealed record EngineOptions
{
    /// <summary>Loops, each a thread. 0: one per processor.</summary>
    public int Loops { get; init; }

    /// <summary>Pipes for bulk transfer at most, 1 MiB of kernel memory each while full; the kernel lets an unprivileged user have 64 of that size.</summary>
    public int MaxPipes { get; init; } = 64;

    /// <summary>Where listeners bind. Default: every address, IPv6 and IPv4.</summary>
    public IPAddress BindAddress { get; init; } = IPAddress.IPv6Any;

    /// <summary>Where tunnels' public ports bind. Null: as the listeners.</summary>
    public IPAddress? TunnelBind { get; init; }

    /// <summary>False where a supervisor hands over every listening socket.</summary>
    public bool BindsListeners { get; init; } = true;

    /// <summary>What gateways that accept from the same sockets tell one another. Null: there are none. Not disposed of by the engine.</summary>
    public HostBoard? Board { get; init; }

    /// <summary>Of the gateway; unique in its fleet.</summary>
    public string Name { get; init; } = "gateway";

    /// <summary>Makes the brokers of Hub listeners. Null: in memory.</summary>
    public HubBrokers? Brokers { get; init; }

    /// <summary>Makes the handshake's side of a WebSocket listener. Null: such listeners are refused.</summary>
    public Func<ListenerSnapshot, IUpgradeHandler>? Upgrades { get; init; }

    /// <summary>Every client speaks WebSocket, and its messages go back to it, whatever its listener says: for <c>gateway bench echo</c>.</summary>
    public bool Echoes { get; init; }

    /// <summary>What such clients are offered of permessage-deflate; null: nothing.</summary>
    public DeflateOptions? EchoDeflate { get; init; }

    public EndpointResolver Resolver { get; init; } = EndpointResolver.System;

    /// <summary>Told of each attempt to open a country database: its path, and why it failed (null: it did not).</summary>
    public Action<string, string?>? GeoDatabaseOpened { get; init; }

    /// <summary>Told when active checks put an endpoint out (with why) or back (null). On any thread.</summary>
    public Action<EndpointState, string?>? EndpointTurned { get; init; }

    /// <summary>For what is done from time to time: checks of backends, names that are resolved, a look at memory and at the country database.</summary>
    public TimeProvider Timers { get; init; } = TimeProvider.System;

    /// <summary>For what goes by the wall clock: ticket keys.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Reads the memory against a limit in bytes (0: the cgroup's). Null: as this process really has it.</summary>
    public Func<long, MemoryReading>? Memory { get; init; }

    /// <summary>What the kernel can do for UDP. Default: as it says.</summary>
    public DatagramSupport Datagrams { get; init; } = DatagramSupport.OfKernel;

    /// <summary>What the process may use. Null: as it really is.</summary>
    public NodeAllowance? Allowance { get; init; }

    /// <summary>Gets every ended connection; null: none. Not disposed by the engine.</summary>
    public AccessLog? AccessLog { get; init; }
}
