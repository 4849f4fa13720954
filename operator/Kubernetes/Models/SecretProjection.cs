namespace Mooring.Kubernetes.Models;

/// <summary>Values of a Secret as files.</summary>
public sealed class SecretProjection
{
    public string? Name { get; set; }

    /// <summary>Which values; null: all.</summary>
    public List<KeyToPath>? Items { get; set; }

    public bool? Optional { get; set; }
}

public sealed class KeyToPath
{
    public string? Key { get; set; }

    /// <summary>Relative to the volume.</summary>
    public string? Path { get; set; }
}
