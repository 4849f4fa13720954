using System.Text.Json;
using System.Text.Json.Nodes;
using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Events;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;
using Mooring.Operator.Reconciliation;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.AdminApi.InCluster;

/// <summary>Acts on a cluster's fleets: by their scale subresource, their spec and annotations of their pods. The reconciles do the rest. Thread-safe.</summary>
internal sealed class ClusterAdministration(
    FleetCaches caches,
    KubernetesClient client,
    EventRecorder recorder,
    Func<ConnectionFleet, AdminFleet> look,
    GatewayHub gateways,
    Func<bool> leads
) : IFleetAdministration
{
    private const int MaxTries = 5;
    private const string Action = "AdminApi";

    // Of its own, so that the operator's applies and these never look like one writer.
    private static readonly WriteOptions Write = new() { FieldManager = "mooring-admin-api" };

    /// <inheritdoc/>
    public string Mode => "cluster";

    /// <inheritdoc/>
    public string? Unavailable =>
        leads()
            ? null
            : "this replica of the operator does not lead, and only the leader hears the gateways; the Service mooring leads to it";

    /// <inheritdoc/>
    public IReadOnlyList<AdminFleet> Fleets() =>
        [
            .. caches
                .Fleets.List()
                .OrderBy(static fleet => fleet.Metadata.Namespace, StringComparer.Ordinal)
                .ThenBy(static fleet => fleet.Metadata.Name, StringComparer.Ordinal)
                .Select(look),
        ];

    /// <inheritdoc/>
    public AdminFleet? Find(ObjectKey fleet) => caches.Fleets.Find(fleet) is { } entity ? look(entity) : null;

    /// <inheritdoc/>
    public Task<IReadOnlyList<GatewayAnswer>> AskAsync(AdminFleet fleet, QuestionKind about, CancellationToken cancellation) =>
        gateways.AskAsync($"{fleet.Namespace}/{fleet.Name}", about, GatewayHub.AnswerLimit, cancellation);

    /// <inheritdoc/>
    public async Task<AdminOutcome<ScaleAnswer>> ScaleAsync(AdminFleet fleet, int change, string caller, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            // Not from the cache: a maximum that was lowered just now holds.
            var entity = await client.GetAsync(ClusterResources.Fleets, fleet.Namespace, fleet.Name, cancellation);
            if (entity.Metadata.DeletionTimestamp is not null)
            {
                return Problem.Conflict($"the fleet {fleet.Namespace}/{fleet.Name} is being deleted");
            }

            var (before, after) = (entity.Spec.Gateway.Replicas, entity.Spec.Gateway.Replicas + change);
            if (ScaleRules.Check(entity.Spec, before, change) is { } problem)
            {
                return problem;
            }

            try
            {
                // Of two who scale at a time, neither overwrites the other.
                await client.SetScaleAsync(
                    ClusterResources.Fleets,
                    fleet.Namespace,
                    fleet.Name,
                    after,
                    Write,
                    entity.Metadata.ResourceVersion,
                    cancellation
                );
                Tell(fleet, "Scaled", $"{caller} asked for {after} gateways instead of {before}");
                return new ScaleAnswer(before, after, ScaleRules.Note(entity.Spec));
            }
            catch (KubernetesException error) when (error.IsConflict && attempt < MaxTries)
            {
                // The status is written every ten seconds, and that changes the version too.
            }
        }
    }

    /// <inheritdoc/>
    public async Task<AdminOutcome<PauseAnswer>> PauseAsync(
        AdminFleet fleet,
        PauseScope scope,
        bool paused,
        string caller,
        CancellationToken cancellation
    )
    {
        for (var attempt = 1; ; attempt++)
        {
            // Not from the cache: a block that was taken out just now is not to come back with nothing but a pause in it.
            var entity =
                scope == PauseScope.Scaling
                    ? await client.GetAsync(ClusterResources.Fleets, fleet.Namespace, fleet.Name, cancellation)
                    : fleet.Entity;
            if (scope == PauseScope.Scaling && entity.Spec.Scaling is null)
            {
                return Problem.Unprocessable("spec.scaling", "the fleet has none, so there is nothing to pause");
            }

            try
            {
                return await PauseAsync(fleet, scope, paused, entity, caller, cancellation);
            }
            catch (KubernetesException error) when (scope == PauseScope.Scaling && error.IsConflict && attempt < MaxTries)
            {
                // The status is written every ten seconds, and that changes the version too.
            }
        }
    }

    private async Task<PauseAnswer> PauseAsync(
        AdminFleet fleet,
        PauseScope scope,
        bool paused,
        ConnectionFleet entity,
        string caller,
        CancellationToken cancellation
    )
    {
        var body =
            scope == PauseScope.Fleet
                ? new JsonObject { ["spec"] = new JsonObject { ["paused"] = paused } }
                : new JsonObject
                {
                    ["metadata"] = new JsonObject { ["resourceVersion"] = entity.Metadata.ResourceVersion },
                    ["spec"] = new JsonObject { ["scaling"] = new JsonObject { ["paused"] = paused } },
                };
        var changed = await client.PatchAsync(ClusterResources.Fleets, fleet.Namespace, fleet.Name, Merge(body), Write, cancellation);
        var what = scope == PauseScope.Fleet ? "the fleet" : "its scaling";
        Tell(fleet, paused ? "Paused" : "Resumed", $"{caller} {(paused ? "paused" : "resumed")} {what}");
        return (fleet with { Entity = changed }).Pauses;
    }

    /// <inheritdoc/>
    public async Task<AdminOutcome<HoldAnswer>> HoldAsync(
        AdminFleet fleet,
        string gateway,
        GatewayHold? hold,
        string caller,
        CancellationToken cancellation
    )
    {
        var key = ObjectKey.Of(fleet.Entity);
        var pod = caches
            .Pods.OfFleet(key)
            .FirstOrDefault(one =>
                one.Metadata.Name == gateway && one.Metadata.Labels?.GetValueOrDefault(ResourceLabels.Role) == ResourceLabels.GatewayRole
            );
        if (pod is null)
        {
            return Problem.NotFound($"the fleet {key} has no gateway {gateway}");
        }

        if (pod.Metadata.DeletionTimestamp is not null)
        {
            return Problem.Conflict($"{gateway} is ending, and drains by itself");
        }

        if (HoldRules.Check(fleet.Entity.Spec, gateway, DrainAnnotations.Read(pod.Metadata.Annotations), hold) is { } problem)
        {
            return problem;
        }

        var metadata = new JsonObject
        {
            ["uid"] = pod.Metadata.Uid,
            // A null takes the annotation away.
            ["annotations"] = new JsonObject { [HoldAnnotation.Name] = HoldAnnotation.Write(hold) },
        };
        await client.PatchAsync(
            ClusterResources.Pods,
            key.Namespace,
            gateway,
            Merge(new JsonObject { ["metadata"] = metadata }),
            Write,
            cancellation
        );
        Tell(
            fleet,
            hold is null ? "Uncordoned" : $"{hold}Asked",
            $"{caller} asked to {HoldAnnotation.Write(hold) ?? "uncordon"} {gateway}"
        );
        return HoldRules.Answer(fleet, gateway, hold);
    }

    private void Tell(AdminFleet fleet, string reason, string note) =>
        recorder.Publish(fleet.Entity, EventType.Normal, reason, Action, note);

    private static Patch Merge(JsonObject body) =>
        Patch.Merge(JsonSerializer.SerializeToUtf8Bytes(body, KubernetesNodeJson.Default.JsonObject));
}
