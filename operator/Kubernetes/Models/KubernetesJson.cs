using System.Text.Json.Serialization;

namespace Mooring.Kubernetes.Models;

/// <summary>JSON of the kinds that the library itself reads and writes: camelCase, nulls left out, unknown members skipped.</summary>
/// <remarks>
/// A user's own kinds need a context with the same options; <see cref="Client.ResourceType"/> takes its type information. Nulls are left
/// out so that a server-side apply claims only what was set.
/// </remarks>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(SharedTextConverter)]
)]
[JsonSerializable(typeof(PartialObject))]
[JsonSerializable(typeof(Status))]
[JsonSerializable(typeof(ListMeta))]
[JsonSerializable(typeof(Lease))]
[JsonSerializable(typeof(Event))]
[JsonSerializable(typeof(Scale))]
public sealed partial class KubernetesJson : JsonSerializerContext;

/// <summary>JSON of what only goes over the wire and is nobody's kind.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(DeleteOptionsBody))]
[JsonSerializable(typeof(ExecCredential))]
[JsonSerializable(typeof(SeriesPatch))]
internal sealed partial class WireJson : JsonSerializerContext;
