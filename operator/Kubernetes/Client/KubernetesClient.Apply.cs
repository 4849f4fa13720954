using System.Text.Json;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Client;

// Server-side apply and the scale subresource.
public sealed partial class KubernetesClient
{
    private static readonly ApplyOptions DefaultApply = new();

    /// <summary>Server-side apply: makes the object so, owning exactly the fields that are set, and creating it if need be.</summary>
    /// <remarks>Status, resourceVersion, uid and managedFields must be unset. A field applied before and now absent is given up.</remarks>
    /// <exception cref="KubernetesException">Also when another manager owns a field: see <see cref="KubernetesException.ApplyConflicts"/>.</exception>
    public async Task<T> ApplyAsync<T>(
        ResourceType<T> type,
        T value,
        ApplyOptions? options = null,
        CancellationToken cancellationToken = default
    )
        where T : class, IKubernetesObject =>
        type.Read(await ApplyAsync(type, value.Metadata.Namespace, NameOf(value), type.Write(value), options, cancellationToken));

    /// <summary>Server-side apply of JSON (or YAML) as it is, for what has no type here or needs exact control over the fields.</summary>
    /// <returns>The object as it is now, as JSON.</returns>
    public Task<byte[]> ApplyAsync(
        ResourceType type,
        string? ns,
        string name,
        ReadOnlyMemory<byte> configuration,
        ApplyOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        options ??= DefaultApply;
        var query = new Query().AddWrite(options, Options.FieldManager).Add("force", options.Force);
        var request = Request(HttpMethod.Patch, "apply", type, type.Path(ns, name, options.Subresource), query, options.Subresource) with
        {
            Body = configuration,
            ContentType = "application/apply-patch+yaml",
        };
        return _pipeline.SendAsync(request, cancellationToken);
    }

    /// <summary>Reads an object's scale.</summary>
    public async Task<Scale> GetScaleAsync(ResourceType type, string? ns, string name, CancellationToken cancellationToken = default) =>
        ReadScale(
            await _pipeline.SendAsync(
                Request(HttpMethod.Get, "get", type, type.Path(ns, name, "scale"), new Query(), "scale"),
                cancellationToken
            )
        );

    /// <summary>Sets an object's number of replicas through its scale subresource.</summary>
    /// <param name="resourceVersion">Fails with a conflict unless the object still has this version; null: whatever it has.</param>
    public async Task<Scale> SetScaleAsync(
        ResourceType type,
        string? ns,
        string name,
        int replicas,
        WriteOptions? options = null,
        string? resourceVersion = null,
        CancellationToken cancellationToken = default
    )
    {
        var query = new Query().AddWrite(options ?? new WriteOptions(), Options.FieldManager);
        var version = resourceVersion is null
            ? ""
            : $$"""
                "metadata":{"resourceVersion":"{{JsonEncodedText.Encode(resourceVersion)}}"},
                """;
        var request = Request(HttpMethod.Patch, "patch", type, type.Path(ns, name, "scale"), query, "scale") with
        {
            Body = Patch.Merge($$"""{ {{version}}"spec":{"replicas":{{replicas}} } }""").Body,
            ContentType = "application/merge-patch+json",
        };
        return ReadScale(await _pipeline.SendAsync(request, cancellationToken));
    }

    private static Scale ReadScale(byte[] json) =>
        JsonSerializer.Deserialize(json, KubernetesJson.Default.Scale) ?? throw new JsonException("a Scale is null");
}
