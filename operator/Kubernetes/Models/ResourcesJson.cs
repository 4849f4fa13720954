using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mooring.Kubernetes.Models;

/// <summary>JSON of the kinds that an operator renders and reads: camelCase, nulls left out, unknown members skipped.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(SharedTextConverter)]
)]
[JsonSerializable(typeof(ConfigMap))]
[JsonSerializable(typeof(DaemonSet))]
[JsonSerializable(typeof(Deployment))]
[JsonSerializable(typeof(EndpointSlice))]
[JsonSerializable(typeof(HorizontalPodAutoscaler))]
[JsonSerializable(typeof(NetworkPolicy))]
[JsonSerializable(typeof(Pod))]
[JsonSerializable(typeof(PodDisruptionBudget))]
[JsonSerializable(typeof(Service))]
[JsonSerializable(typeof(ServiceAccount))]
[JsonSerializable(typeof(ServiceMonitor))]
[JsonSerializable(typeof(KubernetesList<ConfigMap>))]
[JsonSerializable(typeof(KubernetesList<DaemonSet>))]
[JsonSerializable(typeof(KubernetesList<Deployment>))]
[JsonSerializable(typeof(KubernetesList<EndpointSlice>))]
[JsonSerializable(typeof(KubernetesList<HorizontalPodAutoscaler>))]
[JsonSerializable(typeof(KubernetesList<NetworkPolicy>))]
[JsonSerializable(typeof(KubernetesList<Pod>))]
[JsonSerializable(typeof(KubernetesList<PodDisruptionBudget>))]
[JsonSerializable(typeof(KubernetesList<Service>))]
[JsonSerializable(typeof(KubernetesList<ServiceAccount>))]
[JsonSerializable(typeof(KubernetesList<ServiceMonitor>))]
public sealed partial class ResourcesJson : JsonSerializerContext
{
    /// <summary>The object as the API server would get it.</summary>
    /// <exception cref="NotSupportedException">The object is none of the kinds above.</exception>
    public static byte[] Serialize(IKubernetesObject value) =>
        JsonSerializer.SerializeToUtf8Bytes(
            value,
            Default.GetTypeInfo(value.GetType()) ?? throw new NotSupportedException($"{value.GetType().Name} has no JSON form here")
        );
}
