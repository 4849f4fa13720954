namespace Mooring.Api.Tests.Cluster;

/// <summary>A test against a real API server: skipped, with the reason, where the programs for one are missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ClusterFactAttribute : FactAttribute
{
    public ClusterFactAttribute() => Skip = ClusterAssets.MissingBecause;
}

/// <summary>As <see cref="ClusterFactAttribute"/>, for theories.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ClusterTheoryAttribute : TheoryAttribute
{
    public ClusterTheoryAttribute() => Skip = ClusterAssets.MissingBecause;
}
