using Mooring.Operator.Entities;

namespace Mooring.Operator.Host;

/// <summary>What the admin API has changed of a fleet whose manifest says otherwise. Each lasts until the manifest says something new of that field.</summary>
/// <remarks>Not thread-safe: the supervisor's loop owns it.</remarks>
internal sealed class FleetOverrides
{
    private (bool Is, bool Said)? _paused;
    private (bool Is, bool Said)? _scalingPaused;
    private (int Are, int Said)? _replicas;

    public FleetOverrides Copy() => (FleetOverrides)MemberwiseClone();

    public void Pause(FleetSpec manifest, bool paused) => _paused = (paused, manifest.Paused);

    public void PauseScaling(FleetSpec manifest, bool paused) => _scalingPaused = (paused, manifest.Scaling?.Paused == true);

    public void Scale(FleetSpec manifest, int replicas) => _replicas = (replicas, manifest.Gateway.Replicas);

    /// <summary>What is left of it once the manifest is in force: what it has not overtaken.</summary>
    public FleetOverrides Under(FleetSpec manifest)
    {
        var left = Copy();
        left._paused = _paused?.Said == manifest.Paused ? _paused : null;
        left._scalingPaused = _scalingPaused?.Said == (manifest.Scaling?.Paused == true) ? _scalingPaused : null;
        left._replicas = _replicas?.Said == manifest.Gateway.Replicas ? _replicas : null;
        return left;
    }

    /// <summary>The spec with the changes, and without those that the manifest has overtaken.</summary>
    public FleetSpec Adapt(FleetSpec manifest)
    {
        var left = Under(manifest);
        return manifest with
        {
            Paused = left._paused?.Is ?? manifest.Paused,
            Scaling = manifest.Scaling is { } scaling ? scaling with { Paused = left._scalingPaused?.Is ?? scaling.Paused } : null,
            Gateway = manifest.Gateway with { Replicas = left._replicas?.Are ?? manifest.Gateway.Replicas },
        };
    }
}
