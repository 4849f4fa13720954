using Mooring.Contracts.Stream;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Limits.Overload;

namespace Mooring.Gateway;

/// <summary>How many connections the engine takes, by what the node allows and where connections go.</summary>
internal sealed partial class GatewayEngine
{
    private NodeAllowance? _allowance;

    private NodeAllowance Allowance =>
        _allowance ??=
            _options.Allowance
            ?? NodeAllowance.Read("/proc", OpenFiles, _options.Memory ?? new MemoryGauge("/sys/fs/cgroup", "/proc/self").Read);

    /// <summary>What allows fewer connections than the config's number; null: nothing.</summary>
    public CapacityShortfall? Shortfall() =>
        Snapshot is { Config.Capacity.MaxConnections: > 0 } snapshot
            ? CapacityPlanner.Shortfall(snapshot, Allowance, Destinations(), NodeAllowance.Trackable("/proc"))
            : null;

    private GatewaySnapshot Fit(GatewaySnapshot snapshot) => CapacityPlanner.Fit(snapshot, Allowance, Destinations());

    private int Destinations()
    {
        lock (_endpoints)
        {
            return _state
                .Backends.Values.SelectMany(static backend => backend.Set.Endpoints)
                .Where(static endpoint => !endpoint.Target.IsClosed)
                .Select(static endpoint => endpoint.Target.Text)
                .Distinct(StringComparer.Ordinal)
                .Count();
        }
    }

    /// <summary>More endpoints, more local ports: after theirs have changed.</summary>
    private async Task RecountAsync(CancellationToken cancellation)
    {
        await _applying.WaitAsync(cancellation);
        try
        {
            if (_state.Snapshot is { Config.Capacity.MaxConnections: 0 } snapshot)
            {
                _state.Snapshot = Fit(snapshot);
            }
        }
        finally
        {
            _applying.Release();
        }
    }
}
