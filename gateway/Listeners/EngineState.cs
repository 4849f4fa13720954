using Mooring.Gateway.Backends;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Datagrams;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Limits.Identities;
using Mooring.Gateway.Registry.Leases;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Listeners;

/// <summary>What to do with new connections.</summary>
internal enum AcceptMode
{
    Accept,

    /// <summary>Take each off the queue and reset it: nobody else listens here.</summary>
    Refuse,

    /// <summary>Leave the queue alone: another process that has the socket takes the connections.</summary>
    Pause,
}

/// <summary>What the loops of an engine share. Thread-safe.</summary>
internal sealed class EngineState
{
    private volatile AcceptMode _mode;
    private ListenerState[] _listeners = [];
    private RelayLoop[] _loops = [];
    private GatewaySnapshot? _snapshot;
    private IReadOnlyDictionary<string, BackendState> _backends = new Dictionary<string, BackendState>();

    /// <summary>The config in force; null before the first.</summary>
    public GatewaySnapshot? Snapshot
    {
        get => Volatile.Read(ref _snapshot);
        set => Volatile.Write(ref _snapshot, value);
    }

    public AcceptMode Mode
    {
        get => _mode;
        set => _mode = value;
    }

    /// <summary>By index; only ever grows.</summary>
    public ListenerState[] Listeners
    {
        get => Volatile.Read(ref _listeners);
        set => Volatile.Write(ref _listeners, value);
    }

    /// <summary>By name; of the config in force.</summary>
    public IReadOnlyDictionary<string, BackendState> Backends
    {
        get => Volatile.Read(ref _backends);
        set => Volatile.Write(ref _backends, value);
    }

    /// <summary>The loops of the engine; set before any listener is watched.</summary>
    public RelayLoop[] Loops
    {
        get => Volatile.Read(ref _loops);
        set => Volatile.Write(ref _loops, value);
    }

    public EndpointRegistry Endpoints { get; } = new();

    public required DescriptorTable<TlsState> Tls { get; init; }

    /// <summary>Open client connections.</summary>
    public ConnectionLimit Connections { get; } = new();

    /// <summary>What this gateway may have of the fleet's limit.</summary>
    public FleetShare Share { get; } = new();

    public AddressTable Addresses { get; } = new();

    /// <summary>By network; null where there is no such limit.</summary>
    public PrefixTable? Prefixes { get; set; }

    /// <summary>Null until there is such a limit.</summary>
    public AddressRates? AddressRates { get; set; }

    /// <summary>By user and device.</summary>
    public IdentityTable Identities { get; } = new();

    /// <summary>What some connections have beyond their channels.</summary>
    public required DescriptorTable<ConnectionSide> Sides { get; init; }

    /// <summary>Set before any listener is watched.</summary>
    public Tunnels.TunnelService? Tunnels { get; set; }

    /// <summary>Every client speaks WebSocket, and its messages go back to it: see <see cref="Bench.EchoIo"/>.</summary>
    public bool Echoes { get; init; }

    /// <summary>What such clients are offered of permessage-deflate; null: nothing.</summary>
    public WebSockets.Deflate.DeflateOptions? EchoDeflate { get; init; }

    /// <summary>What the kernel can do for UDP.</summary>
    public DatagramSupport Datagrams { get; init; } = DatagramSupport.OfKernel;

    /// <summary>Null: no other gateway accepts from the same sockets.</summary>
    public HostBoard? Board { get; init; }

    /// <summary>Null: nobody wants to know.</summary>
    public AccessLog? AccessLog { get; init; }
}
