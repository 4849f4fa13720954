namespace Mooring.Kubernetes.Models;

/// <summary>Exactly one of the sources is set.</summary>
public sealed class Volume
{
    public string? Name { get; set; }

    public ConfigMapVolumeSource? ConfigMap { get; set; }

    public ProjectedVolumeSource? Projected { get; set; }

    public SecretVolumeSource? Secret { get; set; }

    public EmptyDirVolumeSource? EmptyDir { get; set; }

    public HostPathVolumeSource? HostPath { get; set; }
}

public sealed class ConfigMapVolumeSource
{
    public string? Name { get; set; }

    /// <summary>File mode bits, as the decimal number of JSON.</summary>
    public int? DefaultMode { get; set; }

    public bool? Optional { get; set; }
}

public sealed class SecretVolumeSource
{
    public string? SecretName { get; set; }

    /// <summary>File mode bits, as the decimal number of JSON.</summary>
    public int? DefaultMode { get; set; }

    public bool? Optional { get; set; }
}

public sealed class ProjectedVolumeSource
{
    public int? DefaultMode { get; set; }

    public List<VolumeProjection>? Sources { get; set; }
}

public sealed class VolumeProjection
{
    public ServiceAccountTokenProjection? ServiceAccountToken { get; set; }

    public SecretProjection? Secret { get; set; }
}

public sealed class ServiceAccountTokenProjection
{
    public string? Audience { get; set; }

    /// <summary>At least 600; the kubelet renews the file at 80 % of it.</summary>
    public long? ExpirationSeconds { get; set; }

    public string? Path { get; set; }
}

public sealed class HostPathVolumeSource
{
    public string? Path { get; set; }

    /// <summary>Such as <c>DirectoryOrCreate</c>.</summary>
    public string? Type { get; set; }
}

public sealed class EmptyDirVolumeSource
{
    public string? Medium { get; set; }

    public string? SizeLimit { get; set; }
}
