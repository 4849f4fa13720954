namespace Mooring.Gateway.Transport.ProxyProtocol;

/// <summary>What is kept of a PROXY header for a connection's life, in native memory.</summary>
internal unsafe struct ProxyDetails
{
    /// <summary>Who sent the header: the other end of the socket.</summary>
    public NetworkAddress Sender;
    public ushort SenderPort;

    /// <summary>Where the client came to, in the sender's eyes.</summary>
    public bool HasDestination;
    public ushort DestinationPort;
    public NetworkAddress Destination;

    /// <summary>Ranges of <see cref="Header"/>.</summary>
    public ProxyTlvs Tlvs;

    /// <summary>Copy of the header, where it has TLVs that are kept; else null.</summary>
    public byte* Header;
    public int Length;

    public readonly ReadOnlySpan<byte> Of(ProxyRange range) => range.Of(new ReadOnlySpan<byte>(Header, Length));
}
