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
    /// <param name="body">What to apply.</param>
    /// <param name="live">The object as last seen; null where there was none.</param>
    /// <param name="key">The object's name.</param>
    /// <param name="cancellation">Ends the requests.</param>
    public static async Task<byte[]?> WriteAsync(
        ConnectionFleet fleet,
        IChildKind kind,
        ApplyBody body,
        IKubernetesObject? live,
        ObjectKey key,
        CancellationToken cancellation
    )
    {
        try
        {
            var answer = await kind.ApplyAsync(key, body.For(live), cancellation);
            return kind.ObjectType == typeof(Service) && HasOtherPorts(kind, body, answer)
                ? await ReplacePortsAsync(kind, key, body, cancellation)
                : answer;
        }
        catch (KubernetesException error)
            when (error.IsConflict || (error.IsInvalid && (live is not null || kind.ObjectType == typeof(Pod))))
        {
            // Either the cache was behind and the object is another one by now (or is there at all), or its ports are such that ours cannot be merged with
            // them. The cache holds only what bears the operator's label: somebody else's of the name is found here.
            var now = await kind.ReadAsync(key, cancellation);
            if (now is not null && !FleetOwner.Owns(fleet, now))
            {
                return null;
            }

            if (error.IsInvalid && kind.ObjectType == typeof(Pod))
            {
                // One that is there already cannot be changed.
                if (now is null)
                {
                    throw;
                }

                return kind.ToUtf8(now);
            }

            if (live is null || now?.Metadata.Uid != live.Metadata.Uid)
            {
                // Where there is none, it went in this moment.
                return await kind.ApplyAsync(key, now is null ? body.Plain : body.For(now), cancellation);
            }

            if (!error.IsInvalid || kind.ObjectType != typeof(Service))
            {
                throw;
            }

            await ReplacePortsAsync(kind, key, body, cancellation);
            return await kind.ApplyAsync(key, body.For(live), cancellation);
        }
    }

    // An apply merges ports by number: it takes away none that somebody else has put in.
    private static bool HasOtherPorts(IChildKind kind, ApplyBody body, byte[] answer) =>
        !LiveComparison.IsAsDesired(body.Plain, answer)
        && LiveComparison
            .Differences(body.ToNode(), kind.ToJson(kind.Read(answer)))
            .Any(static difference => difference.Path == LiveComparison.ServicePorts);

    private static Task<byte[]> ReplacePortsAsync(IChildKind kind, ObjectKey key, ApplyBody body, CancellationToken cancellation) =>
        kind.MergeAsync(
            key,
            new JsonObject { ["spec"] = new JsonObject { ["ports"] = body.ToNode()["spec"]!["ports"]!.DeepClone() } },
            cancellation
        );
}
