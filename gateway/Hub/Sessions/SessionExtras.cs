namespace Mooring.Gateway.Hub.Sessions;

/// <summary>What a session has for a while, or few sessions have.</summary>
internal sealed class SessionExtras
{
    public ReadOnlyMemory<byte> ConnInfo { get; set; }

    public Queue<HeldMessage>? Held { get; set; }

    public HeldMessage? HeldRest { get; set; }

    public int HeldBytes { get; set; }

    public Action? Turn { get; set; }

    public long TurnAt { get; set; }

    public long PresenceAt { get; set; }

    public Queue<HubSubscription>? Parked { get; set; }

    public int Unparking { get; set; }

    public int UnparkMore { get; set; }

    /// <summary>Nothing is in it.</summary>
    public bool IsEmpty =>
        ConnInfo.IsEmpty
        && Held is null
        && HeldRest is null
        && Turn is null
        && TurnAt == 0
        && PresenceAt == 0
        && Parked is null
        && Unparking == 0;
}

/// <summary>A client's message, or what is left of it, that waits to be handled.</summary>
/// <param name="Bytes">It.</param>
/// <param name="Came">When, in ticks of the node's clock.</param>
internal sealed record HeldMessage(byte[] Bytes, long Came);
