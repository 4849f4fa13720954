using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Limits.Overload;

/// <summary>TLS handshakes that one loop may have under way at a time: each holds much, and is a stranger's until it is over. Pure.</summary>
internal static class HandshakeBudget
{
    /// <summary>What one holds: OpenSSL's objects, its read buffer, and what it made of the ClientHello: some 45 KiB were measured.</summary>
    public const long HandshakeBytes = 48 << 10;

    /// <summary>Where nothing is known of the memory, or there is plenty: 256 MiB of them. At 3,000 a second that is all that begin within 1.8 s.</summary>
    public const int Most = (int)((256L << 20) / HandshakeBytes);

    /// <summary>However little memory there is: with none at all nobody would get through.</summary>
    public const int Least = 16;

    /// <summary>A loop's part of a quarter of what would be left below the mark at which shedding begins if there were none.</summary>
    /// <param name="memory">As it is now.</param>
    /// <param name="config">The marks.</param>
    /// <param name="open">Handshakes of all loops that are under way.</param>
    /// <param name="loops">Loops that there are.</param>
    public static int Of(MemoryReading memory, OverloadConfig config, int open, int loops)
    {
        var room = (long)(memory.LimitBytes * (config.ShedAtPercent / 100.0)) - memory.UsedBytes + (open * HandshakeBytes);
        return memory.LimitBytes <= 0 ? Most : (int)Math.Clamp(room / 4 / HandshakeBytes / loops, Least, Most);
    }
}
