using Mooring.Contracts.Configuration;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>What one gateway is reckoned to take until the first of them has said so. Pure.</summary>
internal static class PlannedCapacity
{
    /// <summary>Of the preset Production: about what a gateway takes with the open files that container runtimes give.</summary>
    public const int Unknown = 8250;

    // As the gateway reckons: gateway/Limits/README.md, Auto. Without TLS, for a plan is no promise.
    private const long BaseBytes = 64L << 20;
    private const long ConnectionBytes = 16L << 10;

    /// <summary>The spec's number; with Auto what gateways took when last heard of, else what the limit of their memory allows.</summary>
    public static int Of(ConnectionFleet fleet)
    {
        var gateway = fleet.Spec.Gateway;
        if (gateway.Capacity?.MaxConnections?.Number is { } number)
        {
            return (int)number;
        }

        if (fleet.Status is { Connections.Capacity: > 0 and var capacity, Gateways.Ready: > 0 and var ready })
        {
            return Math.Max(1, capacity / ready);
        }

        var limit = gateway.Resources?.Limits?.TryGetValue("memory", out var memory) == true ? Quantity.ToInt64(memory.ToString()) : null;
        var shed = gateway.Overload?.ShedAtPercent ?? new OverloadConfig().ShedAtPercent;
        return limit is { } bytes ? (int)Math.Clamp(((bytes / 100 * shed) - BaseBytes) / ConnectionBytes, 1, 10_000_000) : Unknown;
    }
}
