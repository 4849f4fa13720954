namespace Mooring.Gateway.Registry;

/// <summary>What at most one gateway owns at a time: a reverse tunnel, by its public port or name.</summary>
/// <param name="Id">1 to <see cref="RegistryLimits.MaxName"/> characters.</param>
internal readonly record struct OwnedThing(string Id);

/// <summary>One life of a gateway in the registry.</summary>
internal readonly record struct GatewayId(string Name, long Generation);

/// <summary>That a gateway owns something.</summary>
/// <param name="Gateway">The owner.</param>
/// <param name="Fence">Greater than that of every owner of the thing before: whoever sees a greater one knows that this one is over.</param>
/// <param name="Detail">What the owner noted.</param>
internal sealed record Ownership(GatewayId Gateway, long Fence, string Detail);

/// <summary>How a claim ended.</summary>
internal enum ClaimResult
{
    /// <summary>The gateway owns it now.</summary>
    Owned,

    /// <summary>Another gateway that is alive owns it.</summary>
    Taken,

    /// <summary>The gateway is not registered with this generation (any more): it was away too long. It owns nothing, and registers anew first.</summary>
    Fenced,

    /// <summary>The registry remembers nothing yet: too early to say that it is nobody's. To be asked again in a moment.</summary>
    Settling,
}

/// <param name="Result">How it ended.</param>
/// <param name="Ownership">The owner's, whoever it is; null where fenced or settling.</param>
internal sealed record ClaimAnswer(ClaimResult Result, Ownership? Ownership);
