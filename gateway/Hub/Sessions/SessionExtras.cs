namespace Mooring.Gateway.Hub.Sessions;

/// <summary>What a session has for a while, or few sessions have.</summary>
internal sealed class SessionExtras
{
    public ReadOnlyMemory<byte> ConnInfo { get; set; }

    public Queue<byte[]>? Held { get; set; }

    public byte[]? HeldRest { get; set; }

    public int HeldBytes { get; set; }

    public Action? Turn { get; set; }

    public long TurnAt { get; set; }

    public long PresenceAt { get; set; }

    public List<HubSubscription>? Parked { get; set; }

    public long HeldSince { get; set; }

    /// <summary>Nothing is in it.</summary>
    public bool IsEmpty =>
        ConnInfo.IsEmpty
        && Held is null
        && HeldRest is null
        && Turn is null
        && TurnAt == 0
        && PresenceAt == 0
        && Parked is null
        && HeldSince == 0;
}
