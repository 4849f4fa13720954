namespace Mooring.Testing.Faults;

/// <summary>What a <see cref="FaultProxy"/> does to one direction of one connection. Immutable; the same plan does the same each time.</summary>
public sealed record FaultPlan
{
    /// <summary>Carries everything on as it comes.</summary>
    public static readonly FaultPlan None = new();

    /// <summary>Bytes carried at once at most, drawn anew for each piece from 1 to this. 1: one byte at a time.</summary>
    public int MaxPiece { get; init; } = 64 * 1024;

    /// <summary>One piece in so many waits for <see cref="Delay"/> before it is carried on; 0: none does.</summary>
    public int DelayOneIn { get; init; }

    public TimeSpan Delay { get; init; }

    /// <summary>Pieces that wait at most, so that a long stream does not take for ever.</summary>
    public int MaxDelays { get; init; } = 60;

    /// <summary>After this many bytes nothing is read for <see cref="StallTime"/>, so that the sender's buffers fill up.</summary>
    public long? StallAt { get; init; }

    public TimeSpan StallTime { get; init; }

    /// <summary>After this many bytes both ends are reset.</summary>
    public long? ResetAt { get; init; }

    /// <summary>After this many bytes the rest is swallowed and the stream ended, as if all had been said.</summary>
    public long? TruncateAt { get; init; }

    /// <summary>Bytes that the sockets of the proxy hold, so that back pressure is felt early; 0: the kernel's default.</summary>
    public int BufferBytes { get; init; }

    /// <summary>Everything sent must arrive.</summary>
    public bool IsLossless => ResetAt is null && TruncateAt is null;

    /// <summary>Pieces of any size, delays and a stall, but nothing lost.</summary>
    /// <param name="random">Where the plan is drawn from.</param>
    /// <param name="bytes">About what will be sent, so that the stall falls into it.</param>
    public static FaultPlan Lossless(Random random, int bytes) =>
        new()
        {
            // One byte at a time is slow: only for what is small.
            MaxPiece =
                bytes <= 4096 && random.Next(3) == 0 ? 1
                : random.Next(2) == 0 ? random.Next(Math.Max(2, bytes / 500), 9_000 + (bytes / 100))
                : 64 * 1024,
            DelayOneIn = random.Next(3) == 0 ? random.Next(8, 40) : 0,
            Delay = TimeSpan.FromMilliseconds(random.Next(1, 4)),
            StallAt = random.Next(2) == 0 ? random.Next(bytes + 1) : null,
            StallTime = TimeSpan.FromMilliseconds(random.Next(5, 60)),
            // Not below loopback's segments of 64 KiB: the kernel would send on by its probe timer only, five times a second.
            BufferBytes = random.Next(2) == 0 ? random.Next(128 * 1024, 256 * 1024) : 0,
        };

    /// <summary>As <see cref="Lossless"/>, and somewhere a reset or an early end.</summary>
    public static FaultPlan Lossy(Random random, int bytes)
    {
        var at = random.Next(bytes + 1);
        var plan = Lossless(random, bytes);
        return random.Next(2) == 0 ? plan with { ResetAt = at } : plan with { TruncateAt = at };
    }
}
