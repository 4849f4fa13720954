namespace Mooring.Gateway.Hub.Authentication;

/// <summary>What a good token says.</summary>
internal sealed record JwtClaims
{
    /// <summary>Empty: anonymous.</summary>
    public string User { get; init; } = "";

    /// <summary>Unix seconds after which the connection or subscription is to be renewed; null: never. From <c>expire_at</c> or else <c>exp</c>.</summary>
    public long? ExpiresAt { get; init; }

    /// <summary>JSON shown to others; empty: none.</summary>
    public ReadOnlyMemory<byte> Info { get; init; }

    /// <summary>Of a subscription's token: the channel it is for. Null: it is none.</summary>
    public string? Channel { get; init; }

    /// <summary>Channels that the connection is subscribed to by the server.</summary>
    public IReadOnlyList<ServerSubscription> Subscriptions { get; init; } = [];
}

/// <param name="Channel">Which.</param>
/// <param name="Info">JSON shown to others in this channel; empty: none.</param>
/// <param name="Data">JSON for the client; empty: none.</param>
/// <param name="ExpiresAt">Unix seconds; 0: never.</param>
internal sealed record ServerSubscription(string Channel, ReadOnlyMemory<byte> Info, ReadOnlyMemory<byte> Data, long ExpiresAt = 0);

internal enum JwtOutcome
{
    Valid,

    /// <summary>Signed by us, but its <c>exp</c> has passed.</summary>
    Expired,

    /// <summary>Anything else is wrong with it.</summary>
    Invalid,

    /// <summary>None of the keys is known to be its: it names none of them, or no key and is signed by none. A set of keys that changes may have it by now.</summary>
    UnknownKey,

    /// <summary>The same, and whether the set has it now could not be learnt: it may be good, and is to be asked for again.</summary>
    Undecided,
}

/// <param name="Outcome">What to think of it.</param>
/// <param name="Claims">Of a valid one.</param>
/// <param name="Why">What is wrong, for the log; never shown to the client.</param>
internal readonly record struct JwtResult(JwtOutcome Outcome, JwtClaims? Claims, string Why = "");
