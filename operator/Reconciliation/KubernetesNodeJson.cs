using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Mooring.Operator.Reconciliation;

/// <summary>JSON that is put together by hand where exact control over the fields matters.</summary>
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class KubernetesNodeJson : JsonSerializerContext;
