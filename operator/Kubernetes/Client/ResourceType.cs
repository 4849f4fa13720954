using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Client;

/// <summary>Which API resource something is, and where its URLs are. Immutable.</summary>
public abstract class ResourceType
{
    private protected ResourceType(string group, string version, string plural, string kind, bool namespaced)
    {
        Group = group;
        Version = version;
        Plural = plural;
        Kind = kind;
        Namespaced = namespaced;
    }

    /// <summary>API group; empty for the core group.</summary>
    public string Group { get; }

    public string Version { get; }

    /// <summary>Lower-case plural, as in the URL.</summary>
    public string Plural { get; }

    public string Kind { get; }

    public bool Namespaced { get; }

    /// <summary><c>group/version</c>, or the version alone for the core group.</summary>
    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary><c>plural.group</c>, as <c>kubectl api-resources</c> users write it; used in metrics and messages.</summary>
    public string QualifiedName => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    /// <summary>Describes <typeparamref name="T"/> from its <see cref="KubernetesEntityAttribute"/>.</summary>
    /// <exception cref="ArgumentException">The type has no attribute, or it lacks kind or plural.</exception>
    public static ResourceType<T> For<T>(JsonTypeInfo<T> typeInfo)
        where T : class, IKubernetesObject
    {
        var entity =
            typeof(T).GetCustomAttribute<KubernetesEntityAttribute>()
            ?? throw new ArgumentException($"{typeof(T).Name} has no [KubernetesEntity]", nameof(typeInfo));
        return new ResourceType<T>(entity.Group, entity.ApiVersion, entity.PluralName, entity.Kind, !entity.ClusterScoped, typeInfo);
    }

    /// <summary>URL path of a collection (no name), an object, or a subresource of it.</summary>
    /// <param name="ns">Null or empty: all namespaces, or a cluster-scoped resource.</param>
    /// <exception cref="ArgumentException">A part cannot stand in a path, or a namespaced object is named without its namespace.</exception>
    public string Path(string? ns, string? name = null, string? subresource = null)
    {
        var root = Group.Length == 0 ? $"/api/{Version}" : $"/apis/{Group}/{Version}";
        if (Namespaced && name is not null && string.IsNullOrEmpty(ns))
        {
            throw new ArgumentException($"{QualifiedName} are namespaced: '{name}' needs a namespace", nameof(ns));
        }

        var path = Namespaced && !string.IsNullOrEmpty(ns) ? $"{root}/namespaces/{Segment(ns)}/{Plural}" : $"{root}/{Plural}";
        if (name is not null)
        {
            path += $"/{Segment(name)}";
        }

        return subresource is null ? path : $"{path}/{Segment(subresource)}";
    }

    public override string ToString() => $"{Kind} ({QualifiedName}/{Version})";

    // The API server's own rule for names that become path segments.
    private static string Segment(string value) =>
        value.Length is > 0 and <= 253 && value is not ("." or "..") && value.AsSpan().IndexOfAny('/', '%') < 0
            ? Uri.EscapeDataString(value)
            : throw new ArgumentException($"'{value}' cannot be part of a Kubernetes URL");
}

/// <summary>An API resource together with how its objects are read and written. Immutable and thread-safe.</summary>
public sealed class ResourceType<T> : ResourceType
    where T : class, IKubernetesObject
{
    /// <summary>Describes a resource outright; <see cref="ResourceType.For{T}"/> takes it from the type's attribute.</summary>
    /// <exception cref="ArgumentException">Version, plural or kind is empty.</exception>
    public ResourceType(string group, string version, string plural, string kind, bool namespaced, JsonTypeInfo<T> typeInfo)
        : base(group, version, plural, kind, namespaced)
    {
        ArgumentException.ThrowIfNullOrEmpty(version);
        ArgumentException.ThrowIfNullOrEmpty(plural);
        ArgumentException.ThrowIfNullOrEmpty(kind);
        TypeInfo = typeInfo;
    }

    /// <summary>Source-generated JSON of the type: camelCase, nulls left out.</summary>
    public JsonTypeInfo<T> TypeInfo { get; }

    /// <summary>A deep copy, through JSON: for changing what came from a cache, whose objects are shared.</summary>
    public T Clone(T value) => Read(Write(value));

    internal byte[] Write(T value)
    {
        Stamp(value);
        return JsonSerializer.SerializeToUtf8Bytes(value, TypeInfo);
    }

    internal T Read(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        return Read(ref reader);
    }

    internal T Read(ref Utf8JsonReader reader) =>
        Stamp(JsonSerializer.Deserialize(ref reader, TypeInfo) ?? throw new JsonException($"a {Kind} is null"));

    // The items of a list come without kind and version.
    private T Stamp(T value)
    {
        if (string.IsNullOrEmpty(value.ApiVersion))
        {
            value.ApiVersion = ApiVersion;
        }

        if (string.IsNullOrEmpty(value.Kind))
        {
            value.Kind = Kind;
        }

        return value;
    }
}
