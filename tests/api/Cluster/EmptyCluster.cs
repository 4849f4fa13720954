namespace Mooring.Api.Tests.Cluster;

/// <summary>A cluster in which nothing is installed: for the tests that install it as users do, and leave nothing behind.</summary>
public sealed class EmptyCluster : IAsyncLifetime
{
    private TestCluster? _cluster;

    internal TestCluster Cluster => _cluster ?? throw new InvalidOperationException(ClusterAssets.MissingBecause);

    public async Task InitializeAsync() => _cluster = ClusterAssets.MissingBecause is null ? await TestCluster.StartAsync() : null;

    public async Task DisposeAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }
}
