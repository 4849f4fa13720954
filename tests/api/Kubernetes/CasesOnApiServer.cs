using Mooring.Api.Tests.Cluster;

namespace Mooring.Api.Tests.Kubernetes;

[Collection(CasesCollection.Name)]
public sealed class ObjectsOnApiServer(SharedCluster shared) : ObjectCases(new ApiServer(shared));

[Collection(CasesCollection.Name)]
public sealed class SubresourcesOnApiServer(SharedCluster shared) : SubresourceCases(new ApiServer(shared));

[Collection(CasesCollection.Name)]
public sealed class ApplyOnApiServer(SharedCluster shared) : ApplyCases(new ApiServer(shared));

[Collection(CasesCollection.Name)]
public sealed class DeletionOnApiServer(SharedCluster shared) : DeletionCases(new ApiServer(shared));

[Collection(CasesCollection.Name)]
public sealed class ListsOnApiServer(SharedCluster shared) : ListCases(new ApiServer(shared));

[Collection(CasesCollection.Name)]
public sealed class WatchesOnApiServer(SharedCluster shared) : WatchCases(new ApiServer(shared));

[Collection(CasesCollection.Name)]
public sealed class FollowersOnApiServer(SharedCluster shared) : FollowerCases(new ApiServer(shared));

/// <summary>The client's cases, beside the other tests.</summary>
[CollectionDefinition(Name)]
public sealed class CasesCollection : ICollectionFixture<SharedCluster>
{
    public const string Name = "cases";
}
