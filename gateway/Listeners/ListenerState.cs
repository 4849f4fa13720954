using Mooring.Contracts.Configuration;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Hub.Sessions;
using Mooring.Gateway.Limits;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Listeners;

/// <summary>One listener over the process's life, by name: its counts outlive config reloads.</summary>
/// <remarks>Thread-safe. What a reload changes is in <see cref="Setup"/>, swapped as a whole. Bytes are counted by the loops.</remarks>
internal sealed class ListenerState(string name, ushort index)
{
    private readonly long[] _refused = new long[RefusalReasons.Count];
    private ListenerSetup? _setup;
    private (ListenerProtocol Protocol, HubNode? Hub)? _known;
    private long _replacedAt;

    public string Name { get; } = name;

    /// <summary>What a channel knows of it. Never used again for another name.</summary>
    public ushort Index { get; } = index;

    /// <summary>Open connections.</summary>
    public ConnectionLimit Connections { get; } = new();

    /// <summary>Buckets of its limits. See <see cref="RateLimit"/> and <see cref="ByteRate"/>.</summary>
    public ListenerBuckets Buckets { get; } = new();

    /// <summary>Null once the listener is in the config no more; its connections stay until they end, or are closed as a drain does it.</summary>
    public ListenerSetup? Setup => Volatile.Read(ref _setup);

    /// <summary>Connections that were accepted before are of a listener that is no more, though there is one of its name; 0: none are.</summary>
    public long ReplacedAt => Volatile.Read(ref _replacedAt);

    public TlsTotals Tls { get; } = new();

    /// <summary>Puts what the listener is to do in force; null: it is gone. For one thread at a time.</summary>
    /// <param name="setup">What it is to do.</param>
    /// <param name="now">Microseconds of the loops' clock.</param>
    public void Use(ListenerSetup? setup, long now)
    {
        if (setup is not null && _known is { } known && (known.Protocol != setup.Config.Protocol || known.Hub != setup.Hub))
        {
            Volatile.Write(ref _replacedAt, now);
        }

        if (setup is not null)
        {
            _known = (setup.Config.Protocol, setup.Hub);
        }
        else if (_known is { Hub: not null } gone)
        {
            // Even if it comes back: what its clients know of their channels went with the Hub.
            Volatile.Write(ref _replacedAt, now);
            _known = gone with { Hub = null };
        }

        Volatile.Write(ref _setup, setup);
    }

    /// <summary>None is left of those from before <paramref name="replacedAt"/>.</summary>
    public void Settle(long replacedAt) => Interlocked.CompareExchange(ref _replacedAt, 0, replacedAt);

    public void CountRefusal(RefusalReason reason) => Interlocked.Increment(ref _refused[(int)reason]);

    public long Refused(RefusalReason reason) => Volatile.Read(ref _refused[(int)reason]);
}

/// <summary>What a listener does at present. Immutable.</summary>
internal sealed record ListenerSetup
{
    public required ListenerSnapshot Config { get; init; }

    /// <summary>The listener's own backend; null only on a WebSocket listener with routes.</summary>
    public required BackendState? Backend { get; init; }

    /// <summary>Of a WebSocket listener.</summary>
    public required IUpgradeHandler? Upgrade { get; init; }

    /// <summary>Of a Tunnel listener where tunnels are opened.</summary>
    public Tunnels.TunnelListener? Tunnel { get; init; }

    /// <summary>Of a WebSocket listener in Hub mode.</summary>
    public HubNode? Hub { get; init; }

    /// <summary>Null: no TLS.</summary>
    public ListenerTls? Tls { get; init; }

    /// <summary>A client is given nothing before it has said something: a request for an upgrade, or a ClientHello.</summary>
    public bool ClientSpeaksFirst => Tls is not null || Config.Protocol == ListenerProtocol.WebSocket;
}
