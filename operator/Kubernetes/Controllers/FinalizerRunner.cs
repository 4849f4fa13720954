using System.Buffers;
using System.Text.Json;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Controllers;

/// <summary>Sets and removes finalizer marks, and runs the finalizers between. Stateless.</summary>
internal sealed class FinalizerRunner<TEntity>(
    KubernetesClient client,
    ResourceType<TEntity> type,
    IEnumerable<IEntityFinalizer<TEntity>> finalizers
)
    where TEntity : class, IKubernetesObject
{
    private readonly IEntityFinalizer<TEntity>[] _finalizers = [.. finalizers];

    /// <summary>Sets the marks that are missing. Returns the entity as it is then.</summary>
    /// <exception cref="KubernetesException">Also a conflict, when the entity changed meanwhile.</exception>
    public async Task<TEntity> AttachAsync(TEntity entity, CancellationToken cancellationToken)
    {
        var marks = entity.Metadata.Finalizers ?? [];
        var missing = _finalizers.Select(static one => one.Identifier).Except(marks, StringComparer.Ordinal).ToArray();
        return missing.Length == 0 ? entity : await SetAsync(entity, [.. marks, .. missing], cancellationToken);
    }

    /// <summary>Runs the finalizers whose marks are set, each one's mark going with its success.</summary>
    /// <returns>Null when none was set.</returns>
    public async Task<ReconciliationResult<TEntity>?> FinalizeAsync(TEntity entity, CancellationToken cancellationToken)
    {
        ReconciliationResult<TEntity>? result = null;
        foreach (var finalizer in _finalizers)
        {
            if (entity.Metadata.Finalizers?.Contains(finalizer.Identifier) != true)
            {
                continue;
            }

            result = await finalizer.FinalizeAsync(entity, cancellationToken);
            if (result.IsFailure || result.RequeueAfter is not null)
            {
                return result;
            }

            try
            {
                // Not cancelled: the effect is undone, and a mark that stays would have it undone twice.
                var marks = entity.Metadata.Finalizers.Where(mark => mark != finalizer.Identifier);
                entity = await SetAsync(entity, [.. marks], CancellationToken.None);
            }
            catch (KubernetesException error) when (error.IsNotFound)
            {
                return result;
            }
        }

        return result;
    }

    // A merge patch replaces the list whole, so the version guards marks that others set meanwhile.
    private Task<TEntity> SetAsync(TEntity entity, IReadOnlyList<string> marks, CancellationToken cancellationToken)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject("metadata");
            json.WriteString("resourceVersion", entity.Metadata.ResourceVersion);
            json.WriteStartArray("finalizers");
            foreach (var mark in marks)
            {
                json.WriteStringValue(mark);
            }

            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return client.PatchAsync(
            type,
            entity.Metadata.Namespace,
            entity.Metadata.Name!,
            Patch.Merge(buffer.WrittenMemory),
            null,
            cancellationToken
        );
    }
}
