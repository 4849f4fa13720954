using Mooring.Operator.Entities;
using Mooring.Operator.Planning.Workloads;

namespace Mooring.Operator.Planning;

/// <summary>Endpoints of one backend: how many are wanted or known, and how many take connections.</summary>
internal sealed record BackendFigures(string Name, int Desired, int Ready)
{
    private static readonly TimeSpan StartTime = TimeSpan.FromMinutes(2);

    /// <summary>Fewer than wanted; of a Service that is not ours, none.</summary>
    public required bool IsShort { get; init; }

    public static BackendFigures Of(BackendSpec backend, StatusInput input)
    {
        if (backend.Addresses is { } addresses)
        {
            var answering = addresses.Count(address => !IsOutEverywhere(backend.Name, address.Address, input));
            return new BackendFigures(backend.Name, addresses.Count, answering) { IsShort = answering < addresses.Count };
        }

        var found = input.Endpoints.TryGetValue(backend.Name, out var known);
        known ??= [];
        var serving = known.Count(endpoint => !endpoint.Draining);
        if (backend.Workload is { } workload)
        {
            var planned = input.Plan?.Workloads.FirstOrDefault(plan => plan.Backend == backend.Name);
            var wanted = planned?.Replicas ?? workload.Replicas;
            var ready = Math.Min(serving, wanted);
            return new BackendFigures(backend.Name, wanted, ready)
            {
                IsShort = ready < wanted && !IsGrowing(workload, ready, input, backend.Name),
            };
        }

        // A Service that has not been read yet says nothing against its backend.
        return new BackendFigures(backend.Name, serving, serving) { IsShort = found && serving == 0 };
    }

    // Pods that the load has just called for are on their way: that is no fault, and what was there serves.
    private static bool IsGrowing(WorkloadSpec workload, int ready, StatusInput input, string backend) =>
        workload.Scaling is { } scaling
        && ready >= scaling.MinReplicas
        && input.Input.Fleet.Status?.Workloads?.FirstOrDefault(status => status.Name == backend) is var last
        && (last is null || WorkloadScaling.Read(last.LastScaleUpTime) is { } raised && input.Now - raised < StartTime);

    // Nobody but the gateways looks at a fixed address: it is out when all that speak of it say so.
    private static bool IsOutEverywhere(string backend, string address, StatusInput input)
    {
        var opinions = (input.View?.Gateways ?? [])
            .SelectMany(gateway => gateway.Report?.Backends ?? [])
            .Where(load => load.Name == backend)
            .SelectMany(load => load.Endpoints)
            .Where(endpoint => endpoint.Id == address && !endpoint.Gone)
            .ToList();
        return opinions.Count > 0 && opinions.TrueForAll(endpoint => !endpoint.Healthy);
    }
}
