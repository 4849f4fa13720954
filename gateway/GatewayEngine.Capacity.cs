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

    private GatewaySnapshot Fit(GatewaySnapshot snapshot)
    {
        lock (_endpoints)
        {
            var destinations = _state
                .Backends.Values.SelectMany(static backend => backend.Set.Endpoints)
                .Where(static endpoint => !endpoint.Target.IsClosed)
                .Select(static endpoint => endpoint.Target.Text)
                .Distinct(StringComparer.Ordinal)
                .Count();
            return CapacityPlanner.Fit(snapshot, Allowance, destinations);
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
