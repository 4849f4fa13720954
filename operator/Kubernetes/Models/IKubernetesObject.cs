namespace Mooring.Kubernetes.Models;

/// <summary>Anything the API server stores: kind, version and metadata.</summary>
public interface IKubernetesObject
{
    /// <summary><c>group/version</c>, or <c>v1</c> for the core group.</summary>
    string ApiVersion { get; set; }

    string Kind { get; set; }

    ObjectMeta Metadata { get; set; }
}

/// <summary>Says which API resource a type is. Group empty: the core group.</summary>
/// <remarks>Named as in KubeOps, so that moving to the package stays mechanical.</remarks>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class KubernetesEntityAttribute : Attribute
{
    public string Group { get; init; } = "";

    public string ApiVersion { get; init; } = "v1";

    public string Kind { get; init; } = "";

    /// <summary>Lower-case plural, as in the URL.</summary>
    public string PluralName { get; init; } = "";

    /// <summary>The resource is not in a namespace.</summary>
    public bool ClusterScoped { get; init; }
}
