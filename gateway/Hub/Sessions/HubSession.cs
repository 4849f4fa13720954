// Hot path: per message. See tests/benchmarks.
using Mooring.Gateway.Hub.Protocol;

namespace Mooring.Gateway.Hub.Sessions;

internal enum SessionState : byte
{
    /// <summary>Nothing was said yet.</summary>
    Opened,

    /// <summary>The connect command is under way: its token, its turn, its subscriptions.</summary>
    Connecting,
    Connected,

    /// <summary>The connect was answered with an error: nothing more is listened to.</summary>
    Refused,

    /// <summary>It ends.</summary>
    Closed,
}

/// <summary>One client of the Hub: what is kept of it between two messages. Owned by its loop.</summary>
/// <param name="loop">That it is on.</param>
/// <param name="codec">Its encoding.</param>
/// <param name="descriptor">Names it to the transport.</param>
/// <param name="opened">When: milliseconds of the transport's clock.</param>
/// <param name="windowBits">See <see cref="WindowBits"/>.</param>
internal sealed class HubSession(HubLoop loop, HubCodec codec, int descriptor, long opened, byte windowBits = 0)
{
    private SubscriptionList _subscriptions;
    private SessionExtras? _extras;
    private ushort _pending;

    /// <summary>For the transport alone: where the message under way stands; null: none is.</summary>
    public MessageUnderWay? Incoming;

    /// <summary>Frames that wait for the client.</summary>
    public OutboundQueue Out;

    /// <summary>For the transport alone: bytes that the client was sent.</summary>
    public long Sent;

    public HubLoop Loop { get; } = loop;

    public HubCodec Codec { get; } = codec;

    /// <summary>Names it to the transport.</summary>
    public int Descriptor { get; } = descriptor;

    public SessionState State { get; set; }

    /// <summary>What it agreed on of permessage-deflate, which is all that is kept of it: the window, 9 to 15; nobody takes over anything. 0: no compression.</summary>
    public byte WindowBits { get; } = windowBits;

    /// <summary>Unique in the fleet, once connected.</summary>
    public Guid ClientId { get; set; }

    /// <summary>The same as others see it; empty before it is connected. Made anew each time: it would be longer than all the rest.</summary>
    public string Client => ClientId == Guid.Empty ? "" : ClientId.ToString();

    /// <summary>Empty: anonymous.</summary>
    public string User { get; set; } = "";

    /// <summary>JSON shown to others.</summary>
    public ReadOnlyMemory<byte> ConnInfo
    {
        get => _extras?.ConnInfo ?? default;
        set
        {
            if (!value.IsEmpty || _extras is not null)
            {
                Extras.ConnInfo = value;
            }
        }
    }

    /// <summary>Unix seconds; 0: never.</summary>
    public long ExpiresAt { get; set; }

    /// <summary>Commands that wait for something outside.</summary>
    public int Pending
    {
        get => _pending;
        set => _pending = checked((ushort)value);
    }

    /// <summary>Nothing more is handled until what blocks it is over: authentication, or too much that is pending.</summary>
    public bool IsBlocked { get; set; }

    /// <summary>Messages that came while it was blocked.</summary>
    public Queue<HeldMessage>? Held
    {
        get => _extras?.Held;
        set
        {
            if (value is not null || _extras is not null)
            {
                Extras.Held = value;
            }
        }
    }

    /// <summary>What is left of the message in whose middle it was blocked; comes before <see cref="Held"/>.</summary>
    public HeldMessage? HeldRest
    {
        get => _extras?.HeldRest;
        set
        {
            if (value is not null || _extras is not null)
            {
                Extras.HeldRest = value;
            }
        }
    }

    public int HeldBytes
    {
        get => _extras?.HeldBytes ?? 0;
        set
        {
            if (value != 0 || _extras is not null)
            {
                Extras.HeldBytes = value;
            }
        }
    }

    /// <summary>What is to go on when its turn has come.</summary>
    public Action? Turn
    {
        get => _extras?.Turn;
        set
        {
            if (value is not null || _extras is not null)
            {
                Extras.Turn = value;
            }
        }
    }

    /// <summary>Subscriptions whose replies or jobs do not fit behind what waits: they go on once that has gone.</summary>
    public Queue<HubSubscription>? Parked
    {
        get => _extras?.Parked;
        set
        {
            if (value is not null || _extras is not null)
            {
                Extras.Parked = value;
            }
        }
    }

    /// <summary>So many of those go on now.</summary>
    public int Unparking
    {
        get => _extras?.Unparking ?? 0;
        set
        {
            if (value != 0 || _extras is not null)
            {
                Extras.Unparking = value;
            }
        }
    }

    /// <summary>How many of those may go on at once beside the first: one more for each that the client has taken since it last waited.</summary>
    public int UnparkMore
    {
        get => _extras?.UnparkMore ?? 0;
        set
        {
            if (value != 0 || _extras is not null)
            {
                Extras.UnparkMore = value;
            }
        }
    }

    /// <summary>Is in the loop's list of those to be written to.</summary>
    public bool IsDirty { get; set; }

    /// <summary>It has not taken yet what was sent to it.</summary>
    public bool IsWaiting { get; set; }

    /// <summary>When it was opened, and from connect on when it is pinged next. All times are milliseconds of the transport's clock.</summary>
    public long PingAt { get; set; } = opened + (long)Options.HubOptions.ConnectTimeout.TotalMilliseconds;

    /// <summary>A pong is due by then; 0: none is.</summary>
    public long PongBy { get; set; }

    /// <summary>Pings that were not answered: so many pongs may still come.</summary>
    public byte Pings { get; set; }

    /// <summary>When its presence is refreshed next; 0: it is in no channel with presence.</summary>
    public long PresenceAt
    {
        get => _extras?.PresenceAt ?? 0;
        set
        {
            if (value != 0 || _extras is not null)
            {
                Extras.PresenceAt = value;
            }
        }
    }

    /// <summary>When its turn to be answered has come; 0: it is not waiting.</summary>
    public long TurnAt
    {
        get => _extras?.TurnAt ?? 0;
        set
        {
            if (value != 0 || _extras is not null)
            {
                Extras.TurnAt = value;
            }
        }
    }

    /// <summary>Its first channel with positions is known: whether it was here before is counted.</summary>
    public bool IsPlaced { get; set; }

    /// <summary>What the transport was asked for last.</summary>
    public long WakesAt { get; set; }

    /// <summary>Its place in the loop's list.</summary>
    public int Index { get; set; }

    public int SubscriptionCount => _subscriptions.Count;

    public ReadOnlySpan<HubSubscription> Subscriptions => _subscriptions.Items;

    public bool IsClosed => State == SessionState.Closed;

    public HubSubscription? Find(string channel)
    {
        foreach (var subscription in Subscriptions)
        {
            if (subscription.Channel.Name == channel)
            {
                return subscription;
            }
        }

        return null;
    }

    public void Add(HubSubscription subscription) => _subscriptions.Add(subscription);

    public void Remove(HubSubscription subscription)
    {
        var at = Subscriptions.IndexOf(subscription);
        if (at >= 0)
        {
            _subscriptions.RemoveAt(at);
        }
    }

    /// <summary>Lets go of what it had for a while.</summary>
    public void Trim()
    {
        if (_extras is { IsEmpty: true })
        {
            _extras = null;
        }
    }

    public ClientInfo InfoIn(HubSubscription? subscription) => new(User, Client, ConnInfo, subscription?.ChanInfo ?? default);

    private SessionExtras Extras => _extras ??= new SessionExtras();
}
