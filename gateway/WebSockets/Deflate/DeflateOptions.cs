namespace Mooring.Gateway.WebSockets.Deflate;

/// <summary>What an endpoint offers of permessage-deflate. Immutable and thread-safe.</summary>
internal sealed record DeflateOptions
{
    /// <summary>zlib makes no raw stream with a window of 8 bits: an offer that asks for it is declined.</summary>
    public const int MinWindowBits = 9;

    public const int MaxWindowBits = 15;

    public const int MaxLevel = 9;

    /// <summary>zlib's, 1 to 9; 1 by default: small messages gain little from more, and each costs the loop's time.</summary>
    public int Level { get; init; } = 1;

    /// <summary>Messages below so many bytes are sent as they are: 256 by default.</summary>
    public int MinBytes { get; init; } = 256;

    /// <summary>Own windows at most, as a power of two: 9 to 15; 15 by default. A client may ask for less.</summary>
    public int ServerWindowBits { get; init; } = MaxWindowBits;

    /// <summary>Clients' windows at most, where they let the server say: 9 to 15; 15 by default.</summary>
    public int ClientWindowBits { get; init; } = MaxWindowBits;

    /// <summary>
    /// Each connection gets a compressor of its own that remembers what it has sent: about 300 KB, and no message can be compressed once for
    /// many. False by default: all connections of a loop share one.
    /// </summary>
    public bool ServerTakesOver { get; init; }

    /// <summary>Clients may refer to what they have sent before, for which a window of about 40 KB is kept. False by default.</summary>
    public bool ClientTakesOver { get; init; }
}

/// <summary>What an endpoint and a client agreed on: 3 bytes.</summary>
/// <param name="ServerWindowBits">9 to 15.</param>
/// <param name="ServerTakesOver">What is sent may refer to earlier messages.</param>
/// <param name="ClientTakesOver">What comes may.</param>
internal readonly record struct DeflateAgreement(byte ServerWindowBits, bool ServerTakesOver, bool ClientTakesOver);
