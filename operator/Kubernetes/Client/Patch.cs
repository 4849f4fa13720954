using System.Text;

namespace Mooring.Kubernetes.Client;

/// <summary>A patch and its kind. For server-side apply see <see cref="KubernetesClient.ApplyAsync{T}(ResourceType{T}, T, ApplyOptions?, CancellationToken)"/>.</summary>
public sealed record Patch
{
    private Patch(string contentType, ReadOnlyMemory<byte> body)
    {
        ContentType = contentType;
        Body = body;
    }

    public string ContentType { get; }

    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>RFC 6902: a list of operations, each failing the whole patch when it cannot be done.</summary>
    public static Patch Json(ReadOnlyMemory<byte> body) => new("application/json-patch+json", body);

    /// <inheritdoc cref="Json(ReadOnlyMemory{byte})"/>
    public static Patch Json(string body) => Json(Encoding.UTF8.GetBytes(body));

    /// <summary>RFC 7386: members are set, null ones removed, lists replaced whole.</summary>
    public static Patch Merge(ReadOnlyMemory<byte> body) => new("application/merge-patch+json", body);

    /// <inheritdoc cref="Merge(ReadOnlyMemory{byte})"/>
    public static Patch Merge(string body) => Merge(Encoding.UTF8.GetBytes(body));

    /// <summary>As merge, with lists merged by their keys; only built-in kinds know it.</summary>
    public static Patch StrategicMerge(ReadOnlyMemory<byte> body) => new("application/strategic-merge-patch+json", body);

    /// <inheritdoc cref="StrategicMerge(ReadOnlyMemory{byte})"/>
    public static Patch StrategicMerge(string body) => StrategicMerge(Encoding.UTF8.GetBytes(body));
}
