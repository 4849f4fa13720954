using Mooring.Contracts.Configuration;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>The part of <see cref="GatewayConfigRenderer"/> on memory.</summary>
internal static class OverloadRenderer
{
    /// <summary>
    /// Null: memory is not watched. A pod with a limit of memory is watched unasked, as the kernel would end it otherwise, with all its
    /// connections; on a host the gateways' cgroup has others in it.
    /// </summary>
    public static OverloadConfig? Render(GatewaySpec gateway, FleetPlatform platform)
    {
        var isLimitedPod = platform == FleetPlatform.Kubernetes && gateway.Resources?.Limits?.ContainsKey("memory") == true;
        if (gateway.Overload is null && !isLimitedPod)
        {
            return null;
        }

        var defaults = new OverloadConfig();
        return new OverloadConfig
        {
            MemoryLimitBytes = gateway.Overload?.MemoryLimit is { Text: not "Auto" } or { Number: not null }
                ? Quantity.ToInt64(gateway.Overload.MemoryLimit.Value.ToString())!.Value
                : 0,
            ShedAtPercent = gateway.Overload?.ShedAtPercent ?? defaults.ShedAtPercent,
            PauseAtPercent = gateway.Overload?.PauseAtPercent ?? defaults.PauseAtPercent,
        };
    }
}
