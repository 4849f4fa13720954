namespace Mooring.Api.Tests.Cluster;

/// <summary>One cluster for the whole run, started by the first test that needs it; each test works in namespaces of its own.</summary>
public sealed class SharedCluster : IAsyncLifetime
{
    private TestCluster? _cluster;

    internal TestCluster Cluster => _cluster ?? throw new InvalidOperationException(ClusterAssets.MissingBecause);

    public async Task InitializeAsync()
    {
        if (ClusterAssets.MissingBecause is { } reason)
        {
            await Console.Error.WriteLineAsync(reason);
            return;
        }

        _cluster = await TestCluster.StartAsync();
        if (Directory.EnumerateFiles(RepositoryRoot.File("crds"), "*.yaml").Any())
        {
            await _cluster.Kubectl.RunAsync("apply", "--server-side", "-f", RepositoryRoot.File("crds"));
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

[CollectionDefinition(Name)]
public sealed class ClusterCollection : ICollectionFixture<SharedCluster>
{
    public const string Name = "cluster";
}
