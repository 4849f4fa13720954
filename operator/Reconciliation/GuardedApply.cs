using System.Text.Json.Nodes;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Reconciliation;

/// <summary>Applies to the very object that was looked at, and gives a Service exactly the ports that are wanted.</summary>
internal static class GuardedApply
{
    /// <summary>Returns the object as it is now; null: what is there by now belongs to somebody else, and was left alone.</summary>
    /// <param name="fleet">The owner.</param>
    /// <param name="kind">The object's kind.</param>
    /// <param name="body">What to apply. Gets the uid of the object that it is for.</param>
    /// <param name="live">The object as last seen; null where there was none.</param>
    /// <param name="key">The object's name.</param>
    /// <param name="cancellation">Ends the requests.</param>
    public static async Task<IKubernetesObject?> WriteAsync(
        ConnectionFleet fleet,
        IChildKind kind,
        JsonObject body,
        IKubernetesObject? live,
        ObjectKey key,
        CancellationToken cancellation
    )
    {
        Expect(body, live);
        try
        {
            return await WithExactPortsAsync(kind, key, body, await kind.ApplyAsync(key, body, cancellation), cancellation);
        }
        catch (KubernetesException error) when (error.IsConflict || (live is not null && error.IsInvalid))
        {
            // Either the cache was behind and the object is another one by now (or is there at all), or its ports are such that ours cannot be merged with
            // them. The cache holds only what bears the operator's label: somebody else's of the name is found here.
            var now = await kind.ReadAsync(key, cancellation);
            if (now is not null && !FleetOwner.Owns(fleet, now))
            {
                return null;
            }

            if (live is null || now?.Metadata.Uid != live.Metadata.Uid)
            {
                Expect(body, now);
                if (now is null)
                {
                    // It went in this moment.
                    Unguard(body);
                }
            }
            else if (error.IsInvalid && body["spec"]?["ports"] is not null)
            {
                await ReplacePortsAsync(kind, key, body, cancellation);
            }
            else
            {
                throw;
            }

            return await kind.ApplyAsync(key, body, cancellation);
        }
    }

    // An apply merges ports by number: it takes away none that somebody else has put in.
    private static async Task<IKubernetesObject> WithExactPortsAsync(
        IChildKind kind,
        ObjectKey key,
        JsonObject body,
        IKubernetesObject answer,
        CancellationToken cancellation
    ) =>
        body["spec"]?["ports"] is not null
        && LiveComparison.Differences(body, kind.ToJson(answer)).Any(difference => difference.Path == LiveComparison.ServicePorts)
            ? await ReplacePortsAsync(kind, key, body, cancellation)
            : answer;

    private static Task<IKubernetesObject> ReplacePortsAsync(
        IChildKind kind,
        ObjectKey key,
        JsonObject body,
        CancellationToken cancellation
    ) =>
        kind.MergeAsync(
            key,
            new JsonObject { ["spec"] = new JsonObject { ["ports"] = body["spec"]!["ports"]!.DeepClone() } },
            cancellation
        );

    /// <summary>Takes from a body what <see cref="WriteAsync"/> put in, which is not a part of what is wanted.</summary>
    public static void Unguard(JsonObject body)
    {
        var metadata = body["metadata"]!.AsObject();
        metadata.Remove("uid");
        metadata.Remove("resourceVersion");
    }

    // The API server refuses the write when it would reach another object than this; or any, where there is to be none: no object has the first version,
    // and where none is there an apply makes one whatever the version. So what is new costs no read.
    private static void Expect(JsonObject body, IKubernetesObject? live)
    {
        Unguard(body);
        var metadata = body["metadata"]!.AsObject();
        if (live is not null)
        {
            metadata["uid"] = live.Metadata.Uid;
        }
        else
        {
            metadata["resourceVersion"] = "1";
        }
    }
}
