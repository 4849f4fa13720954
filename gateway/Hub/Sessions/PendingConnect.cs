using Mooring.Gateway.Hub.Protocol;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>A connect whose server-side subscriptions are not all made yet.</summary>
internal sealed class PendingConnect(uint id)
{
    public uint Id { get; } = id;

    /// <summary>Subscriptions that are under way.</summary>
    public int Waiting { get; set; }

    /// <summary>The first thing that went wrong.</summary>
    public HubError? Error { get; set; }

    /// <summary>Bytes of what was missed in them, all of which is in the one reply.</summary>
    public long MissedBytes { get; set; }

    public List<KeyValuePair<string, SubscribeReply>> Replies { get; } = [];

    /// <summary>Those that stand. Publications for them are kept until the connect is answered.</summary>
    public List<HubSubscription> Begun { get; } = [];
}
