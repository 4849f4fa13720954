using System.Text.Json.Serialization;
using Mooring.Operator.Dashboard;

namespace Mooring.Operator.AdminApi;

/// <summary>JSON of the admin API: camelCase, nulls left out, enumerations as words.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true
)]
[JsonSerializable(typeof(FleetOverview))]
[JsonSerializable(typeof(IReadOnlyList<FleetOverview>))]
[JsonSerializable(typeof(FleetStats))]
[JsonSerializable(typeof(CapacityAnswer))]
[JsonSerializable(typeof(ClusterStatus))]
[JsonSerializable(typeof(ScaleAnswer))]
[JsonSerializable(typeof(PauseAnswer))]
[JsonSerializable(typeof(HoldAnswer))]
[JsonSerializable(typeof(BackendsAnswer))]
[JsonSerializable(typeof(TunnelsAnswer))]
[JsonSerializable(typeof(SlowConsumersAnswer))]
[JsonSerializable(typeof(ScaleRequest))]
[JsonSerializable(typeof(Problem))]
internal sealed partial class AdminJson : JsonSerializerContext;
