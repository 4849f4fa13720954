using Mooring.Kubernetes.Configuration;
using Mooring.Testing.ApiDouble;

namespace Mooring.Kubernetes.Tests.ApiDouble;

/// <summary>A double for each case.</summary>
internal sealed class DoubleServer : ICaseServer
{
    private KubernetesApiDouble? _api;

    public async Task<ClusterConfig> StartAsync()
    {
        _api = await KubernetesApiDouble.StartAsync();
        _api.CollectGarbage = true;
        return new ClusterConfig { Server = _api.Address, Namespace = "cases" };
    }

    public async ValueTask DisposeAsync()
    {
        if (_api is not null)
        {
            await _api.DisposeAsync();
        }
    }
}

public sealed class ObjectsOnDouble() : ObjectCases(new DoubleServer());

public sealed class SubresourcesOnDouble() : SubresourceCases(new DoubleServer());

public sealed class ApplyOnDouble() : ApplyCases(new DoubleServer());

public sealed class DeletionOnDouble() : DeletionCases(new DoubleServer());

public sealed class ListsOnDouble() : ListCases(new DoubleServer());

public sealed class WatchesOnDouble() : WatchCases(new DoubleServer());

public sealed class FollowersOnDouble() : FollowerCases(new DoubleServer());
