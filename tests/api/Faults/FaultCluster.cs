using Mooring.Api.Tests.Cluster;

namespace Mooring.Api.Tests.Faults;

/// <summary>A cluster of its own with the definition installed: its tests take away what all others need.</summary>
public sealed class FaultCluster : IAsyncLifetime
{
    private TestCluster? _cluster;

    internal TestCluster Cluster => _cluster ?? throw new InvalidOperationException(ClusterAssets.MissingBecause);

    public async Task InitializeAsync()
    {
        if (ClusterAssets.MissingBecause is null)
        {
            _cluster = await TestCluster.StartAsync();
            await _cluster.InstallAsync();
        }
    }

    public async Task DisposeAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }
}
