using Mooring.Gateway.Limits.Identities;
using Mooring.Gateway.Registry.Leases;

namespace Mooring.Gateway.Registry;

/// <summary>The state that makes a fleet's gateways one fleet: who is there, who owns what, and who may take how much of a shared limit.</summary>
/// <remarks>
/// Thread-safe. Every entry has an owner, a heartbeat and an end. Each operation is one step: it happens as a whole or not at all. Where the
/// state cannot be reached, each throws <see cref="RegistryUnavailableException"/> within a bounded time, and may have happened all the same:
/// all are safe to repeat.
/// </remarks>
internal interface IFleetRegistry : IAsyncDisposable
{
    /// <summary>Registers a gateway, or says that it is still there and how it fares.</summary>
    /// <param name="record">Its <see cref="GatewayRecord.Generation"/> is that of the last answer; 0 before the first.</param>
    /// <param name="ttl">The entry ends this long after the last call.</param>
    /// <param name="replace">
    /// True: takes the place of whoever has the name, as a process that starts does. False: an entry with another generation stands, so that a
    /// gateway that was paused does not push out its successor.
    /// </param>
    Task<RegisterAnswer> RegisterAsync(GatewayRecord record, TimeSpan ttl, bool replace);

    /// <summary>Takes a gateway out at once. Does nothing where another generation has the name.</summary>
    Task UnregisterAsync(string name, long generation);

    /// <summary>Every gateway that is there, by name.</summary>
    Task<IReadOnlyList<GatewayRecord>> ListAsync();

    /// <summary>Makes a registered gateway the owner of something, or refreshes what it owns.</summary>
    /// <param name="thing">What.</param>
    /// <param name="gateway">Who: a gateway that is registered with just this generation.</param>
    /// <param name="detail">What others need to know; replaces what was there. At most <see cref="RegistryLimits.MaxDetail"/> characters.</param>
    /// <param name="ttl">The ownership ends this long after the last claim or renewal.</param>
    /// <param name="force">Takes it from an owner that is alive: the one it is owned for has asked for it here.</param>
    /// <param name="settle">
    /// For so long after the registry's memory began, what nobody owns is not given away: its owner may not have said so again. Zero for who owned
    /// it before.
    /// </param>
    Task<ClaimAnswer> ClaimAsync(OwnedThing thing, GatewayId gateway, string detail, TimeSpan ttl, bool force, TimeSpan settle = default);

    /// <summary>Prolongs an ownership. False: it is another's by now, has ended, or its owner's registration has; let go of the thing.</summary>
    Task<bool> RenewAsync(OwnedThing thing, Ownership ownership, TimeSpan ttl);

    /// <summary>Ends an ownership. Does nothing where it is another's by now.</summary>
    Task ReleaseAsync(OwnedThing thing, Ownership ownership);

    /// <summary>Who owns it; null: nobody, or one whose registration has ended.</summary>
    Task<Ownership?> FindAsync(OwnedThing thing);

    /// <summary>Asks for a share of a limit that the whole fleet has, and gives back what is not asked for.</summary>
    Task<LeaseAnswer> LeaseAsync(LeaseRequest request);

    /// <summary>Counts connections of users and devices over all gateways: each place is noted where the fleet has room for it, or left as it is.</summary>
    /// <param name="gateway">Whose counts these are; unique among all processes of the fleet.</param>
    /// <param name="places">At most <see cref="RegistryLimits.MaxCounted"/>.</param>
    /// <param name="ttl">What was noted ends this long after the last call that named it.</param>
    /// <returns>For each place whether it was noted.</returns>
    Task<IReadOnlyList<bool>> CountAsync(string gateway, IReadOnlyList<IdentityPlace> places, TimeSpan ttl);
}

/// <param name="Accepted">The gateway is registered.</param>
/// <param name="Generation">Its generation; not accepted: that of the other one with its name.</param>
/// <param name="Gateways">Every gateway that is there, by name.</param>
internal sealed record RegisterAnswer(bool Accepted, long Generation, IReadOnlyList<GatewayRecord> Gateways);

/// <summary>The shared state cannot be reached, or does not answer in time.</summary>
internal sealed class RegistryUnavailableException(string message, Exception? inner = null) : IOException(message, inner);
