namespace Mooring.Gateway.Registry.Leases;

/// <summary>How much of a fleet's limit a gateway asks for. Pure and thread-safe.</summary>
internal static class LeasePolicy
{
    /// <summary>How long a share lives in the registry without being renewed.</summary>
    public static readonly TimeSpan Ttl = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a gateway itself relies on it, from before it asked. The third that is left is for clocks that don't agree on how long a
    /// second is, or that are set: Redis keeps time by its host's wall clock.
    /// </summary>
    public static readonly TimeSpan Usable = TimeSpan.FromSeconds(20);

    /// <summary>As long as a share may live that a registry with no memory of it does not know.</summary>
    public static readonly TimeSpan Settle = Ttl;

    /// <summary>Time between two renewals while nothing presses.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Least time between two renewals when something does: connections come, or were refused.</summary>
    public static readonly TimeSpan PressedInterval = TimeSpan.FromMilliseconds(50);

    private const int MaxBlock = 4096;

    /// <summary>What a gateway takes at a time: a sixteenth of its even share, 1 to 4096.</summary>
    public static int Block(int total, int gateways) => Math.Clamp(total / Math.Max(1, gateways) / 16, 1, MaxBlock);

    /// <summary>What a gateway may have with nobody to ask: an even share of the limit, rounded down.</summary>
    public static int Even(int total, int gateways) => total / Math.Max(1, gateways);

    /// <summary>What to ask for.</summary>
    public static LeaseWish Wish(LeaseSituation now)
    {
        var block = Block(now.Total, now.Gateways);
        var even = Even(now.Total, now.Gateways);
        var need = Math.Min((long)now.Total, now.InUse + (now.IsEmptying ? 0L : block));
        if (now.IsEmptying)
        {
            return new LeaseWish((int)need, (int)need);
        }

        if (now.Short > 0)
        {
            // Somebody is refused connections. Above the even share nothing is kept in hand, so what ends here goes to those below it.
            return now.InUse >= even
                ? new LeaseWish(Math.Min(now.Total, now.InUse), Math.Min(now.Total, now.InUse))
                : new LeaseWish((int)need, (int)need);
        }

        // In hand: what two intervals bring at the present pace, and more where connections were refused meanwhile.
        var pace = Math.Max(now.Arrived * 2L, now.Refused * 2L);
        var hand = Math.Clamp(pace, block, Math.Max(block, Math.Max(even / 2, now.Refused * 2L)));
        var want = Math.Min(now.Total, Math.Max(now.InUse + hand, even / 2));
        // Not given back and taken again for a few connections more or less.
        var keep = now.Held >= now.InUse + (hand + 1) / 2 && now.Held <= want + 2L * block;
        return new LeaseWish((int)(keep ? Math.Min(now.Held, now.Total) : want), (int)need);
    }
}

/// <summary>What a wish follows from.</summary>
internal readonly record struct LeaseSituation
{
    /// <summary>The fleet's limit.</summary>
    public required int Total { get; init; }

    /// <summary>Gateways of the fleet; at least 1.</summary>
    public required int Gateways { get; init; }

    /// <summary>Connections open here.</summary>
    public required int InUse { get; init; }

    /// <summary>The share at present.</summary>
    public int Held { get; init; }

    /// <summary>Connections that came since the last renewal.</summary>
    public int Arrived { get; init; }

    /// <summary>Connections refused since then for want of a share.</summary>
    public int Refused { get; init; }

    /// <summary>What others lack, by the last answer.</summary>
    public int Short { get; init; }

    /// <summary>The gateway takes no new connections.</summary>
    public bool IsEmptying { get; init; }
}

/// <param name="Want">To ask for.</param>
/// <param name="Need">With less, others are to give back what they don't use.</param>
internal readonly record struct LeaseWish(int Want, int Need);
