using System.Text.Json.Serialization;

namespace Mooring.Benchmarks.Backend;

/// <summary>What the backend has seen.</summary>
/// <param name="Open">Connections open now.</param>
/// <param name="Accepted">Connections since the start.</param>
internal sealed record BackendCounts(int Open, long Accepted);

[JsonSerializable(typeof(BackendCounts))]
internal sealed partial class BackendJson : JsonSerializerContext;
