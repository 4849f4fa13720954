using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Reconciliation;

/// <summary>Makes the cluster as a plan says: writes only, and only where something differs.</summary>
/// <remarks>
/// An object is skipped, without a request, when it bears the hash of what is desired (so nothing was taken out of the plan since) and the live
/// object still matches (so nobody changed it). Server-side apply with one field manager, taking fields back from whoever took them.
/// One fleet at a time per caller; different fleets at once.
/// </remarks>
internal sealed class PlanApplier(KubernetesClient client, FleetCaches caches, TimeProvider time)
{
    /// <summary>Annotation with the hash of what was applied.</summary>
    public const string HashAnnotation = "mooring.dev/applied-hash";

    // By fleet: what is remembered goes with it, whether or not its objects are still there to be found.
    private readonly ConcurrentDictionary<ObjectKey, AppliedObjects> _memories = new();
    private readonly IChildKind[] _kinds =
    [
        new ChildKind<ServiceAccount>(client, caches.ServiceAccounts),
        new ChildKind<ConfigMap>(client, caches.ConfigMaps),
        new ChildKind<Service>(client, caches.Services),
        new ChildKind<PodDisruptionBudget>(client, caches.Budgets),
        new ChildKind<NetworkPolicy>(client, caches.NetworkPolicies),
        new ChildKind<ServiceMonitor>(client, caches.ServiceMonitors),
        new ChildKind<Deployment>(client, caches.Deployments),
        new ChildKind<DaemonSet>(client, caches.DaemonSets),
        // Those that the fleet owns itself: trials. The gateways' are their Deployment's.
        new ChildKind<Pod>(client, caches.Pods),
        new ChildKind<HorizontalPodAutoscaler>(client, caches.Autoscalers),
    ];

    /// <summary>Applies, scales and prunes.</summary>
    /// <exception cref="HttpRequestException">The API server cannot be reached (also <see cref="TimeoutException"/>); the rest of the plan was not tried.</exception>
    public async Task<ApplyReport> ApplyAsync(ConnectionFleet fleet, FleetPlan plan, CancellationToken cancellation)
    {
        if (plan.Paused)
        {
            return ApplyReport.Nothing;
        }

        var pass = new Pass(fleet, _memories.GetOrAdd(ObjectKey.Of(fleet), static _ => new AppliedObjects()));
        foreach (var desired in plan.Objects)
        {
            if (!await pass.TryAsync(desired, () => ApplyObjectAsync(pass, desired, cancellation)))
            {
                return pass.Report();
            }
        }

        foreach (var retiring in plan.Retiring)
        {
            if (!await ScaleAsync(pass, retiring, cancellation))
            {
                return pass.Report();
            }
        }

        await PruneAsync(pass, plan, cancellation);
        return pass.Report();
    }

    /// <summary>What was seen, with the Deployments as the API server answered to the last apply where the caches do not show that yet.</summary>
    /// <remarks>A plan made from what was there before would ask for as many again as have just been asked away.</remarks>
    public FleetInput WithNewest(FleetInput input) =>
        _memories.TryGetValue(ObjectKey.Of(input.Fleet), out var memory)
            ? input with
            {
                Deployments =
                [
                    .. input.Deployments.Select(one =>
                        (Deployment)memory.Newest(ClusterResources.Deployments.Kind, ObjectKey.Of(one), one)
                    ),
                ],
            }
            : input;

    private async Task ApplyObjectAsync(Pass pass, IKubernetesObject desired, CancellationToken cancellation)
    {
        var kind =
            Array.Find(_kinds, kind => kind.ObjectType == desired.GetType())
            ?? throw new NotSupportedException($"plans have no {desired.Kind}");
        var key = ObjectKey.Of(desired);
        var json = kind.ToUtf8(desired);
        var hash = Hash(json);
        var live = kind.Find(key) is { } cached ? pass.Memory.Newest(kind.Type.Kind, key, cached) : null;
        if (live is not null && !FleetOwner.Owns(pass.Fleet, live))
        {
            pass.Problems.Add(Stranger(desired));
            return;
        }

        // A pod is made or deleted, never changed: the API server takes next to no change of one, and adds to it things of its own.
        if (live is Pod || (live is not null && pass.Memory.IsAsApplied(kind.Type.Kind, key, hash, live)))
        {
            pass.Unchanged++;
            return;
        }

        var body = ApplyBody.Of(json, HashAnnotation, hash);
        if (live is not null && !IsToBeWritten(pass, kind, desired, live, body, hash))
        {
            return;
        }

        byte[]? answer;
        try
        {
            answer = await GuardedApply.WriteAsync(pass.Fleet, kind, body, live, key, cancellation);
        }
        catch (KubernetesException error) when (error.IsNotFound && kind.IsGone())
        {
            return;
        }

        if (answer is null)
        {
            pass.Problems.Add(Stranger(desired));
            return;
        }

        Remember(pass, kind, key, hash, body, live, answer);
        pass.Applied++;
    }

    /// <summary>Whether a live object is to be put as it is desired. Takes note of why, or why not.</summary>
    private bool IsToBeWritten(Pass pass, IChildKind kind, IKubernetesObject desired, IKubernetesObject live, ApplyBody body, string hash)
    {
        var key = ObjectKey.Of(desired);
        var differences = LiveComparison.IsAsDesired(body.Plain, kind.ToUtf8(live))
            ? []
            : LiveComparison.Differences(body.ToNode(), kind.ToJson(live)).ToList();
        var unhashed = differences.Where(difference => !difference.Path.EndsWith(HashAnnotation, StringComparison.Ordinal)).ToList();
        var sameHash = unhashed.Count == differences.Count;
        if (sameHash && (differences.Count == 0 || pass.Memory.IsAccepted(kind.Type.Kind, key, hash, Text(differences))))
        {
            pass.Memory.NoteUnchanged(kind.Type.Kind, key, hash, live);
            pass.Unchanged++;
            return false;
        }

        if (!sameHash || unhashed.Count == 0)
        {
            return true;
        }

        var now = time.GetUtcNow();
        if (pass.Memory.IsContested(kind.Type.Kind, key, now))
        {
            // Without the live value: it is another each time, and each would be another status to write.
            pass.Problems.Add(
                new ApplyProblem(
                    ApplyProblemReason.Contested,
                    ApplyReport.NameOf(desired),
                    $"somebody else keeps changing {unhashed[0].Path}"
                )
            );
            return false;
        }

        pass.Memory.NoteCorrection(kind.Type.Kind, key, now);
        pass.Drift.Add(new DriftCorrection(ApplyReport.NameOf(desired), unhashed[0]));
        return true;
    }

    private static void Remember(
        Pass pass,
        IChildKind kind,
        ObjectKey key,
        string hash,
        ApplyBody body,
        IKubernetesObject? before,
        byte[] answer
    )
    {
        var (uid, version, isAsDesired) = LiveComparison.Look(body.Plain, answer);
        if (before is null && isAsDesired)
        {
            pass.Memory.NoteMade(kind.Type.Kind, key, hash, uid, version, "");
            return;
        }

        var now = kind.Read(answer);
        var differences = isAsDesired ? "" : Text(LiveComparison.Differences(body.ToNode(), kind.ToJson(now)));
        pass.Memory.Note(kind.Type.Kind, key, hash, before, now, differences);
    }

    private static ApplyProblem Stranger(IKubernetesObject desired) =>
        new(
            ApplyProblemReason.Conflict,
            ApplyReport.NameOf(desired),
            "there is one that does not belong to this fleet; delete or rename it"
        );

    private async Task<bool> ScaleAsync(Pass pass, RetiringDeployment retiring, CancellationToken cancellation)
    {
        var key = new ObjectKey(pass.Fleet.Metadata.Namespace ?? "", retiring.Name);
        if (caches.Deployments.Find(key) is not { } live || live.Spec?.Replicas == retiring.Replicas || !FleetOwner.Owns(pass.Fleet, live))
        {
            return true;
        }

        return await pass.TryAsync(
            live,
            async () =>
            {
                try
                {
                    await ScaleAsync(key, retiring.Replicas, retiring.Version, cancellation);
                    pass.Applied++;
                }
                catch (KubernetesException error) when (error.IsConflict)
                {
                    // Between two leaders, an older number would bring back what the other has just asked away.
                    pass.Raced = true;
                }
            }
        );
    }

    /// <summary>Sets only the replicas of a Deployment.</summary>
    /// <param name="deployment">Which.</param>
    /// <param name="replicas">How many.</param>
    /// <param name="version">Refused (409) where the Deployment has changed since; null: whatever it is by now.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <remarks>On the Deployment itself: the scale subresource would be one more right to ask of the cluster.</remarks>
    public Task ScaleAsync(ObjectKey deployment, int replicas, string? version, CancellationToken cancellation)
    {
        var body = new JsonObject { ["spec"] = new JsonObject { ["replicas"] = replicas } };
        if (version is not null)
        {
            body["metadata"] = new JsonObject { ["resourceVersion"] = version };
        }

        return client.PatchAsync(
            ClusterResources.Deployments,
            deployment.Namespace,
            deployment.Name,
            Patch.Merge(body.ToJsonString()),
            cancellationToken: cancellation
        );
    }

    private async Task PruneAsync(Pass pass, FleetPlan plan, CancellationToken cancellation)
    {
        var wanted = plan
            .Objects.Select(value => (value.Kind, value.Metadata.Name))
            .Concat(plan.Retiring.Select(retiring => ("Deployment", (string?)retiring.Name)))
            .Concat(plan.Kept.Select(static kept => (kept.Kind, (string?)kept.Name)))
            .ToHashSet();
        foreach (var kind in _kinds)
        {
            foreach (var value in kind.OfFleet(ObjectKey.Of(pass.Fleet)))
            {
                if (
                    wanted.Contains((value.Kind, value.Metadata.Name))
                    || value.Metadata.DeletionTimestamp is not null
                    || !FleetOwner.Owns(pass.Fleet, value)
                )
                {
                    continue;
                }

                var goesOn = await pass.TryAsync(
                    value,
                    async () =>
                    {
                        await kind.DeleteAsync(value, cancellation);
                        pass.Memory.Forget(kind.Type.Kind, ObjectKey.Of(value));
                        pass.Deleted++;
                    }
                );
                if (!goesOn)
                {
                    return;
                }
            }
        }
    }

    /// <summary>Drops what is remembered of a fleet that is gone.</summary>
    public void Forget(ObjectKey fleet) => _memories.TryRemove(fleet, out _);

    /// <summary>Of how many fleets something is remembered.</summary>
    internal int Remembered => _memories.Count;

    private static string Hash(ReadOnlySpan<byte> json) => Convert.ToHexStringLower(SHA256.HashData(json).AsSpan(0, 8));

    private static string Text(IEnumerable<Difference> differences) => string.Join('\n', differences);

    /// <summary>What one application of a plan has come to so far.</summary>
    private sealed class Pass(ConnectionFleet fleet, AppliedObjects memory)
    {
        public ConnectionFleet Fleet => fleet;

        public AppliedObjects Memory => memory;

        public int Applied { get; set; }

        public int Unchanged { get; set; }

        public int Deleted { get; set; }

        /// <summary>Something had changed since the plan was made, and is to be thought over.</summary>
        public bool Raced { get; set; }

        public List<DriftCorrection> Drift { get; } = [];

        public List<ApplyProblem> Problems { get; } = [];

        /// <summary>Notes what the API server has against this object. Returns false where a server that fails or is overloaded ends the pass.</summary>
        /// <exception cref="HttpRequestException">The server is away.</exception>
        public async Task<bool> TryAsync(IKubernetesObject value, Func<Task> write)
        {
            try
            {
                await write();
                return true;
            }
            catch (KubernetesException error)
            {
                Problems.Add(ApplyProblem.Of(ApplyReport.NameOf(value), error));
                return !ApplyProblem.EndsPass(error);
            }
            catch (TimeoutException error)
            {
                Problems.Add(ApplyProblem.Of(ApplyReport.NameOf(value), error));
                return false;
            }
        }

        public ApplyReport Report() =>
            new()
            {
                Applied = Applied,
                Unchanged = Unchanged,
                Deleted = Deleted,
                Drift = Drift,
                Problems = Problems,
                Raced = Raced,
            };
    }
}
