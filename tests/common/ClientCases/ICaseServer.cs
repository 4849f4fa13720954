using Mooring.Kubernetes.Configuration;

namespace Mooring.Testing.ClientCases;

/// <summary>A Kubernetes API that the cases run against: the double, or a real one. It serves <see cref="Widget"/>.</summary>
public interface ICaseServer : IAsyncDisposable
{
    /// <summary>Makes it ready for one case. The config's namespace is the case's own, and empty.</summary>
    Task<ClusterConfig> StartAsync();
}
