using System.Text.Json.Serialization;

namespace Mooring.Kubernetes.Models;

public sealed class Container
{
    public string? Name { get; set; }

    public string? Image { get; set; }

    /// <summary><c>Always</c>, <c>IfNotPresent</c> or <c>Never</c>.</summary>
    public string? ImagePullPolicy { get; set; }

    public List<string>? Command { get; set; }

    public List<string>? Args { get; set; }

    public List<EnvVar>? Env { get; set; }

    public List<ContainerPort>? Ports { get; set; }

    public ResourceRequirements? Resources { get; set; }

    public Probe? StartupProbe { get; set; }

    public Probe? LivenessProbe { get; set; }

    public Probe? ReadinessProbe { get; set; }

    public List<VolumeMount>? VolumeMounts { get; set; }

    public ContainerSecurityContext? SecurityContext { get; set; }
}

public sealed class EnvVar
{
    public string? Name { get; set; }

    public string? Value { get; set; }

    /// <summary>Instead of <see cref="Value"/>.</summary>
    public EnvVarSource? ValueFrom { get; set; }
}

public sealed class EnvVarSource
{
    public ObjectFieldSelector? FieldRef { get; set; }
}

public sealed class ObjectFieldSelector
{
    public string? ApiVersion { get; set; }

    /// <summary>Such as <c>spec.nodeName</c>.</summary>
    public string? FieldPath { get; set; }
}

public sealed class ContainerPort
{
    /// <summary>IANA service name: at most 15 characters.</summary>
    public string? Name { get; set; }

    [JsonPropertyName("containerPort")]
    public int? Number { get; set; }

    public string? Protocol { get; set; }
}

/// <summary>Amounts by resource name, each a Kubernetes quantity in its canonical form: see <see cref="Quantity"/>.</summary>
public sealed class ResourceRequirements
{
    public Dictionary<string, string>? Limits { get; set; }

    public Dictionary<string, string>? Requests { get; set; }
}

public sealed class Probe
{
    public HttpGetAction? HttpGet { get; set; }

    public TcpSocketAction? TcpSocket { get; set; }

    public int? InitialDelaySeconds { get; set; }

    public int? PeriodSeconds { get; set; }

    public int? TimeoutSeconds { get; set; }

    public int? FailureThreshold { get; set; }
}

public sealed class HttpGetAction
{
    public string? Path { get; set; }

    public IntOrString? Port { get; set; }

    /// <summary><c>HTTP</c> or <c>HTTPS</c>.</summary>
    public string? Scheme { get; set; }
}

public sealed class TcpSocketAction
{
    public IntOrString? Port { get; set; }
}

public sealed class VolumeMount
{
    public string? Name { get; set; }

    public string? MountPath { get; set; }

    public bool? ReadOnly { get; set; }
}

public sealed class ContainerSecurityContext
{
    public bool? AllowPrivilegeEscalation { get; set; }

    public bool? Privileged { get; set; }

    public long? RunAsUser { get; set; }

    public bool? ReadOnlyRootFilesystem { get; set; }

    public bool? RunAsNonRoot { get; set; }

    public Capabilities? Capabilities { get; set; }
}

public sealed class Capabilities
{
    public List<string>? Add { get; set; }

    public List<string>? Drop { get; set; }
}
