using System.Text.Json.Serialization;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Status;

namespace Mooring.Operator.Entities;

/// <summary>JSON of the fleet: camelCase, nulls left out, unknown members skipped.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(SharedTextConverter)]
)]
[JsonSerializable(typeof(ConnectionFleet))]
[JsonSerializable(typeof(KubernetesList<ConnectionFleet>))]
[JsonSerializable(typeof(FleetStatus))]
public sealed partial class FleetJson : JsonSerializerContext;
