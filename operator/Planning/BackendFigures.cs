using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Endpoints of one backend: how many are wanted or known, and how many take connections.</summary>
internal sealed record BackendFigures(string Name, int Desired, int Ready)
{
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
            var ready = Math.Min(serving, workload.Replicas);
            return new BackendFigures(backend.Name, workload.Replicas, ready) { IsShort = ready < workload.Replicas };
        }

        // A Service that has not been read yet says nothing against its backend.
        return new BackendFigures(backend.Name, serving, serving) { IsShort = found && serving == 0 };
    }

    // Nobody but the gateways looks at a fixed address: it is out when all that speak of it say so.
    private static bool IsOutEverywhere(string backend, string address, StatusInput input)
    {
        var opinions = (input.View?.Gateways ?? [])
            .SelectMany(gateway => gateway.Report?.Backends ?? [])
            .Where(load => load.Name == backend)
            .SelectMany(load => load.Endpoints)
            .Where(endpoint => endpoint.Id == address)
            .ToList();
        return opinions.Count > 0 && opinions.TrueForAll(endpoint => !endpoint.Healthy);
    }
}
