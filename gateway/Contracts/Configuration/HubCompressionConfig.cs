namespace Mooring.Contracts.Configuration;

/// <summary>permessage-deflate (RFC 7692) on a Hub listener, for the clients that offer it. Neither end keeps what it has sent before.</summary>
public sealed record HubCompressionConfig
{
    /// <summary>zlib's level: 1, the fastest, to 9; default 1.</summary>
    public int Level { get; set; } = 1;

    /// <summary>Messages with fewer bytes are sent as they are. 0 to 16 MiB; default 256.</summary>
    public int MinBytes { get; set; } = 256;

    /// <summary>How far back compressed data refers, at both ends, as a power of two; a client may ask for less. 9 to 15; default 15.</summary>
    public int WindowBits { get; set; } = 15;
}
