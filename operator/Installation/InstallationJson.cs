using System.Text.Json.Serialization;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Installation;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(Lease))]
[JsonSerializable(typeof(KubernetesList<Lease>))]
internal sealed partial class InstallationJson : JsonSerializerContext;
