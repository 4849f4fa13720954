// Hot path: per connection. See tests/benchmarks.
using Mooring.Gateway.Limits;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Backends;

/// <summary>One endpoint of one backend over its life: its counts and health outlive config reloads and pushes.</summary>
/// <remarks>Thread-safe. What may change by a reload is in <see cref="Target"/>, swapped as a whole.</remarks>
internal sealed class EndpointState(string id, int index, EndpointTarget target)
{
    private readonly ConnectionLimit _connections = new();
    private readonly Lock _health = new();
    private PassiveHealth _passive;
    private long _connectsTotal;
    private long _failuresTotal;
    private EndpointTarget _target = target;

    public string Id { get; } = id;

    /// <summary>Name of the backend, for logs.</summary>
    public string Backend { get; init; } = "";

    /// <summary>What the counters know the backend by.</summary>
    public ushort BackendIndex { get; init; }

    /// <summary>Where <see cref="EndpointRegistry"/> has it: what a channel knows of it.</summary>
    public int Index { get; } = index;

    /// <summary>What stands for the id in a cookie: the first 16 hexadecimal digits of its SHA-256, equal on every gateway.</summary>
    public string AffinityKey { get; } = AffinityCookie.Key(id);

    public EndpointTarget Target
    {
        get => Volatile.Read(ref _target);
        set => Volatile.Write(ref _target, value);
    }

    public int Connections => _connections.InUse;

    public long ConnectsTotal => Volatile.Read(ref _connectsTotal);

    public long FailuresTotal => Volatile.Read(ref _failuresTotal);

    /// <summary>Takes a place; false at the endpoint's limit.</summary>
    public bool TryAcquire() => _connections.TryAcquire(Target.MaxConnections);

    public void Release() => _connections.Release();

    /// <summary>Not draining and below its limit; health aside.</summary>
    public bool HasRoom()
    {
        var now = Target;
        return !now.Draining && (now.MaxConnections == 0 || _connections.InUse < now.MaxConnections);
    }

    public bool IsHealthy(long now)
    {
        // A torn or late read costs one connect more or less to a bad endpoint, which is retried.
        return !_passive.IsOut(now);
    }

    public void ConnectSucceeded()
    {
        Interlocked.Increment(ref _connectsTotal);
        if (_passive.IsClean)
        {
            return;
        }

        lock (_health)
        {
            _passive.Succeed();
        }
    }

    /// <summary>Counts a failed connect; true when it puts the endpoint out.</summary>
    public bool ConnectFailed(long now)
    {
        Interlocked.Increment(ref _failuresTotal);
        var limits = Target;
        lock (_health)
        {
            return _passive.Fail(now, limits.MaxFails, limits.FailTimeoutMicroseconds);
        }
    }
}

/// <summary>What an endpoint is at present.</summary>
internal sealed record EndpointTarget
{
    public required KernelAddress Address { get; init; }

    /// <summary>Address and port as text, for logs.</summary>
    public required string Text { get; init; }

    public required int Weight { get; init; }

    public required bool Draining { get; init; }

    /// <summary>0: no limit.</summary>
    public required int MaxConnections { get; init; }

    public required int MaxFails { get; init; }

    public required long FailTimeoutMicroseconds { get; init; }
}
