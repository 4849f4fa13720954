// Hot path: per message. See tests/benchmarks.
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.WebSockets.Messages;

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
internal sealed class HubSession(HubLoop loop, HubCodec codec, int descriptor, long opened)
{
    private HubSubscription[] _subscriptions = [];

    /// <summary>For the transport alone: where the message under way stands.</summary>
    public MessageState Incoming;

    /// <summary>Frames that wait for the client.</summary>
    public OutboundQueue Out;

    public HubLoop Loop { get; } = loop;

    public HubCodec Codec { get; } = codec;

    /// <summary>Names it to the transport.</summary>
    public int Descriptor { get; } = descriptor;

    public SessionState State { get; set; }

    /// <summary>Unique in the fleet, once connected.</summary>
    public string Client { get; set; } = "";

    /// <summary>Empty: anonymous.</summary>
    public string User { get; set; } = "";

    /// <summary>JSON shown to others.</summary>
    public ReadOnlyMemory<byte> ConnInfo { get; set; }

    /// <summary>Unix seconds; 0: never.</summary>
    public long ExpiresAt { get; set; }

    /// <summary>Commands that wait for something outside.</summary>
    public int Pending { get; set; }

    /// <summary>Nothing more is handled until what blocks it is over: authentication, or too much that is pending.</summary>
    public bool IsBlocked { get; set; }

    /// <summary>Messages that came while it was blocked.</summary>
    public Queue<byte[]>? Held { get; set; }

    /// <summary>What is left of the message in whose middle it was blocked; comes before <see cref="Held"/>.</summary>
    public byte[]? HeldRest { get; set; }

    public int HeldBytes { get; set; }

    /// <summary>What is to go on when its turn has come.</summary>
    public Action? Turn { get; set; }

    /// <summary>Is in the loop's list of those to be written to.</summary>
    public bool IsDirty { get; set; }

    /// <summary>It has not taken yet what was sent to it.</summary>
    public bool IsWaiting { get; set; }

    /// <summary>When it was opened, and from connect on when it is pinged next. All times are milliseconds of the transport's clock.</summary>
    public long PingAt { get; set; } = opened + (long)Options.HubOptions.ConnectTimeout.TotalMilliseconds;

    /// <summary>A pong is due by then; 0: none is.</summary>
    public long PongBy { get; set; }

    /// <summary>When its presence is refreshed next; 0: it is in no channel with presence.</summary>
    public long PresenceAt { get; set; }

    /// <summary>When its turn to be answered has come; 0: it is not waiting.</summary>
    public long TurnAt { get; set; }

    /// <summary>What the transport was asked for last.</summary>
    public long WakesAt { get; set; }

    /// <summary>Its place in the loop's list.</summary>
    public int Index { get; set; }

    public int SubscriptionCount { get; private set; }

    public ReadOnlySpan<HubSubscription> Subscriptions => _subscriptions.AsSpan(0, SubscriptionCount);

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

    public void Add(HubSubscription subscription)
    {
        if (SubscriptionCount == _subscriptions.Length)
        {
            Array.Resize(ref _subscriptions, Math.Max(1, SubscriptionCount * 2));
        }

        _subscriptions[SubscriptionCount++] = subscription;
    }

    public void Remove(HubSubscription subscription)
    {
        var at = Array.IndexOf(_subscriptions, subscription, 0, SubscriptionCount);
        if (at >= 0)
        {
            _subscriptions[at] = _subscriptions[--SubscriptionCount];
            _subscriptions[SubscriptionCount] = null!;
        }
    }

    public ClientInfo InfoIn(HubSubscription? subscription) => new(User, Client, ConnInfo, subscription?.ChanInfo ?? default);
}
