using Mooring.Contracts.Stream;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels;

/// <summary>A moment in a tunnel's life.</summary>
internal readonly record struct TunnelEvent(DateTimeOffset At, TunnelState State, string Reason);

/// <summary>One tunnel: what one client has open. All but its figures is for the thread of its <see cref="Loop"/>.</summary>
internal sealed class TunnelSession
{
    /// <summary>Moments that are kept of each.</summary>
    public const int MaxHistory = 16;

    private readonly Lock _gate = new();
    private readonly Queue<TunnelEvent> _history = new();
    private int _visitors;
    private long _visitorsTotal;
    private long _received;
    private long _sent;

    /// <summary>What people call it; no secret.</summary>
    public required string Name { get; init; }

    public required string Key { get; init; }

    public required bool IsBore { get; init; }

    public required TunnelListener Listener { get; init; }

    /// <summary>Index of the listener.</summary>
    public required ushort ListenerIndex { get; init; }

    public required TunnelTenant Tenant { get; init; }

    public required RelayLoop Loop { get; init; }

    public required NetworkAddress Client { get; init; }

    public required DateTimeOffset Opened { get; init; }

    /// <summary>Set once, before the loop has it.</summary>
    public IReadOnlyList<TunnelPort> Ports { get; set; } = [];

    /// <summary>The control connection; -1: none.</summary>
    public int Control { get; set; } = -1;

    /// <summary>Tick at which the client was last heard, where it says that it lives.</summary>
    public uint LastHeard { get; set; }

    /// <summary>What makes a data connection one of this tunnel's.</summary>
    public ulong ReadySecret { get; } = TunnelId.NewSecret();

    /// <summary>Part of a message of the client.</summary>
    public List<byte> Input { get; } = [];

    /// <summary>The client has said that it does not come back.</summary>
    public bool SaidBye { get; set; }

    /// <summary>The client answers on data connections that are kept ready: see <see cref="Protocol.OpenRequest.Echoes"/>.</summary>
    public required bool Echoes { get; init; }

    /// <summary>Data connections that are kept ready, the oldest first.</summary>
    public List<ReadyLine> Lines { get; } = [];

    /// <summary>Handle of its limit of bandwidth; 0: none.</summary>
    public int Rate { get; set; }

    /// <summary>The loop has it: its ports are watched.</summary>
    public bool IsServed { get; set; }

    public bool IsEnded => State is TunnelState.TimedOut or TunnelState.Closed or TunnelState.Moved;

    /// <summary>Visitors now. Thread-safe.</summary>
    public int Visitors => Volatile.Read(ref _visitors);

    /// <summary>Visitors ever. Thread-safe.</summary>
    public long VisitorsTotal => Volatile.Read(ref _visitorsTotal);

    /// <summary>Bytes from visitors. Thread-safe.</summary>
    public long Received => Volatile.Read(ref _received);

    /// <summary>Bytes to visitors. Thread-safe.</summary>
    public long Sent => Volatile.Read(ref _sent);

    /// <summary>Thread-safe.</summary>
    public TunnelState State { get; private set; }

    /// <summary>Since when. Thread-safe.</summary>
    public DateTimeOffset Since { get; private set; }

    /// <summary>The last moments, oldest first. Thread-safe.</summary>
    public IReadOnlyList<TunnelEvent> History
    {
        get
        {
            lock (_gate)
            {
                return [.. _history];
            }
        }
    }

    public void VisitorCame()
    {
        Interlocked.Increment(ref _visitors);
        Interlocked.Increment(ref _visitorsTotal);
    }

    /// <summary>Bytes were carried. For its loop alone.</summary>
    public void Carried(int count, bool fromVisitor)
    {
        if (fromVisitor)
        {
            Volatile.Write(ref _received, _received + count);
        }
        else
        {
            Volatile.Write(ref _sent, _sent + count);
        }
    }

    public void VisitorLeft() => Interlocked.Decrement(ref _visitors);

    /// <summary>Notes a state; one that it has already, or any after its end, changes nothing. Thread-safe.</summary>
    public bool Turn(TunnelState state, string reason, DateTimeOffset now)
    {
        lock (_gate)
        {
            if (_history.Count > 0 && (State == state || IsEnded))
            {
                return false;
            }

            (State, Since) = (state, now);
            if (_history.Count == MaxHistory)
            {
                _history.Dequeue();
            }

            _history.Enqueue(new TunnelEvent(now, state, reason));
            return true;
        }
    }
}

/// <summary>One public port, or name, of a tunnel.</summary>
internal sealed class TunnelPort
{
    private int _settled;

    public required TunnelProtocol Protocol { get; init; }

    /// <summary>0 of a name.</summary>
    public required int Number { get; init; }

    /// <summary>The host name, in lower case; null of a port.</summary>
    public string? Host { get; init; }

    /// <summary>What it is in the registry.</summary>
    public required OwnedThing Thing { get; init; }

    /// <summary>Of a TCP port: its listening socket, until the port is given back. -1: none.</summary>
    public int Socket { get; set; } = -1;

    /// <summary>Of a UDP port.</summary>
    public DatagramPort? Datagrams { get; set; }

    /// <summary>That this gateway owns it; null: nobody knows at present. For the service alone.</summary>
    public Ownership? Ownership { get; set; }

    /// <summary>When the ownership was last confirmed: a timestamp. For the service alone.</summary>
    public long Confirmed { get; set; }

    /// <summary>Its place in its loop's table.</summary>
    public int Slot { get; set; } = -1;

    /// <summary>Its place in the tunnel, from 0 on.</summary>
    public int Index { get; set; }

    /// <summary>Visitors that its loop has of it, waiting ones among them. For the loop alone.</summary>
    public int Held { get; set; }

    public TunnelSession Session { get; set; } = null!;

    /// <summary>It was given back. Thread-safe.</summary>
    public bool IsSettled => Volatile.Read(ref _settled) != 0;

    /// <summary>True once: for whoever gives the port back.</summary>
    public bool TrySettle() => Interlocked.Exchange(ref _settled, 1) == 0;
}
