namespace Mooring.Kubernetes.Models;

/// <summary>Chooses objects by their labels: all of <see cref="MatchLabels"/> must be there.</summary>
public sealed class LabelSelector
{
    public Dictionary<string, string>? MatchLabels { get; set; }
}
