using Mooring.Gateway.Limits.Identities;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Registry.Leases;

namespace Mooring.Gateway.Tests.Registry;

/// <summary>A registry that can be away, or lose an answer to what it has done.</summary>
internal sealed class AbsentRegistry(IFleetRegistry registry) : IFleetRegistry
{
    private int _refused;
    private int _lost;
    private Exception? _fault;

    /// <summary>It does nothing that it is asked for.</summary>
    public bool IsAway { get; set; }

    /// <summary>Calls that it refused.</summary>
    public int Refused => Volatile.Read(ref _refused);

    /// <summary>What the next call throws.</summary>
    public Exception? Fault
    {
        get => Volatile.Read(ref _fault);
        set => Volatile.Write(ref _fault, value);
    }

    /// <summary>Registrations whose answers it still loses.</summary>
    public int Losing
    {
        get => Volatile.Read(ref _lost);
        set => Volatile.Write(ref _lost, value);
    }

    public async Task<RegisterAnswer> RegisterAsync(GatewayRecord record, TimeSpan ttl, bool replace)
    {
        Check();
        var answer = await registry.RegisterAsync(record, ttl, replace);
        return Losing == 0 || Interlocked.Decrement(ref _lost) < 0 ? answer : throw new RegistryUnavailableException("no answer");
    }

    public Task UnregisterAsync(string name, long generation)
    {
        Check();
        return registry.UnregisterAsync(name, generation);
    }

    public Task<IReadOnlyList<GatewayRecord>> ListAsync()
    {
        Check();
        return registry.ListAsync();
    }

    public Task<ClaimAnswer> ClaimAsync(
        OwnedThing thing,
        GatewayId gateway,
        string detail,
        TimeSpan ttl,
        bool force,
        TimeSpan settle = default
    )
    {
        Check();
        return registry.ClaimAsync(thing, gateway, detail, ttl, force, settle);
    }

    public Task<bool> RenewAsync(OwnedThing thing, Ownership ownership, TimeSpan ttl)
    {
        Check();
        return registry.RenewAsync(thing, ownership, ttl);
    }

    public Task ReleaseAsync(OwnedThing thing, Ownership ownership)
    {
        Check();
        return registry.ReleaseAsync(thing, ownership);
    }

    public Task<Ownership?> FindAsync(OwnedThing thing)
    {
        Check();
        return registry.FindAsync(thing);
    }

    public Task<LeaseAnswer> LeaseAsync(LeaseRequest request)
    {
        Check();
        return registry.LeaseAsync(request);
    }

    public Task<IReadOnlyList<bool>> CountAsync(string gateway, IReadOnlyList<IdentityPlace> places, TimeSpan ttl)
    {
        Check();
        return registry.CountAsync(gateway, places, ttl);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Check()
    {
        if (Interlocked.Exchange(ref _fault, null) is { } fault)
        {
            throw fault;
        }

        if (IsAway)
        {
            Interlocked.Increment(ref _refused);
            throw new RegistryUnavailableException("away");
        }
    }
}
