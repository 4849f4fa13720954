namespace Mooring.Gateway.Registry.Leases;

/// <summary>A gateway's wish for a share of a limit.</summary>
internal sealed record LeaseRequest
{
    /// <summary>Which of the fleet's limits: <c>connections</c>, or one of a single user or address. 1 to <see cref="RegistryLimits.MaxName"/> characters.</summary>
    public required string Limit { get; init; }

    public required GatewayId Gateway { get; init; }

    /// <summary>
    /// Greater than that of every request of the gateway's before: one that was held up, in a server that hung, and comes after a later one does nothing.
    /// </summary>
    public required long Sequence { get; init; }

    /// <summary>What the whole fleet may have.</summary>
    public required int Total { get; init; }

    /// <summary>What the gateway has of it under a lease that is good by its own clock; 0: none.</summary>
    public int Held { get; init; }

    /// <summary>
    /// What it wants to have from now on. Less than before: the rest is given back, and since the answer may be lost, whoever asks goes by the
    /// lesser of both until there is one.
    /// </summary>
    public required int Want { get; init; }

    /// <summary>What it cannot do without: where it gets less, the others are told that somebody is short. At most <see cref="Want"/>.</summary>
    public int Need { get; init; }

    /// <summary><see cref="Total"/> divided by the gateways of the fleet.</summary>
    public required int Even { get; init; }

    /// <summary>The share ends this long after the last call.</summary>
    public required TimeSpan Ttl { get; init; }

    /// <summary>
    /// For so long after the first call of all, a gateway gets no more than it held or an even share: shares that a registry which has lost
    /// its memory does not know of have ended by then.
    /// </summary>
    public required TimeSpan Settle { get; init; }
}

/// <param name="Granted">The gateway's share from now on.</param>
/// <param name="Others">Sum of the others' shares.</param>
/// <param name="Short">How much others lack of what they need.</param>
/// <param name="Holders">Gateways that have a share, this one among them.</param>
internal readonly record struct LeaseAnswer(int Granted, int Others, int Short, int Holders);
