using System.Buffers;
using System.Collections.Concurrent;
using System.Text.Json;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Reconciliation;

/// <summary>Writes a fleet's status when it is worth a write (<see cref="StatusWriteRule"/>). Thread-safe for different fleets.</summary>
internal sealed class StatusWriter(KubernetesClient client, TimeProvider time)
{
    /// <summary>What met a newer state is tried again after this: its event may have come already, or never come.</summary>
    public static readonly TimeSpan AfterConflict = TimeSpan.FromSeconds(2);

    private static readonly WriteOptions Status = new() { Subresource = "status" };

    private readonly ConcurrentDictionary<ObjectKey, Written> _written = new();

    /// <summary>The fleet with the status that was written last, where the cache does not show it yet.</summary>
    public ConnectionFleet WithNewestStatus(ConnectionFleet fleet)
    {
        var key = ObjectKey.Of(fleet);
        if (!_written.TryGetValue(key, out var last) || last.Status is not { } status)
        {
            return fleet;
        }

        if (last.VersionBefore == fleet.Metadata.ResourceVersion && last.Uid == fleet.Metadata.Uid)
        {
            return fleet with { Status = status };
        }

        // The cache shows it, or what came later: it need not be kept twice.
        _written.TryUpdate(key, last with { Status = null }, last);
        return fleet;
    }

    /// <summary>Writes the status, or not.</summary>
    /// <returns>When to come back for a write that has to wait; null: nothing waits.</returns>
    public async Task<TimeSpan?> WriteAsync(ConnectionFleet fleet, FleetStatus status, CancellationToken cancellation)
    {
        var key = ObjectKey.Of(fleet);
        var now = time.GetUtcNow();
        var writtenAt = _written.TryGetValue(key, out var last) ? last.At : (DateTimeOffset?)null;
        switch (StatusWriteRule.Delay(fleet.Status, status, writtenAt, now))
        {
            case null:
                return null;
            case { } wait when wait > TimeSpan.Zero:
                return wait;
        }

        try
        {
            await client.PatchRawAsync(
                ClusterResources.Fleets,
                key.Namespace,
                key.Name,
                Body(fleet, status),
                Status,
                isIdempotent: true,
                cancellation
            );
            _written[key] = new Written(fleet.Metadata.Uid, fleet.Metadata.ResourceVersion, status, now);
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            // Deleted: there is nobody left to tell.
        }
        catch (KubernetesException error) when (error.IsConflict)
        {
            // Replaced by another of its name, which the cache will show by then; or somebody between here and the API server does not want to for now.
            return AfterConflict;
        }

        return null;
    }

    public void Forget(ObjectKey fleet) => _written.TryRemove(fleet, out _);

    // The whole status at once, which nobody else writes. An apply would do the same for half as much again of the API server's time: for a definition as large
    // as the fleet's it is by far the dearest request there is. The uid keeps it from reaching a fleet that came later.
    private static Patch Body(ConnectionFleet fleet, FleetStatus status)
    {
        var buffer = new ArrayBufferWriter<byte>(2048);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartArray();
            json.WriteStartObject();
            json.WriteString("op", "add");
            json.WriteString("path", "/metadata/uid");
            json.WriteString("value", fleet.Metadata.Uid);
            json.WriteEndObject();
            json.WriteStartObject();
            json.WriteString("op", "add");
            json.WriteString("path", "/status");
            json.WritePropertyName("value");
            JsonSerializer.Serialize(json, status, FleetJson.Default.FleetStatus);
            json.WriteEndObject();
            json.WriteEndArray();
        }

        return Patch.Json(buffer.WrittenMemory);
    }

    private sealed record Written(string? Uid, string? VersionBefore, FleetStatus? Status, DateTimeOffset At);
}
