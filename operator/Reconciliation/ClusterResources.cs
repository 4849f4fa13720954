using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Reconciliation;

/// <summary>The API resources that the operator reads and writes.</summary>
internal static class ClusterResources
{
    public static ResourceType<ConnectionFleet> Fleets { get; } = ResourceType.For(FleetJson.Default.ConnectionFleet);

    public static ResourceType<ServiceAccount> ServiceAccounts { get; } = ResourceType.For(ResourcesJson.Default.ServiceAccount);

    public static ResourceType<ConfigMap> ConfigMaps { get; } = ResourceType.For(ResourcesJson.Default.ConfigMap);

    public static ResourceType<Service> Services { get; } = ResourceType.For(ResourcesJson.Default.Service);

    public static ResourceType<PodDisruptionBudget> Budgets { get; } = ResourceType.For(ResourcesJson.Default.PodDisruptionBudget);

    public static ResourceType<NetworkPolicy> NetworkPolicies { get; } = ResourceType.For(ResourcesJson.Default.NetworkPolicy);

    public static ResourceType<ServiceMonitor> ServiceMonitors { get; } = ResourceType.For(ResourcesJson.Default.ServiceMonitor);

    public static ResourceType<Deployment> Deployments { get; } = ResourceType.For(ResourcesJson.Default.Deployment);

    public static ResourceType<DaemonSet> DaemonSets { get; } = ResourceType.For(ResourcesJson.Default.DaemonSet);

    public static ResourceType<HorizontalPodAutoscaler> Autoscalers { get; } =
        ResourceType.For(ResourcesJson.Default.HorizontalPodAutoscaler);

    public static ResourceType<Pod> Pods { get; } = ResourceType.For(ResourcesJson.Default.Pod);

    public static ResourceType<EndpointSlice> EndpointSlices { get; } = ResourceType.For(ResourcesJson.Default.EndpointSlice);
}
