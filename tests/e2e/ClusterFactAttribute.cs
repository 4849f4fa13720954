namespace Mooring.EndToEnd;

/// <summary>A test that runs on the cluster of KUBECONFIG, with nodes that hold the images of <c>make images</c>; skipped without one.</summary>
public sealed class ClusterFactAttribute : FactAttribute
{
    public ClusterFactAttribute()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("KUBECONFIG")))
        {
            Skip = "no cluster: set KUBECONFIG (and import artifacts/images/*.tar on its nodes)";
        }
    }
}
