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
internal sealed class HubSubscription(HubSession session, LoopChannel channel, HubNamespace options)
{
    private List<HubPublication>? _early;

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

    /// <summary>JSON shown to others in this channel.</summary>
    public ReadOnlyMemory<byte> ChanInfo { get; set; }

    /// <summary>JSON for the client, in its reply.</summary>
    public ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>What it waits to be answered by.</summary>
    public SubscribeAnswer Answer { get; set; }

    /// <summary>Where the client was; null: it does not want what it has missed.</summary>
    public StreamPosition? Recover { get; init; }

    /// <summary>Who cannot be recovered gets an error rather than a fresh start.</summary>
    public bool RejectUnrecovered { get; init; }

    /// <summary>To a queue: as whose worker. Null: as it comes.</summary>
    public QueueMembership? Membership { get; set; }

    /// <summary>Null: it gets no jobs.</summary>
    public SubscribedWorker? Worker { get; set; }

    public bool Is(SubscriptionFlags flag) => (Flags & flag) != SubscriptionFlags.None;

    /// <summary>A publication that came before the reply has gone. False: there are too many.</summary>
    public bool KeepEarly(HubPublication publication, int limit)
    {
        _early ??= [];
        if (_early.Count >= limit)
        {
            return false;
        }

        _early.Add(publication);
        return true;
    }

    public IReadOnlyList<HubPublication> TakeEarly()
    {
        IReadOnlyList<HubPublication> early = _early ?? (IReadOnlyList<HubPublication>)[];
        _early = null;
        return early;
    }
}

/// <summary>How a subscription is answered.</summary>
/// <param name="Id">The subscribe command's; 0: it was not by a command.</param>
/// <param name="Connect">The connect that waits for it; null: none does, and where there is no command either it is told by a push.</param>
internal readonly record struct SubscribeAnswer(uint Id, PendingConnect? Connect);
