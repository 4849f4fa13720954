namespace Mooring.Api.Tests.Cluster;

/// <summary>One cluster for the whole run, started by the first test that needs it; each test works in namespaces of its own.</summary>
public sealed class SharedCluster : IAsyncLifetime
{
    private static readonly Lazy<Task<TestCluster>> Started = new(StartAsync);

    private TestCluster? _cluster;

    internal TestCluster Cluster => _cluster ?? throw new InvalidOperationException(ClusterAssets.MissingBecause);

    public async Task InitializeAsync()
    {
        if (ClusterAssets.MissingBecause is { } reason)
        {
            await Console.Error.WriteLineAsync(reason);
            return;
        }

        _cluster = await Started.Value;
    }

    // Other collections may still use it: the reaper ends it with the run.
    public Task DisposeAsync() => Task.CompletedTask;

    private static async Task<TestCluster> StartAsync()
    {
        var cluster = await TestCluster.StartAsync();
        await cluster.InstallAsync();
        return cluster;
    }
}

/// <summary>Most tests, one after another.</summary>
[CollectionDefinition(Name)]
public sealed class ClusterCollection : ICollectionFixture<SharedCluster>
{
    public const string Name = "cluster";
}

/// <summary>Tests that mostly wait, beside the others.</summary>
[CollectionDefinition(Name)]
public sealed class PatientCollection : ICollectionFixture<SharedCluster>
{
    public const string Name = "patient";
}

/// <summary>Tests that install the operator, each class into a cluster of its own; one after another, beside the others.</summary>
[CollectionDefinition(Name)]
public sealed class InstallationCollection
{
    public const string Name = "installation";
}

/// <summary>Tests of several operators, beside the others.</summary>
[CollectionDefinition(Name)]
public sealed class ElectionCollection : ICollectionFixture<SharedCluster>
{
    public const string Name = "election";
}
