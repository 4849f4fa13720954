namespace Mooring.Gateway.Hub.Delivery;

/// <param name="Client">The connection's id; at most 64 bytes.</param>
/// <param name="User">Its user; empty for anonymous ones. At most 255 bytes of UTF-8.</param>
/// <param name="Info">The Hub's encoding of what is shown of it.</param>
internal readonly record struct PresenceEntry(string Client, string User, ReadOnlyMemory<byte> Info);

/// <param name="Status">Whether the rest holds; <see cref="BrokerStatus.TooMany"/>: there are more, or they are longer, than one answer has.</param>
/// <param name="Entries">In no particular order.</param>
internal readonly record struct PresenceResult(BrokerStatus Status, IReadOnlyList<PresenceEntry> Entries)
{
    /// <summary>Connections of one answer.</summary>
    public const int MaxEntries = 10_000;

    /// <summary>Bytes of what is shown of them.</summary>
    public const int MaxBytes = 8 << 20;
}

/// <param name="Status">Whether the rest holds.</param>
/// <param name="Clients">Connections present.</param>
/// <param name="Users">Different users among them.</param>
internal readonly record struct PresenceStats(BrokerStatus Status, int Clients, int Users);
