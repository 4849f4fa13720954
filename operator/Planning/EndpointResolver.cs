using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Planning;

/// <summary>Reads a backend's endpoints off a Service's EndpointSlices. Pure.</summary>
public static class EndpointResolver
{
    /// <summary>What one <see cref="EndpointsMessage"/> may hold.</summary>
    public const int MaxEndpoints = 10_000;

    /// <summary>
    /// The endpoints that take connections, and those that are going (<see cref="EndpointInfo.Draining"/>), by id. Empty where the Service is not there or
    /// has no such port.
    /// </summary>
    /// <param name="source">Which Service, and which of its ports.</param>
    /// <param name="service">The Service; null where it is not there.</param>
    /// <param name="slices">Slices of the namespace; those of other Services are skipped.</param>
    public static IReadOnlyList<EndpointInfo> Resolve(EndpointSourcePlan source, Service? service, IEnumerable<EndpointSlice> slices)
    {
        var servicePort = service?.Spec?.Ports?.FirstOrDefault(port =>
            port.Port == source.ServicePort && (port.Protocol ?? "TCP") == source.Protocol
        );
        if (service is null || (servicePort is null && source.ServicePort is not null))
        {
            return [];
        }

        // A pod of a dual-stack Service is in two slices: the address of the first family stands for it.
        var endpoints = new SortedDictionary<string, EndpointInfo>(StringComparer.Ordinal);
        foreach (
            var slice in slices
                .Where(slice => slice.Metadata.Labels?.GetValueOrDefault(EndpointSlice.ServiceNameLabel) == source.Service)
                .OrderBy(slice => slice.AddressType, StringComparer.Ordinal)
                .ThenBy(slice => slice.Metadata.Name, StringComparer.Ordinal)
        )
        {
            // Slices name their ports as the Service does; the only port of a Service may have no name.
            if (slice.Ports?.Find(port => servicePort is null || (port.Name ?? "") == (servicePort.Name ?? ""))?.Port is not { } port)
            {
                continue;
            }

            foreach (var endpoint in slice.Endpoints ?? [])
            {
                if (Read(endpoint, port) is { } info && (endpoints.Count < MaxEndpoints || endpoints.ContainsKey(info.Id)))
                {
                    Add(endpoints, info);
                }
            }
        }

        return [.. endpoints.Values];
    }

    // While a pod moves from one slice to another it is in both, and the serving entry is the newer one.
    private static void Add(SortedDictionary<string, EndpointInfo> endpoints, EndpointInfo info)
    {
        if (!endpoints.TryAdd(info.Id, info) && endpoints[info.Id].Draining && !info.Draining)
        {
            endpoints[info.Id] = info;
        }
    }

    private static EndpointInfo? Read(SliceEndpoint endpoint, int port)
    {
        var conditions = endpoint.Conditions;
        var ready = conditions?.Ready ?? true;
        var draining = conditions?.Terminating == true && (conditions.Serving ?? true);
        return endpoint.Addresses is [var address, ..] && (ready || draining)
            ? new EndpointInfo
            {
                Id = endpoint.TargetRef?.Name ?? address,
                Address = address,
                Port = port,
                Draining = draining,
            }
            : null;
    }
}
