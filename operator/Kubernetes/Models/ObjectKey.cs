namespace Mooring.Kubernetes.Models;

/// <summary>Names an object within its kind. <see cref="Namespace"/> is empty for a cluster-scoped one.</summary>
public readonly record struct ObjectKey(string Namespace, string Name)
{
    /// <summary>The key of an object that has a name.</summary>
    public static ObjectKey Of(IKubernetesObject value) => new(value.Metadata.Namespace ?? "", value.Metadata.Name ?? "");

    /// <summary>Parses <c>namespace/name</c> or <c>name</c>, the form of <see cref="ToString"/>.</summary>
    public static ObjectKey Parse(string text)
    {
        var slash = text.IndexOf('/');
        return slash < 0 ? new ObjectKey("", text) : new ObjectKey(text[..slash], text[(slash + 1)..]);
    }

    public override string ToString() => Namespace.Length == 0 ? Name : $"{Namespace}/{Name}";
}
