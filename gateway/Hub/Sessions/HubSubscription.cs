// Hot path: per publication and subscriber. See tests/benchmarks.
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Options;
using Mooring.Gateway.Hub.Queues;

namespace Mooring.Gateway.Hub.Sessions;

[Flags]
internal enum SubscriptionFlags : byte
{
    None = 0,

    /// <summary>Made by the server: not for the client to end, and a gap ends the connection.</summary>
    ServerSide = 1,

    /// <summary>Its offsets are followed.</summary>
    Positioned = 2,

    /// <summary>Its client has asked for who joins and leaves.</summary>
    JoinLeave = 4,
    Delta = 8,

    /// <summary>The client has the publication before the next one, so that it can have the difference.</summary>
    DeltaReady = 16,

    /// <summary>Its reply has gone: publications may.</summary>
    Live = 32,

    /// <summary>It is no more; what is under way for it comes to nothing.</summary>
    Left = 64,
}

/// <summary>One connection in one channel. Owned by its loop.</summary>
internal sealed class HubSubscription(HubSession session, LoopChannel channel, HubNamespace options, SubscriptionStart start)
{
    // Nothing of how it began is kept once it stands: there are as many of these as clients.
    private static readonly SubscriptionStart Begun = new();
    private SubscriptionStart _start = start;
    private SubscriptionExtras? _extras;

    public HubSession Session { get; } = session;

    public LoopChannel Channel { get; } = channel;

    /// <summary>Of its namespace when it began.</summary>
    public HubNamespace Options { get; } = options;

    /// <summary>Its place in the channel's list.</summary>
    public int Index { get; set; }

    public SubscriptionFlags Flags { get; set; }

    /// <summary>Of the last publication that the client has, or is about to.</summary>
    public StreamPosition Position { get; set; }

    /// <summary>Unix seconds; 0: never.</summary>
    public long ExpiresAt { get; set; }

    /// <summary>How it is to begin; empty once it stands.</summary>
    public SubscriptionStart Start => _start;

    /// <summary>JSON shown to others in this channel.</summary>
    public ReadOnlyMemory<byte> ChanInfo
    {
        get => _extras?.ChanInfo ?? default;
        init
        {
            if (!value.IsEmpty)
            {
                (_extras ??= new SubscriptionExtras()).ChanInfo = value;
            }
        }
    }

    /// <summary>To a queue: as whose worker. Null: as it comes.</summary>
    public QueueMembership? Membership
    {
        get => _extras?.Membership;
        set
        {
            if (value is not null || _extras is not null)
            {
                (_extras ??= new SubscriptionExtras()).Membership = value;
            }
        }
    }

    /// <summary>Null: it gets no jobs.</summary>
    public SubscribedWorker? Worker
    {
        get => _extras?.Worker;
        set
        {
            if (value is not null || _extras is not null)
            {
                (_extras ??= new SubscriptionExtras()).Worker = value;
            }
        }
    }

    public bool Is(SubscriptionFlags flag) => (Flags & flag) != SubscriptionFlags.None;

    /// <summary>A publication that came before the reply has gone. False: there are too many.</summary>
    public bool KeepEarly(HubPublication publication, int limit, long limitBytes)
    {
        var early = _start.Early ??= [];
        if (early.Count >= limit || _start.EarlyBytes + publication.Payload.Length > limitBytes)
        {
            return false;
        }

        early.Add(publication);
        _start.EarlyBytes += publication.Payload.Length;
        return true;
    }

    /// <summary>It stands. Returns what came before.</summary>
    public IReadOnlyList<HubPublication> EndStart()
    {
        var early = _start.Early;
        _start = Begun;
        return early ?? (IReadOnlyList<HubPublication>)[];
    }
}
